/** What members and NameServers are to be told so that they agree with the record. Repeated until they do. */
import type { GroupMember, GroupTerms, MemberStatus } from '../../../common/model/broker-group.ts';
import type { Epoch } from '../../../common/model/offsets.ts';
import { hasMaster, termsOf, type GroupRecord, type MasterRun } from './group-record.ts';
import { livingStatus, memberSeen } from './observation.ts';
import type { FailoverTimings, GroupObservation } from './observation.ts';
import { masterStatus } from './set-change.ts';

export type Order =
  | { readonly kind: 'ask'; readonly member: GroupMember }
  | { readonly kind: 'revoke'; readonly member: GroupMember; readonly epoch: Epoch }
  | {
      readonly kind: 'promote';
      readonly member: GroupMember;
      readonly runId: string;
      readonly terms: GroupTerms;
    }
  | {
      readonly kind: 'follow';
      readonly member: GroupMember;
      readonly epoch: Epoch;
      readonly master: GroupMember;
    }
  | { readonly kind: 'update-terms'; readonly member: GroupMember; readonly terms: GroupTerms }
  | {
      readonly kind: 'hand-over';
      readonly member: GroupMember;
      readonly epoch: Epoch;
      readonly target: string;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'resume'; readonly member: GroupMember; readonly epoch: Epoch }
  | { readonly kind: 'revoke-epoch'; readonly nameServer: string; readonly epoch: Epoch };

export function ordersFor(
  record: GroupRecord,
  observation: GroupObservation,
  timings: FailoverTimings,
): readonly Order[] {
  if (record.epoch === 0) return [];
  const members = allMembers(record, observation);
  return [
    ...nameServerOrders(record, observation),
    ...(hasMaster(record)
      ? membersUnderMaster(record, observation, members, timings)
      : members.flatMap((member) => revokeOrder(record, observation, member))),
  ];
}

/** Those that are configured and those that the terms of the epoch still name. */
export function allMembers(
  { spec }: GroupRecord,
  observation: GroupObservation,
): readonly GroupMember[] {
  const configured = observation.spec.members;
  const others = spec.members.filter(
    ({ name }) => !configured.some((member) => member.name === name),
  );
  return [...configured, ...others];
}

/** Also in quiet times: a NameServer that has restarted grants leases at once when it is told the epoch. */
function nameServerOrders(
  { epoch, phase }: GroupRecord,
  { nameServers }: GroupObservation,
): readonly Order[] {
  const isAlways = phase === 'revoking';
  return nameServers
    .filter(({ revocation }) => isAlways || revocation === undefined || revocation.epoch < epoch)
    .map(({ address }) => ({ kind: 'revoke-epoch', nameServer: address, epoch }));
}

function revokeOrder(
  { epoch }: GroupRecord,
  observation: GroupObservation,
  member: GroupMember,
): readonly Order[] {
  const { status } = memberSeen(observation, member.name);
  const hasAccepted = status !== undefined && status.acceptedEpoch >= epoch;
  return hasAccepted ? [] : [{ kind: 'revoke', member, epoch }];
}

function membersUnderMaster(
  record: GroupRecord,
  observation: GroupObservation,
  members: readonly GroupMember[],
  timings: FailoverTimings,
): readonly Order[] {
  const run = record.master;
  const master = members.find(({ name }) => name === run?.name);
  if (run === undefined || master === undefined) return [];
  const slaves = members.filter((member) => member !== master);
  return [
    ...masterOrders(record, observation, { run, member: master }, timings),
    ...slaves.flatMap((member) => followOrder(record, observation, member, master)),
  ];
}

function masterOrders(
  record: GroupRecord,
  observation: GroupObservation,
  { run, member }: { readonly run: MasterRun; readonly member: GroupMember },
  timings: FailoverTimings,
): readonly Order[] {
  const { epoch, phase, setVersion, transition } = record;
  const orders: Order[] = [];
  const { isFresh } = memberSeen(observation, member.name);
  if (!isFresh) orders.push({ kind: 'ask', member });
  const status = masterStatus(record, observation);
  if (status === undefined) {
    if (phase !== 'promoting') return orders;
    return [...orders, { kind: 'promote', member, runId: run.runId, terms: termsOf(record) }];
  }
  if (status.setVersion < setVersion) {
    orders.push({ kind: 'update-terms', member, terms: termsOf(record) });
  }
  if (phase === 'stable' && status.role === 'handing-over' && isFresh) {
    orders.push({ kind: 'resume', member, epoch });
  }
  if (phase === 'handing-over' && transition !== undefined) {
    const { target } = transition;
    const timeoutMs = timings.handOverMs;
    orders.push({ kind: 'hand-over', member, epoch, target, timeoutMs });
  }
  return orders;
}

function followOrder(
  { epoch }: GroupRecord,
  observation: GroupObservation,
  member: GroupMember,
  master: GroupMember,
): readonly Order[] {
  const status = livingStatus(observation, member.name);
  if (status === undefined || follows(status, epoch, master.name)) return [];
  return [{ kind: 'follow', member, epoch, master }];
}

/** One that is not connected to its master is told again: it may have an old address. */
function follows(status: MemberStatus, epoch: Epoch, masterName: string): boolean {
  return (
    status.acceptedEpoch >= epoch &&
    status.role === 'follower' &&
    status.masterName === masterName &&
    status.isFollowing
  );
}
