/** What the first hour with OrbitMQ on Kubernetes looks like: one test after the other, on one real cluster. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { execPath } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitFor } from '../support/wait-for.ts';
import { GONE_WITHIN_MS, KubeNamespace, OPERATOR_NAMESPACE } from './support/kube-namespace.ts';
import { localKube, MISSING_KUBE, mustRun, NODES } from './support/local-kube.ts';
import { callsBetween, operatorFigures, writesIn } from './support/operator-figures.ts';
import { IMAGE, installRelease, RELEASE_TIMEOUT_MS, report } from './support/orbitmq-release.ts';

const READY_WITHIN_MS = 90_000;
const TOPICS = 200;
const TOPICS_WITHIN_MS = 30_000;
const QUIET_MS = 60_000;
/** A slave or a probe that gets no time for some seconds is news, and is written. An operator that always writes has no quiet minute. */
const QUIET_MINUTES_MAX = 3;
/** Events of 200 topics are written one after the other, behind everything else. */
const TOLD_WITHIN_MS = 30_000;
const TOLD_MS = 3_000;
const SEND_COUNT = 20;
const CLIENT_TIMEOUT_MS = 120_000;
const TEST_TIMEOUT_MS = 300_000;

const WRONG_RESOURCES = join(import.meta.dirname, 'fixtures/wrong-resources');
const SAMPLE = readFileSync('docs/samples/quick-start.yaml', 'utf8');
const NODE_PORT = 31280;
/** The same with a door for clients outside; two groups, each with a master and a slave in sync. */
const SAMPLE_OUTSIDE = SAMPLE.replace(
  '  replication: sync\n',
  `  replication: sync\n  listeners: { external: { type: NodePort, nodePortBase: ${NODE_PORT} } }\n`,
);
const CLIENT = 'test/e2e/fixtures/official-client.mjs';

const topic = (name: string, topicName = name, cluster = 'orbitmq'): object => ({
  apiVersion: 'orbitmq.io/v1alpha1',
  kind: 'Topic',
  metadata: { name },
  spec: { clusterRef: { name: cluster }, name: topicName, queuesPerGroup: 1 },
});

/** Until the operator has written all events that it had to tell. */
async function untilTold(): Promise<void> {
  let before = await operatorFigures();
  await waitFor('the operator to be silent', TOLD_WITHIN_MS, async () => {
    await sleep(TOLD_MS);
    const after = await operatorFigures();
    const writes = writesIn(callsBetween(before, after));
    before = after;
    return writes.length === 0 ? true : undefined;
  });
}

/** The official client in a pod of our image; packages come from this checkout, which the nodes see. */
function clientPod(name: string, ...words: readonly string[]): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      restartPolicy: 'Never',
      containers: [
        {
          ...{ name: 'client', image: IMAGE, imagePullPolicy: 'IfNotPresent' },
          command: ['node', `/repository/${CLIENT}`, ...words],
          volumeMounts: [{ name: 'repository', mountPath: '/repository', readOnly: true }],
        },
      ],
      volumes: [{ name: 'repository', hostPath: { path: resolve('.') } }],
    },
  };
}

const suite = MISSING_KUBE === undefined ? describe : describe.skip;
const why = MISSING_KUBE === undefined ? '' : ` (skipped: ${MISSING_KUBE})`;

suite(`OrbitMQ on Kubernetes${why}`, () => {
  let shop: KubeNamespace;
  let operatorsBefore: readonly string[];

  beforeAll(async () => {
    await installRelease();
    operatorsBefore = await operators();
    shop = await KubeNamespace.create(`shop-${Date.now().toString(36)}`);
  }, RELEASE_TIMEOUT_MS);

  afterAll(async () => {
    await shop.delete(GONE_WITHIN_MS);
  }, TEST_TIMEOUT_MS);

  /** Each pod of the operator, with how often it was restarted. */
  async function operators(): Promise<readonly string[]> {
    const selector = 'app.kubernetes.io/component=operator';
    const system = KubeNamespace.existing(OPERATOR_NAMESPACE);
    const pods = await system.list('pods', '--selector', selector);
    return pods.map(({ metadata, status }) => {
      const [container] = (status?.['containerStatuses'] ?? []) as { restartCount: number }[];
      return `${metadata.name} ${container?.restartCount ?? 0}`;
    });
  }

  /** Of every object in the namespace; events and leases are no state. */
  async function versions(): Promise<readonly string[]> {
    const kinds = [
      ...['brokerclusters', 'brokergroups', 'topics.orbitmq.io', 'consumergroups', 'pods'],
      ...['services', 'statefulsets', 'configmaps', 'secrets', 'persistentvolumeclaims'],
      ...['poddisruptionbudgets', 'networkpolicies', 'serviceaccounts'],
    ];
    const objects = await shop.list(kinds.join(','));
    return objects.map(
      ({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.resourceVersion}`,
    );
  }

  it(
    'has a cluster and a topic ready within 90 s of kubectl apply',
    async () => {
      await shop.apply(SAMPLE_OUTSIDE);
      const startMs = performance.now();
      const cluster = await shop.untilCondition(
        ['brokercluster', 'orbitmq'],
        ['Ready', 'True'],
        READY_WITHIN_MS,
      );
      await shop.untilCondition(['topic.orbitmq.io', 'orders'], ['Ready', 'True'], READY_WITHIN_MS);
      const tookMs = performance.now() - startMs;
      report('apply to ready, s', Math.round(tookMs / 100) / 10);
      expect(tookMs).toBeLessThan(READY_WITHIN_MS);
      expect(cluster.found.message).toBe('2 groups serve');
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'can lose a master, and says so, when the slaves are in sync',
    async () => {
      for (const type of ['FailoverPossible', 'AckedDataProtected']) {
        await shop.untilCondition(['brokercluster', 'orbitmq'], [type, 'True'], READY_WITHIN_MS);
      }
    },
    TEST_TIMEOUT_MS,
  );

  /** What the official client says at its end: it has received everything that it sent, and nothing else. */
  function hasReceivedAll(log: string): void {
    const { sent, received } = JSON.parse(log.split('\n').at(-1) ?? '{}') as {
      sent: string[];
      received: string[];
    };
    expect(sent).toHaveLength(SEND_COUNT);
    expect([...new Set(received)].sort()).toEqual([...sent].sort());
  }
  const WORDS = ['orders', 'readers', String(SEND_COUNT)];

  it(
    'serves an official client in a pod',
    async () => {
      await shop.apply({
        apiVersion: 'orbitmq.io/v1alpha1',
        kind: 'ConsumerGroup',
        metadata: { name: 'readers' },
        spec: { clusterRef: { name: 'orbitmq' }, startPosition: 'earliest' },
      });
      // A group that is not there yet would be made by its first consumer, which begins with what comes then.
      await shop.untilCondition(
        ['consumergroup.orbitmq.io', 'readers'],
        ['Ready', 'True'],
        READY_WITHIN_MS,
      );
      await shop.apply(clientPod('client', `orbitmq-namesrv.${shop.name}.svc:8081`, ...WORDS));
      const isOver = async (): Promise<true | undefined> => {
        const phase = (await shop.get('pod', 'client'))?.status?.['phase'];
        return phase === 'Succeeded' || phase === 'Failed' ? true : undefined;
      };
      await shop.until('the end of the client', CLIENT_TIMEOUT_MS, isOver);
      hasReceivedAll(await shop.kubectl(['logs', 'client']));
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'serves an official client outside, through a NodePort of any node',
    async () => {
      for (let node = 1; node <= NODES; node++) {
        const words = [CLIENT, `${localKube.nodeAddress(node)}:${NODE_PORT}`, ...WORDS];
        hasReceivedAll(await mustRun(execPath, words, { timeoutMs: CLIENT_TIMEOUT_MS }));
      }
    },
    TEST_TIMEOUT_MS,
  );

  it(
    `has ${TOPICS} topics, applied at once, ready within 30 s`,
    async () => {
      const names = Array.from({ length: TOPICS }, (_, index) => `many-${index}`);
      await shop.apply(...names.map((name) => topic(name)));
      const { tookMs } = await shop.until('all topics to be ready', GONE_WITHIN_MS, async () => {
        const topics = await shop.list('topics.orbitmq.io');
        const isReady = ({ status }: (typeof topics)[number]): boolean =>
          status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true;
        return topics.filter(isReady).length > TOPICS ? true : undefined;
      });
      report('200 topics, s', Math.round(tookMs / 100) / 10);
      expect(tookMs).toBeLessThan(TOPICS_WITHIN_MS);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'writes nothing to the API for a minute once all is as it should be',
    async () => {
      await untilTold();
      for (let minute = 1; minute <= QUIET_MINUTES_MAX; minute++) {
        const [before, figures] = [await versions(), await operatorFigures()];
        await sleep(QUIET_MS);
        const [after, later] = [await versions(), await operatorFigures()];
        const calls = callsBetween(figures, later);
        report('calls of a quiet operator in a minute', calls.join(', '));
        report('memory of the operator, MB', Math.round(later.residentBytes / 1e6));
        if (calls.length === 0 && isDeepStrictEqual(after, before)) break;
        if (minute < QUIET_MINUTES_MAX) continue;
        expect(after).toEqual(before);
        expect(writesIn(calls)).toEqual([]);
        expect(calls).toEqual([]);
      }
    },
    TEST_TIMEOUT_MS + QUIET_MINUTES_MAX * QUIET_MS,
  );

  it(
    'reports that two Topics claim one name, and lets the older one have it',
    async () => {
      await shop.apply(topic('second', 'orders'));
      const { found } = await shop.untilCondition(
        ['topic.orbitmq.io', 'second'],
        ['Conflict', 'True'],
        READY_WITHIN_MS,
      );
      expect(found).toMatchObject({ reason: 'NameConflict' });
      expect(found.message).toContain('orders');
      await shop.untilCondition(
        ['topic.orbitmq.io', 'orders'],
        ['Conflict', 'False'],
        READY_WITHIN_MS,
      );
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'lets go of Topics whose cluster was deleted first',
    async () => {
      await shop.kubectl(['delete', 'brokercluster', 'orbitmq', '--wait=false']);
      await shop.kubectl(['delete', 'topics.orbitmq.io', '--all', '--timeout=100s'], {
        timeoutMs: GONE_WITHIN_MS,
      });
      await shop.until('the cluster and its pods to be gone', GONE_WITHIN_MS, async () =>
        (await shop.list('brokerclusters,statefulsets,pods', '--selector', 'orbitmq.io/cluster'))
          .length === 0
          ? true
          : undefined,
      );
    },
    TEST_TIMEOUT_MS,
  );

  describe('refuses, with field and reason', () => {
    it.each(readdirSync(WRONG_RESOURCES))(
      '%s',
      async (file) => {
        const text = readFileSync(join(WRONG_RESOURCES, file), 'utf8');
        const expected = [...text.matchAll(/^# expect: (.*)$/gm)].map(([, part = '']) => part);
        const [right = '', wrong = ''] = text.split(/^---$/m);
        await shop.apply(right);
        try {
          const { code, stderr } = await shop.tryApply(wrong);
          expect(code).not.toBe(0);
          for (const part of expected) expect(stderr).toContain(part);
        } finally {
          await shop.kubectl(['delete', '--filename', '-', '--wait=true'], { input: right });
        }
      },
      TEST_TIMEOUT_MS,
    );
  });

  it(
    'ends with its namespace, whatever is in it',
    async () => {
      await shop.apply(SAMPLE, topic('more'));
      await shop.until('a first pod', READY_WITHIN_MS, async () =>
        (await shop.list('pods', '--selector', 'orbitmq.io/cluster')).length > 0 ? true : undefined,
      );
      const tookMs = await shop.delete(GONE_WITHIN_MS);
      report('namespace gone, s', Math.round(tookMs / 100) / 10);
    },
    TEST_TIMEOUT_MS,
  );

  it('has an operator that did not restart', async () => {
    // Of an earlier suite one may have been on its way out at first.
    expect(operatorsBefore).toEqual(expect.arrayContaining([...(await operators())]));
  });
});
