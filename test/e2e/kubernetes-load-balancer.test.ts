/**
 * Clients outside that come in over a LoadBalancer. Nothing here gives Services addresses, so the test does, as a balancer would:
 * it writes them into their status, and leads their traffic to a node, where kube-proxy knows them by that status.
 */
import { execPath } from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitFor } from '../support/wait-for.ts';
import { GONE_WITHIN_MS, KubeNamespace } from './support/kube-namespace.ts';
import { localKube, MISSING_KUBE, mustRun } from './support/local-kube.ts';
import { connectOnce } from './support/new-connections.ts';
import { installRelease, RELEASE_TIMEOUT_MS, report } from './support/orbitmq-release.ts';

const READY_WITHIN_MS = 120_000;
const WAITS_WITHIN_MS = 30_000;
const CLIENT_TIMEOUT_MS = 120_000;
const CONNECT_TIMEOUT_MS = 2_000;
const TEST_TIMEOUT_MS = 300_000;
const SEND_COUNT = 20;
const CLIENT = 'test/e2e/fixtures/official-client.mjs';
const NAME = 'mq';
const PORT = 8081;
/** Of a network for documentation, which is nowhere. */
const BALANCERS = {
  namesrv: '203.0.113.6',
  'broker-0': '203.0.113.7',
  'broker-1': '203.0.113.8',
} as const;
const ANOTHER = '203.0.113.9';
const WAITS = 'the address of the load balancer in the status of its Service';

const CLUSTER = {
  apiVersion: 'orbitmq.io/v1alpha1',
  kind: 'BrokerCluster',
  metadata: { name: NAME },
  spec: {
    ...{ groups: 2, replicasPerGroup: 2, replication: 'sync', namesrv: { replicas: 3 } },
    storage: { size: '1Gi', deletionPolicy: 'Delete' },
    listeners: { external: { type: 'LoadBalancer' } },
  },
};
const TOPIC = {
  apiVersion: 'orbitmq.io/v1alpha1',
  kind: 'Topic',
  metadata: { name: 'orders' },
  spec: { clusterRef: { name: NAME }, queuesPerGroup: 2 },
};
const READERS = {
  apiVersion: 'orbitmq.io/v1alpha1',
  kind: 'ConsumerGroup',
  metadata: { name: 'readers' },
  spec: { clusterRef: { name: NAME }, startPosition: 'earliest' },
};

interface GroupStatus {
  readonly address?: string;
  readonly message?: string;
}

const suite = MISSING_KUBE === undefined ? describe : describe.skip;
const why = MISSING_KUBE === undefined ? '' : ` (skipped: ${MISSING_KUBE})`;

suite(`A cluster behind load balancers${why}`, () => {
  let outside: KubeNamespace;

  beforeAll(async () => {
    await installRelease();
    outside = await KubeNamespace.create(`outside-${Date.now().toString(36)}`);
    for (const address of [...Object.values(BALANCERS), ANOTHER]) {
      await localKube.leadToNode(address, 1);
    }
  }, RELEASE_TIMEOUT_MS);

  afterAll(async () => {
    for (const address of [...Object.values(BALANCERS), ANOTHER]) {
      await localKube.leadNowhere(address);
    }
    await outside.delete(GONE_WITHIN_MS);
  }, TEST_TIMEOUT_MS);

  async function groups(): Promise<readonly GroupStatus[]> {
    const cluster = await outside.get('brokercluster', NAME);
    return (cluster?.status?.['groups'] ?? []) as GroupStatus[];
  }

  function writeAddress(part: string, ip: string): Promise<string> {
    const status = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip }] } } });
    const words = ['patch', 'service', `${NAME}-${part}-external`, '--subresource', 'status'];
    return outside.kubectl([...words, '--type', 'merge', '--patch', status]);
  }

  /** A balancer tells its address when it leads somewhere; here the test tells it, and kube-proxy hears of it a moment later. */
  async function untilReachable(addresses: readonly string[]): Promise<void> {
    for (const host of addresses) {
      const connects = async (): Promise<true | undefined> => {
        const why = await connectOnce(`${host}:${PORT}`, CONNECT_TIMEOUT_MS);
        return why === undefined ? true : undefined;
      };
      await waitFor(`an answer at ${host}`, READY_WITHIN_MS, connects, 200);
    }
  }

  /** Of an official client that begins at the balancer of the NameServers, and reaches only what it is told. */
  async function receivesAll(): Promise<void> {
    const words = [CLIENT, `${BALANCERS.namesrv}:${PORT}`, 'orders', 'readers', String(SEND_COUNT)];
    const text = await mustRun(execPath, words, { timeoutMs: CLIENT_TIMEOUT_MS });
    const { sent, received } = JSON.parse(text.split('\n').at(-1) ?? '{}') as {
      sent: string[];
      received: string[];
    };
    expect(sent).toHaveLength(SEND_COUNT);
    expect([...new Set(received)].sort()).toEqual([...sent].sort());
  }

  it(
    'waits for their addresses, and says so',
    async () => {
      await outside.apply(CLUSTER, TOPIC, READERS);
      await outside.until('each group to say what it waits for', WAITS_WITHIN_MS, async () => {
        const found = await groups();
        const waits = found.filter(({ message }) => message?.includes(WAITS));
        return waits.length === CLUSTER.spec.groups ? true : undefined;
      });
      const [ready] = (await outside.get('brokercluster', NAME))?.status?.conditions ?? [];
      expect(ready).toMatchObject({ type: 'Ready', status: 'False' });
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'is ready with the address of each once they have them, and serves official clients over them',
    async () => {
      for (const [part, ip] of Object.entries(BALANCERS)) await writeAddress(part, ip);
      const { tookMs } = await outside.untilCondition(
        ['brokercluster', NAME],
        ['Ready', 'True'],
        READY_WITHIN_MS,
      );
      report('ready after the addresses of load balancers, s', Math.round(tookMs / 100) / 10);
      const cluster = await outside.get('brokercluster', NAME);
      expect(cluster?.status?.['addresses']).toMatchObject({
        external: `${BALANCERS.namesrv}:${PORT}`,
      });
      expect((await groups()).map(({ address }) => address)).toEqual([
        `${BALANCERS['broker-0']}:${PORT}`,
        `${BALANCERS['broker-1']}:${PORT}`,
      ]);
      // A group that is not there yet would be made by its first consumer, which begins with what comes then.
      for (const object of ['topic.orbitmq.io/orders', 'consumergroup.orbitmq.io/readers']) {
        const [kind = '', name = ''] = object.split('/');
        await outside.untilCondition([kind, name], ['Ready', 'True'], READY_WITHIN_MS);
      }
      await untilReachable(Object.values(BALANCERS));
      await receivesAll();
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'tells the new address when one of them gets another one',
    async () => {
      await writeAddress('broker-1', ANOTHER);
      await outside.until('the other address to be told', READY_WITHIN_MS, async () =>
        (await groups())[1]?.address === `${ANOTHER}:${PORT}` ? true : undefined,
      );
      for (const [type, status] of [
        ['Progressing', 'False'],
        ['Ready', 'True'],
      ] as const) {
        await outside.untilCondition(['brokercluster', NAME], [type, status], READY_WITHIN_MS);
      }
      await untilReachable([ANOTHER]);
      await receivesAll();
    },
    TEST_TIMEOUT_MS,
  );
});
