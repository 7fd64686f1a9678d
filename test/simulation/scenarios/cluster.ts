import { runCluster } from '../cluster/cluster-scenario.ts';

export const name = 'cluster';

/** In jest each of them takes several times as long; cluster.test.ts runs many more in processes of their own. */
export const testSeedCount = 5;

/** NameServers, broker groups, failover controllers and clients under every fault, against a ledger of what was promised. */
export async function run(seed: number): Promise<void> {
  await runCluster(seed);
}
