import { stringify } from 'yaml';
import { formatAddress } from '../../common/options/parse-value.ts';
import { clusterFiles } from './cluster-files.ts';
import type { ClusterPlan } from './cluster-plan.ts';

/** What the failover controller is told of the cluster, as YAML (`--cluster-spec`). */
export function clusterSpec({ shape, nameServers, groups }: ClusterPlan): string {
  const { replication, minInSyncReplicas, uncleanElection, directory } = shape;
  return stringify({
    nameServers: nameServers.map(({ address }) => formatAddress(address)),
    processDirectory: clusterFiles(directory).processes,
    groups: groups.map(({ name, members }) => ({
      name,
      replication,
      minInSyncReplicas,
      uncleanElection,
      members: members.map((member) => ({
        name: member.name,
        address: formatAddress(member.address),
      })),
    })),
  });
}
