import type { GroupMember, ReplicationMode } from '../../../common/model/broker-group.ts';

/** A broker group as it is configured. */
export interface GroupSpec {
  readonly brokerName: string;
  readonly members: readonly GroupMember[];
  readonly replication: ReplicationMode;
  readonly minInSyncReplicas: number;
  readonly uncleanElection: boolean;
}

export function isConfigured({ members }: Pick<GroupSpec, 'members'>, name: string): boolean {
  return members.some((member) => member.name === name);
}

/** Whether two specs ask for the same; the order of members says nothing. */
export function isSameSpec(a: GroupSpec, b: GroupSpec): boolean {
  return (
    a.replication === b.replication &&
    a.minInSyncReplicas === b.minInSyncReplicas &&
    a.uncleanElection === b.uncleanElection &&
    a.members.length === b.members.length &&
    a.members.every((member) => b.members.some((other) => isSameMember(member, other)))
  );
}

function isSameMember(a: GroupMember, b: GroupMember): boolean {
  return (
    a.name === b.name && a.address.host === b.address.host && a.address.port === b.address.port
  );
}
