import { signAsPeer } from '../../cli/client/sign-as-peer.ts';
import { Connection } from '../../cli/client/connection.ts';
import type { FailoverGroupView } from '../../cli/client/failover-view.ts';
import { clusterFiles } from '../../cli/cluster/cluster-files.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import { MemberMethods } from '../../proto/generated/orbitmq.ts';
import type { TestCluster } from './cluster-launcher.ts';
import { monotonicMs } from './cluster-ledger.ts';
import { waitFor } from './wait-for.ts';

const CALL_TIMEOUT_MS = 3_000;
const REPLICATION_TIMEOUT_MS = 5_000;
const LOOK_MS = 2;

/**
 * The moment before which everything that was acknowledged is on all members of the in-sync set: the log of the master ended
 * somewhere then, and the logs of the others have come that far since. Who is elected of them may not lose it.
 */
export async function replicatedUntilMs(
  cluster: TestCluster,
  group: FailoverGroupView,
): Promise<number> {
  const sign = signAsPeer(clusterFiles(cluster.plan.shape.directory).secret);
  const connections = new Map(
    group.syncStateSet.map((name) => {
      const endpoint = formatAddress(cluster.planned(name).address);
      const tls = { tls: false, tlsInsecure: false, tlsCa: undefined };
      const timeoutMs = CALL_TIMEOUT_MS;
      return [name, new Connection({ endpoint, ...tls, timeoutMs, sign })];
    }),
  );
  const endOf = async (name: string): Promise<number> => {
    const question = { knownVersion: 0, waitMs: 0 };
    const status = await connections.get(name)?.unary(MemberMethods.GetMemberStatus, question);
    return status?.logEndOffset ?? 0;
  };
  try {
    // The first call makes the connection: the next one is asked and answered within a moment.
    await endOf(group.master);
    const atMs = monotonicMs();
    const end = await endOf(group.master);
    for (const slave of group.syncStateSet.filter((name) => name !== group.master)) {
      await waitFor(
        `${slave} to have what ${group.master} had`,
        REPLICATION_TIMEOUT_MS,
        async () => ((await endOf(slave)) >= end ? true : undefined),
        LOOK_MS,
      );
    }
    return atMs;
  } finally {
    for (const connection of connections.values()) connection.close();
  }
}
