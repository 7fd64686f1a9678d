/** A group as an administrator sees it: what is stored, and what has been seen of its members. */
import type { GroupReport, MemberReport } from '../../common/model/failover-report.ts';
import type { GroupMember } from '../../common/model/broker-group.ts';
import { newRecord, type GroupRecord } from './core/group-record.ts';
import { isReachable, memberSeen, type FailoverTimings } from './core/observation.ts';
import type { GroupObservation } from './core/observation.ts';
import { allMembers } from './core/orders.ts';

export function reportGroup(
  stored: GroupRecord | undefined,
  observation: GroupObservation,
  timings: FailoverTimings,
): GroupReport {
  const record = stored ?? newRecord(observation.spec);
  const { brokerName, epoch, phase, blocked, syncStateSet, fencedMembers, spec } = record;
  return {
    ...{ brokerName, epoch, phase, blocked, syncStateSet, fencedMembers },
    master: phase === 'revoking' || phase === 'fenced' ? '' : (record.master?.name ?? ''),
    replication: spec.replication,
    minInSyncReplicas: spec.minInSyncReplicas,
    uncleanElection: spec.uncleanElection,
    members: allMembers(record, observation).map((member) =>
      reportMember(brokerName, member, observation, timings),
    ),
    transitions: record.transitions,
  };
}

function reportMember(
  brokerName: string,
  member: GroupMember,
  observation: GroupObservation,
  timings: FailoverTimings,
): MemberReport {
  const answers = observation.nameServers.flatMap(({ heard }) => heard ?? []);
  const silences = answers.flatMap(({ members, heartbeatExpiryMs }) =>
    members
      .filter((heard) => heard.brokerName === brokerName && heard.memberName === member.name)
      .map(({ silentMs }) => ({ silentMs, isHeard: silentMs <= heartbeatExpiryMs })),
  );
  const isThere = isReachable(observation, member.name, timings);
  return {
    member,
    status: isThere ? memberSeen(observation, member.name).status : undefined,
    heardBy: silences.filter(({ isHeard }) => isHeard).length,
    nameServers: answers.length,
    silentMs:
      silences.length === 0 ? undefined : Math.min(...silences.map(({ silentMs }) => silentMs)),
  };
}
