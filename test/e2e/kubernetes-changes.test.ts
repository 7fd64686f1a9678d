/** What administrators change at a cluster on Kubernetes while it is used. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LoadedCluster } from './support/loaded-cluster.ts';
import { MISSING_KUBE } from './support/local-kube.ts';
import {
  installRelease,
  OTHER_IMAGE,
  provideOtherImage,
  RELEASE_TIMEOUT_MS,
} from './support/orbitmq-release.ts';

const DONE_WITHIN_MS = 300_000;
const TEST_TIMEOUT_MS = 600_000;
/** A master hands over to a slave in sync, and clients find it. */
const HANDED_OVER_MAX_MS = 5_000;
/**
 * Nothing is restarted and nobody hands over. A slave that gets no time for a moment may still hold up its master, for the
 * in-sync timeout of 3 s at most.
 */
const UNDISTURBED_MAX_MS = 5_000;
const GROUPS = 2;
const MEMBERS = 2;

const suite = MISSING_KUBE === undefined ? describe : describe.skip;
const why = MISSING_KUBE === undefined ? '' : ` (skipped: ${MISSING_KUBE})`;

suite(`nothing acknowledged is lost on Kubernetes while${why}`, () => {
  let cluster: LoadedCluster;
  /** What was changed before, and stays. */
  let spec: Readonly<Record<string, unknown>> = {};

  beforeAll(async () => {
    await installRelease();
    await provideOtherImage();
    cluster = await LoadedCluster.create('changes', { groups: GROUPS, members: MEMBERS });
  }, RELEASE_TIMEOUT_MS);

  afterAll(() => cluster.delete(), TEST_TIMEOUT_MS);

  /** Of the groups that are there all the time. */
  const epochs = (): Promise<number[]> =>
    Promise.all(
      Array.from(
        { length: GROUPS },
        async (_, index) => (await cluster.group(index).record()).epoch,
      ),
    );

  /** Changes the spec under load, waits for what that is to bring, and counts the pods of brokers that were replaced. */
  function survives(
    name: string,
    change: Readonly<Record<string, unknown>>,
    { replaced, unavailableMaxMs }: { replaced: number; unavailableMaxMs: number },
    isDone: (before: ReadonlyMap<string, string>) => Promise<boolean>,
  ): void {
    const run = async (): Promise<void> => {
      spec = { ...spec, ...change };
      await cluster.untilSettled();
      const before = await cluster.brokerPods();
      const epochsBefore = await epochs();
      const strike = async (): Promise<void> => {
        await cluster.apply(spec);
        await cluster.namespace.until(name, DONE_WITHIN_MS, async () =>
          (await isDone(before)) ? true : undefined,
        );
      };
      await cluster.survive({ name, unavailableMaxMs, strike });
      const after = await cluster.brokerPods();
      const others = [...after].filter(([pod, uid]) => before.has(pod) && before.get(pod) !== uid);
      expect(others).toHaveLength(replaced);
      if (replaced === 0) expect(await epochs()).toEqual(epochsBefore);
    };
    it(name, run, TEST_TIMEOUT_MS);
  }

  const podsWith = async (
    component: string,
    isSo: (spec: { containers: { image: string }[] }) => boolean,
  ): Promise<number> => {
    const words = ['--selector', `app.kubernetes.io/component=${component}`];
    const pods = await cluster.namespace.list('pods', ...words);
    return pods.filter(({ spec: pod }) => isSo(pod as never)).length;
  };
  const condition = async (type: string): Promise<string | undefined> => {
    const found = await cluster.namespace.get('brokercluster', 'mq');
    return found?.status?.conditions?.find((one) => one.type === type)?.status;
  };
  const isUpgraded = async (): Promise<boolean> => (await condition('Upgrading')) === 'False';

  survives(
    'all nodes get another image',
    { image: OTHER_IMAGE },
    { replaced: GROUPS * MEMBERS, unavailableMaxMs: HANDED_OVER_MAX_MS },
    async () => {
      const count = await podsWith('broker', ({ containers }) =>
        containers.every(({ image }) => image === OTHER_IMAGE),
      );
      return count === GROUPS * MEMBERS && (await isUpgraded());
    },
  );

  survives(
    'an option is changed that is read at the start only',
    { options: { 'store.cacheBytes': '64MiB' } },
    { replaced: GROUPS * MEMBERS, unavailableMaxMs: HANDED_OVER_MAX_MS },
    async (before) => {
      const now = await cluster.brokerPods();
      const isReplaced = [...now].every(([pod, uid]) => before.get(pod) !== uid);
      return isReplaced && now.size === GROUPS * MEMBERS && (await isUpgraded());
    },
  );

  const groupsAre = async (count: number): Promise<boolean> => {
    const groups = await cluster.namespace.list('brokergroups');
    return groups.length === count && groups.every(({ status }) => status?.['phase'] === 'stable');
  };
  survives(
    'a third broker group is added',
    { groups: 3 },
    { replaced: 0, unavailableMaxMs: UNDISTURBED_MAX_MS },
    () => groupsAre(3),
  );
  survives(
    'the third broker group is drained and removed',
    { groups: 2 },
    { replaced: 0, unavailableMaxMs: UNDISTURBED_MAX_MS },
    () => groupsAre(2),
  );

  const serversAre = async (count: number): Promise<boolean> =>
    (await podsWith('namesrv', () => true)) === count;
  survives(
    'NameServers become one',
    { namesrv: { replicas: 1 } },
    { replaced: 0, unavailableMaxMs: HANDED_OVER_MAX_MS },
    () => serversAre(1),
  );
  survives(
    'NameServers become three',
    { namesrv: { replicas: 3 } },
    { replaced: 0, unavailableMaxMs: HANDED_OVER_MAX_MS },
    () => serversAre(3),
  );

  survives(
    'volumes grow',
    { storage: { size: '2Gi', deletionPolicy: 'Delete' } },
    { replaced: 0, unavailableMaxMs: UNDISTURBED_MAX_MS },
    async () => {
      const claims = await cluster.namespace.list('pvc');
      return claims.every(
        ({ status }) =>
          (status?.['capacity'] as { storage?: string } | undefined)?.storage === '2Gi',
      );
    },
  );

  it(
    'a switchover is asked for with an annotation',
    async () => {
      const group = cluster.group(1);
      const old = await group.record();
      await cluster.survive({
        ...{ name: 'a switchover is asked for', unavailableMaxMs: HANDED_OVER_MAX_MS },
        strike: async () => {
          const words = ['mq-broker-1', 'orbitmq.io/switchover=any'];
          await cluster.namespace.kubectl(['annotate', 'brokergroup', ...words]);
          await group.untilElected(old.epoch, DONE_WITHIN_MS);
        },
      });
      expect(await group.master()).not.toBe(old.master?.name);
    },
    TEST_TIMEOUT_MS,
  );
});
