/** What people are told when the record of a group changes. */
import type { GroupRecord } from '../../../failover/core/group-record.ts';
import type { Transition } from '../../../failover/core/transition.ts';

/** Reasons of events; see operator/api/events.ts. */
export type StoryReason =
  | 'MasterElected'
  | 'FailoverStarted'
  | 'FailoverFinished'
  | 'FailoverBlocked'
  | 'SwitchoverStarted'
  | 'SwitchoverFinished'
  | 'SwitchoverFailed'
  | 'UncleanElection'
  | 'LeftInSyncSet'
  | 'JoinedInSyncSet'
  | 'MemberFenced'
  | 'MemberUnfenced';

export interface Chapter {
  readonly reason: StoryReason;
  readonly message: string;
}

export function recordStory(before: GroupRecord | undefined, after: GroupRecord): Chapter[] {
  return [
    ...beginning(before, after),
    ...ending(before, after),
    ...block(before, after),
    ...(before === undefined ? [] : membership(before, after)),
  ];
}

function beginning(before: GroupRecord | undefined, after: GroupRecord): Chapter[] {
  const { transition, phase, brokerName } = after;
  if (transition === undefined || before?.transition?.startedAtMs === transition.startedAtMs) {
    return [];
  }
  const { oldMaster, reason, target } = transition;
  if (oldMaster === '') return [];
  if (phase === 'handing-over') {
    const to = target === '' ? '' : ` to ${target}`;
    const message = `${brokerName}: ${oldMaster} hands over${to}: ${reason}`;
    return [{ reason: 'SwitchoverStarted', message }];
  }
  const message = `${brokerName}: ${oldMaster} is deposed in epoch ${after.epoch}: ${reason}`;
  return [{ reason: 'FailoverStarted', message }];
}

function ending(before: GroupRecord | undefined, after: GroupRecord): Chapter[] {
  const [last] = after.transitions;
  const known = before?.transitions[0];
  if (last === undefined || last.startedAtMs === known?.startedAtMs) return [];
  const message = `${after.brokerName}: ${outcome(last)}`;
  if (last.newEpoch === last.oldEpoch) return [{ reason: 'SwitchoverFailed', message }];
  if (last.isUnclean) return [{ reason: 'UncleanElection', message }];
  if (last.oldMaster === '') return [{ reason: 'MasterElected', message }];
  const isPlanned = last.phases.some(({ name }) => name === 'handed-over');
  return [{ reason: isPlanned ? 'SwitchoverFinished' : 'FailoverFinished', message }];
}

function outcome(last: Transition): string {
  const { oldMaster, newMaster, oldEpoch, newEpoch, reason, durationMs, logEndOffset } = last;
  if (newEpoch === oldEpoch) return `${newMaster} remains master: ${reason}`;
  const from = oldMaster === '' ? '' : ` after ${oldMaster}`;
  const phases = last.phases.map(({ name, durationMs: ms }) => `${name} ${Math.round(ms)} ms`);
  const took = `${Math.round(durationMs)} ms (${phases.join(', ')})`;
  return `${newMaster} is master${from} in epoch ${newEpoch}, from offset ${logEndOffset}, within ${took}; ${lossText(last)}; ${reason}`;
}

function lossText({ lostBytesMax }: Transition): string {
  if (lostBytesMax === 0) return 'nothing acknowledged is lost';
  return lostBytesMax < 0 ? 'it is not known what is lost' : `up to ${lostBytesMax} bytes are lost`;
}

function block(before: GroupRecord | undefined, after: GroupRecord): Chapter[] {
  // Before the first election members are only waited for, and each that comes would be a line.
  if (after.phase === 'new') return [];
  if (after.blocked === '' || after.blocked === before?.blocked) return [];
  return [{ reason: 'FailoverBlocked', message: `${after.brokerName}: ${after.blocked}` }];
}

function membership(before: GroupRecord, after: GroupRecord): Chapter[] {
  const { brokerName } = after;
  // A change of master names its set itself.
  const isSameTerm = before.epoch === after.epoch && before.phase === after.phase;
  const left = isSameTerm ? without(before.syncStateSet, after.syncStateSet) : [];
  const joined = isSameTerm ? without(after.syncStateSet, before.syncStateSet) : [];
  const fenced = without(after.fencedMembers, before.fencedMembers);
  const unfenced = without(before.fencedMembers, after.fencedMembers);
  const say = (reason: StoryReason, what: string) => (name: string) => ({
    reason,
    message: `${brokerName}: ${name} ${what}`,
  });
  return [
    ...left.map(say('LeftInSyncSet', 'is not in sync any more')),
    ...joined.map(say('JoinedInSyncSet', 'is in sync')),
    ...fenced.map(say('MemberFenced', 'may not become master')),
    ...unfenced.map(say('MemberUnfenced', 'may become master again')),
    ...(after.phase === 'fenced' && before.phase !== 'fenced'
      ? [say('MemberFenced', 'has no master until it is unfenced')('the group')]
      : []),
  ];
}

function without(names: readonly string[], others: readonly string[]): readonly string[] {
  return names.filter((name) => !others.includes(name));
}
