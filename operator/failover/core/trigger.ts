/** Why the master of a stable group has to be replaced, if it has to. */
import type { MemberStatus } from '../../../common/model/broker-group.ts';
import { isFenced, type GroupRecord, type MasterRun } from './group-record.ts';
import { isConfigured } from './group-spec.ts';
import {
  isReachable,
  livingStatus,
  memberSeen,
  type FailoverTimings,
  type GroupObservation,
} from './observation.ts';
import type { TransitionCause } from './transition.ts';
import { isExpired, lastHeardMs, saidGoodbye } from './witness-rules.ts';

export interface Trigger {
  readonly cause: TransitionCause;
  readonly reason: string;
  /** `revoke`: it cannot help. The others ask it to hand over first; what is done when that fails is said by the name. */
  readonly how: 'revoke' | 'hand-over-or-revoke' | 'hand-over-or-resume';
  /** Time since the last sign of life of the master. */
  readonly detectedMs: number;
}

/** What forces the master out, at once. */
export function findLoss(
  record: GroupRecord,
  observation: GroupObservation,
  master: MasterRun,
  timings: FailoverTimings,
): Trigger | undefined {
  const { endedRuns } = memberSeen(observation, master.name);
  const detectedMs = sinceLifeMs(observation, master);
  const revoke = (cause: TransitionCause, reason: string): Trigger => {
    return { cause, reason, how: 'revoke', detectedMs };
  };
  if (endedRuns.includes(master.runId)) {
    return revoke('process-ended', `the process of ${master.name} has ended`);
  }
  const resigned = resignation(record, observation, master);
  if (resigned !== undefined) return revoke(...resigned);
  if (isReachable(observation, master.name, timings)) return undefined;
  if (isExpired(observation, master)) {
    return revoke('silent', `a majority of NameServers does not hear ${master.name}`);
  }
  if (saidGoodbye(observation, master) && memberSeen(observation, master.name).hasFailed) {
    return revoke('stopped', `${master.name} has stopped`);
  }
  return undefined;
}

/** What asks for another master while this one can still help. */
export function findUnease(
  record: GroupRecord,
  observation: GroupObservation,
  master: MasterRun,
  timings: FailoverTimings,
): Trigger | undefined {
  const detectedMs = sinceLifeMs(observation, master);
  const { name } = master;
  const how = 'hand-over-or-revoke';
  if (isFenced(record, name)) {
    return { cause: 'fenced', reason: `${name} is fenced`, how, detectedMs: 0 };
  }
  if (!isConfigured(observation.spec, name)) {
    const reason = `${name} is not configured any more`;
    return { cause: 'removed', reason, how: 'hand-over-or-resume', detectedMs: 0 };
  }
  if (isExpired(observation, master) && isReachable(observation, name, timings)) {
    const reason = `a majority of NameServers does not hear ${name}, which answers the controller`;
    return { cause: 'silent', reason, how, detectedMs };
  }
  const status = livingStatus(observation, name);
  if (status?.isUnfit === true && status.runId === master.runId) {
    const reason = `${name} is not fit: ${status.reason || 'it gives no reason'}`;
    return { cause: 'unfit', reason, how: 'hand-over-or-resume', detectedMs: 0 };
  }
  return undefined;
}

/** Whether a status shows the master of this epoch at work. */
export function isMasterOf({ epoch }: GroupRecord, status: MemberStatus): boolean {
  return (
    status.acceptedEpoch === epoch &&
    (status.role === 'master' || status.role === 'handing-over' || status.role === 'promoting')
  );
}

/** What the member itself says. Only what was asked after the record was read counts: the record may be newer than an answer. */
function resignation(
  record: GroupRecord,
  observation: GroupObservation,
  master: MasterRun,
): [TransitionCause, string] | undefined {
  const { status, isFresh } = memberSeen(observation, master.name);
  if (status === undefined || !isFresh) return undefined;
  if (status.runId !== master.runId) return ['restarted', `${master.name} has restarted`];
  if (isMasterOf(record, status)) return undefined;
  // Being promoted it may not have been told yet.
  if (record.phase === 'promoting' && status.acceptedEpoch <= record.epoch) return undefined;
  const why = status.reason === '' ? '' : `: ${status.reason}`;
  return ['resigned', `${master.name} is ${status.role} of epoch ${status.acceptedEpoch}${why}`];
}

function sinceLifeMs(observation: GroupObservation, master: MasterRun): number {
  const { answeredAgoMs } = memberSeen(observation, master.name);
  const ageMs = Math.min(answeredAgoMs, lastHeardMs(observation, master) ?? Infinity);
  return Number.isFinite(ageMs) ? Math.round(ageMs) : 0;
}
