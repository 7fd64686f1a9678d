import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FAULTS } from '../../support/cluster-faults.ts';
import { TestCluster } from '../../support/cluster-launcher.ts';
import { ClusterNetwork } from '../../support/cluster-network.ts';
import { runFault } from '../../support/run-fault.ts';

/**
 * The faults that decide, each once, on one cluster with short expiries. All of them, many times and in both modes:
 * `npm run failover-matrix`.
 */
const TIMES = { heartbeatExpiryMs: 2_000, inSyncTimeoutMs: 1_000 };
const CHOSEN = [
  'kill -9 of the master',
  'SIGSTOP of the master, longer than the expiry',
  'controller killed while promoting',
  'switchover',
  'master isolated from all',
];
const reasonToSkip = ClusterNetwork.reasonToSkip();
if (reasonToSkip !== undefined) console.warn(`no isolation is tested here: ${reasonToSkip}`);
const faults = FAULTS.filter(({ name }) => CHOSEN.includes(name));

describe('a group of two under sync replication loses nothing and serves again after', () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    const hasNetwork = reasonToSkip === undefined;
    cluster = await TestCluster.start({ ...TIMES, hasNetwork, replication: 'sync' });
  }, 90_000);

  afterAll(() => cluster.dispose(), 60_000);

  for (const [index, fault] of faults.entries()) {
    const isPossible = fault.needsNetwork !== true || reasonToSkip === undefined;
    (isPossible ? it : it.skip)(
      fault.name,
      async () => {
        const run = { cluster, group: 'broker-a', fault, name: `fault-${index}`, ...TIMES };
        const report = await runFault(run).catch((error: unknown) => {
          throw cluster.explained(error);
        });
        expect(report.problems).toEqual([]);
        expect(report.acknowledged).toBeGreaterThan(20);
        expect(report.unavailableMs).toBeLessThan(TIMES.heartbeatExpiryMs + 4_000);
      },
      90_000,
    );
  }
});
