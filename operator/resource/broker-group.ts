import type { BrokerGroup } from '../api/broker-group-schema.ts';
import { OWN_API_VERSION } from '../api/kinds.ts';
import type { ClusterContext } from './cluster-context.ts';
import { labelsOf, ownedMetadata } from './metadata.ts';
import { brokerName, groupName, memberAddress, memberName } from './names.ts';

/**
 * What failover is to know of a group. Its status is the record of the group, which is written elsewhere. `members`: instead of
 * the number in the spec, while members are added or removed one by one.
 */
export function brokerGroup(
  context: ClusterContext,
  index: number,
  members: number = context.spec.replicasPerGroup,
): BrokerGroup {
  const { replication, minInSyncReplicas, uncleanElection } = context.spec;
  const ordinals = Array.from({ length: members }, (_, ordinal) => ordinal);
  return {
    apiVersion: OWN_API_VERSION,
    kind: 'BrokerGroup',
    metadata: ownedMetadata(context, groupName(context, index), labelsOf(context, 'broker', index)),
    spec: {
      clusterName: context.name,
      paused: false,
      brokerName: brokerName(index),
      members: ordinals.map((ordinal) => ({
        name: memberName(context, index, ordinal),
        address: memberAddress(context, index, ordinal),
      })),
      replication,
      minInSyncReplicas: Math.min(minInSyncReplicas, members),
      uncleanElection,
    },
  };
}
