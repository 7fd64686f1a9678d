import { formatAddress } from '../../common/options/parse-value.ts';
import { Connection } from '../client/connection.ts';
import { FailoverClient, listHeardMembers } from '../client/failover-client.ts';
import { signAsPeer } from '../client/sign-as-peer.ts';
import { clusterFiles } from './cluster-files.ts';
import type { ClusterPlan } from './cluster-plan.ts';
import type { ClusterEyes } from './cluster-watch.ts';

/** Longer than a healthy node on a busy machine takes. */
const TIMEOUT_MS = 1_000;

/** Asks the real nodes of a cluster, whose directory is prepared. */
export function clusterEyes(plan: ClusterPlan): ClusterEyes & { close(): void } {
  const sign = signAsPeer(clusterFiles(plan.shape.directory).secret);
  const open = (address: { host: string; port: number }): Connection =>
    new Connection({
      endpoint: formatAddress(address),
      ...{ tls: false, tlsInsecure: false, tlsCa: undefined, timeoutMs: TIMEOUT_MS },
      sign,
    });
  const controller = open(plan.controller.address);
  const client = new FailoverClient(controller);
  const nameServers = plan.nameServers.map(({ address }) => open(address));
  return {
    askController: () => client.listGroups(),
    askNameServers: () => Promise.any(nameServers.map(listHeardMembers)),
    close: () => {
      for (const connection of [controller, ...nameServers]) connection.close();
    },
  };
}
