import { CLUSTER_BUGS, wishesOf } from '../cluster/cluster-bugs.ts';
import { runCluster } from '../cluster/cluster-scenario.ts';

export const name = 'cluster';

/** In jest each of them takes several times as long; cluster.test.ts runs many more in processes of their own. */
export const testSeedCount = 2;

/** NameServers, broker groups, failover controllers and clients under every fault, against a ledger of what was promised. */
export async function run(seed: number): Promise<void> {
  await runCluster(seed);
}

export async function runPlanted(seed: number, name: string): Promise<void> {
  const bug = CLUSTER_BUGS.find((candidate) => candidate === name);
  if (bug === undefined) throw new RangeError(`no bug ${name}: ${CLUSTER_BUGS.join(', ')}`);
  await runCluster(seed, wishesOf(bug), bug);
}
