/** Faults of pods and processes on Kubernetes, under the load of official clients outside. */
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { OPERATOR_NAMESPACE } from './support/kube-namespace.ts';
import { LoadedCluster, type Survival } from './support/loaded-cluster.ts';
import { MISSING_KUBE, mustRun } from './support/local-kube.ts';
import { installRelease, leadingOperator, RELEASE_TIMEOUT_MS } from './support/orbitmq-release.ts';

const ELECTED_WITHIN_MS = 60_000;
const TEST_TIMEOUT_MS = 420_000;
/** A planned change of master, and what a client needs to find the new one. */
const HANDED_OVER_MAX_MS = 5_000;
/** A process that is known to be dead. */
const ENDED_MAX_MS = 15_000;
/** One that is only silent: the heartbeats are the defaults. */
const SILENT_MAX_MS = 30_000;
/** The same, and another operator has to take the lease first. */
const WITHOUT_OPERATOR_MAX_MS = 45_000;

const suite = MISSING_KUBE === undefined ? describe : describe.skip;
const why = MISSING_KUBE === undefined ? '' : ` (skipped: ${MISSING_KUBE})`;

suite(`nothing acknowledged is lost on Kubernetes when${why}`, () => {
  let cluster: LoadedCluster;

  beforeAll(async () => {
    await installRelease();
    cluster = await LoadedCluster.create('faults', { groups: 1, members: 2 });
  }, RELEASE_TIMEOUT_MS);

  afterAll(() => cluster.delete(), TEST_TIMEOUT_MS);

  function survives(
    name: string,
    unavailableMaxMs: number,
    strike: (master: string) => Promise<void>,
    restore?: Survival['restore'],
  ): void {
    const run = (): Promise<void> =>
      cluster.survive({
        ...{ name, unavailableMaxMs, ...(restore && { restore }) },
        strike: async () => {
          const group = cluster.group();
          const { epoch } = await group.record();
          await strike(await group.master());
          await group.untilElected(epoch, ELECTED_WITHIN_MS);
        },
      });
    it(name, run, TEST_TIMEOUT_MS);
  }

  const deletePod = (pod: string): Promise<string> =>
    cluster.namespace.kubectl(['delete', 'pod', pod, '--wait=false']);

  survives('the pod of the master is deleted', HANDED_OVER_MAX_MS, async (master) => {
    await deletePod(master);
  });

  survives('the process of the master is killed', ENDED_MAX_MS, (master) =>
    cluster.group().signal(master, 'SIGKILL'),
  );

  let frozen = '';
  survives(
    'the process of the master is frozen, and goes on later',
    SILENT_MAX_MS,
    async (master) => {
      frozen = master;
      await cluster.group().signal(master, 'SIGSTOP');
    },
    async () => {
      await cluster
        .group()
        .signal(frozen, 'SIGCONT')
        .catch((error: unknown) => {
          // Its pod may have been replaced meanwhile.
          if (!/not found|already finished|no container|no pod/.test(String(error))) throw error;
        });
    },
  );

  survives('the master loses its volume and its pod', HANDED_OVER_MAX_MS, async (master) => {
    await cluster.namespace.kubectl(['delete', 'pvc', `data-${master}`, '--wait=false']);
    await deletePod(master);
  });

  survives(
    'the operator that leads is killed in the middle of a failover',
    WITHOUT_OPERATOR_MAX_MS,
    async (master) => {
      const operator = await leadingOperator();
      await cluster.group().signal(master, 'SIGKILL');
      await mustRun('kubectl', [
        ...['--namespace', OPERATOR_NAMESPACE, 'delete', 'pod', operator],
        ...['--grace-period=0', '--force', '--wait=false'],
      ]);
    },
  );
});
