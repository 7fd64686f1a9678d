/** The life of a release: upgrade, rollback, uninstall, and installing it again around clusters that go on. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KubeNamespace, OPERATOR_NAMESPACE } from './support/kube-namespace.ts';
import { localKube, MISSING_KUBE, mustRun, run } from './support/local-kube.ts';
import {
  CHART,
  helmUpgrade,
  IMAGE,
  installRelease,
  OTHER_IMAGE,
  RELEASE,
  RELEASE_TIMEOUT_MS,
} from './support/orbitmq-release.ts';

const READY_WITHIN_MS = 120_000;
const HELM_TIMEOUT_MS = 240_000;
const HELM_WAIT = ['--wait', '--timeout', '200s'];
const TEST_TIMEOUT_MS = 480_000;
const OTHER_TAG = OTHER_IMAGE.split(':')[1] ?? '';
/** Another release, elsewhere. */
const ELSEWHERE = { release: 'again', namespace: 'orbitmq-elsewhere' };

/** Its nodes have an image of their own, as in production: the operator's is none of their business. */
const CLUSTER = {
  apiVersion: 'orbitmq.io/v1alpha1',
  kind: 'BrokerCluster',
  metadata: { name: 'kept' },
  spec: {
    ...{ image: IMAGE, groups: 1, replicasPerGroup: 2, replication: 'sync' },
    namesrv: { replicas: 1 },
    storage: { size: '1Gi' },
  },
};

const suite = MISSING_KUBE === undefined ? describe : describe.skip;
const why = MISSING_KUBE === undefined ? '' : ` (skipped: ${MISSING_KUBE})`;

suite(`a release of the chart${why}`, () => {
  let shop: KubeNamespace;
  let release: KubeNamespace;

  const helm = (...words: readonly string[]): Promise<string> =>
    mustRun('helm', words, { timeoutMs: HELM_TIMEOUT_MS });

  beforeAll(async () => {
    await installRelease();
    await localKube.tagImage(IMAGE, OTHER_IMAGE);
    release = KubeNamespace.existing(OPERATOR_NAMESPACE);
    shop = await KubeNamespace.create(`life-${Date.now().toString(36)}`);
    await shop.apply(CLUSTER);
    await untilReady(shop, 'kept');
    await orbitmq('topic', 'create', 'letters');
    await orbitmq('group', 'create', 'readers', '--from', 'earliest');
  }, RELEASE_TIMEOUT_MS);

  afterAll(async () => {
    await shop.delete(READY_WITHIN_MS);
  }, TEST_TIMEOUT_MS);

  async function untilReady(namespace: KubeNamespace, name: string): Promise<void> {
    for (const [type, status] of [
      ['Ready', 'True'],
      ['Progressing', 'False'],
    ] as const) {
      await namespace.untilCondition(['brokercluster', name], [type, status], READY_WITHIN_MS);
    }
  }

  /** `orbitmq …` in the pod of the NameServer. */
  const orbitmq = (...words: readonly string[]): Promise<string> =>
    shop.kubectl([
      ...['exec', 'kept-namesrv-0', '--', 'node', '/app/dist/cli/main.js', ...words],
      ...['--endpoint', 'kept-namesrv:8081'],
    ]);

  /** Each pod of the nodes with its UID and the restarts of its container. */
  async function nodes(): Promise<readonly string[]> {
    const pods = await shop.list('pods', '--selector', 'orbitmq.io/cluster');
    return pods.map(({ metadata, status }) => {
      const [container] = (status?.['containerStatuses'] ?? []) as { restartCount: number }[];
      return `${metadata.name} ${metadata.uid} ${container?.restartCount ?? 0}`;
    });
  }

  /** Nothing of the cluster is made anew by `work`, and it serves afterwards. */
  async function leavesNodesAlone(work: () => Promise<unknown>): Promise<void> {
    const before = await nodes();
    await work();
    await untilReady(shop, 'kept');
    expect(await nodes()).toEqual(before);
    const body = `after ${before.length} at ${Date.now()}`;
    await orbitmq('send', 'letters', body);
    // Others may stand before it.
    await shop.until(body, READY_WITHIN_MS, async () => {
      const words = ['receive', 'letters', '--group', 'readers', '--wait', '5s'];
      return (await orbitmq(...words)).includes(body) ? true : undefined;
    });
  }

  it(
    'is upgraded without a restart of any node',
    () => leavesNodesAlone(() => helmUpgrade('--set', `image.tag=${OTHER_TAG}`)),
    TEST_TIMEOUT_MS,
  );

  it(
    'is rolled back without a restart of any node',
    () =>
      leavesNodesAlone(() =>
        helm('rollback', RELEASE, '--namespace', OPERATOR_NAMESPACE, ...HELM_WAIT),
      ),
    TEST_TIMEOUT_MS,
  );

  it(
    'has an operator whose restart restarts no node',
    () =>
      leavesNodesAlone(async () => {
        const deployment = `deployment/${RELEASE}-orbitmq-operator`;
        await release.kubectl(['rollout', 'restart', deployment]);
        await release.kubectl(['rollout', 'status', deployment, '--timeout=150s'], {
          timeoutMs: READY_WITHIN_MS + 30_000,
        });
      }),
    TEST_TIMEOUT_MS,
  );

  it(
    'leaves clusters and definitions when it is uninstalled, and takes them over again',
    async () => {
      await helm('uninstall', RELEASE, '--namespace', OPERATOR_NAMESPACE, ...HELM_WAIT);
      expect(await orbitmq('send', 'letters', 'without an operator')).not.toBe('');
      await leavesNodesAlone(() => helmUpgrade());
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'can be replaced by one of another name in another namespace',
    async () => {
      await helm('uninstall', RELEASE, '--namespace', OPERATOR_NAMESPACE, ...HELM_WAIT);
      const { release: other, namespace } = ELSEWHERE;
      const [repository = '', tag = ''] = IMAGE.split(':');
      const words = [
        ...['install', other, CHART, '--namespace', namespace, '--create-namespace', ...HELM_WAIT],
        ...['--set', `image.repository=${repository}`, '--set', `image.tag=${tag}`],
      ];
      const refused = await run('helm', words, { timeoutMs: HELM_TIMEOUT_MS });
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(/invalid ownership metadata/);
      await leavesNodesAlone(() => helm(...words, '--take-ownership'));
      await helm('uninstall', other, '--namespace', namespace, ...HELM_WAIT);
      await leavesNodesAlone(() => helmUpgrade('--take-ownership'));
    },
    2 * TEST_TIMEOUT_MS,
  );

  it(
    'makes a cluster in one step, which `helm test` finds working',
    async () => {
      const values = ['cluster.create=true', 'cluster.name=own', 'cluster.spec.groups=1'];
      const storage = ['cluster.spec.storage.deletionPolicy=Delete'];
      await helmUpgrade(...[...values, ...storage].flatMap((value) => ['--set', value]));
      await untilReady(release, 'own');
      const words = ['test', RELEASE, '--namespace', OPERATOR_NAMESPACE, '--timeout', '150s'];
      expect(await helm(...words)).toMatch(/Phase: +Succeeded/);
      await helmUpgrade();
      await release.kubectl(['delete', 'brokercluster', 'own', '--timeout=60s']);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'finds the messages of a cluster that was deleted, when one of its name is made',
    async () => {
      await orbitmq('group', 'create', 'historians', '--from', 'earliest');
      await shop.kubectl(['delete', 'brokercluster', 'kept', '--timeout=60s']);
      await shop.until('its pods to be gone', READY_WITHIN_MS, async () =>
        (await nodes()).length === 0 ? true : undefined,
      );
      await shop.apply(CLUSTER);
      await untilReady(shop, 'kept');
      const words = ['receive', 'letters', '--group', 'historians', '--wait', '10s'];
      expect(await orbitmq(...words)).toContain('after');
    },
    TEST_TIMEOUT_MS,
  );
});
