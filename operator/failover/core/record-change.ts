/** Each way in which a record becomes the next one. None of them decides anything. */
import { epoch } from '../../../common/model/offsets.ts';
import type { Elected } from './election.ts';
import { TRANSITIONS_MAX, type GroupRecord } from './group-record.ts';
import type { GroupSpec } from './group-spec.ts';
import type { GroupObservation } from './observation.ts';
import {
  endPhase,
  finished,
  type OnHandOverFailure,
  type OpenTransition,
  type TransitionCause,
} from './transition.ts';

/** Why a change of master begins. */
export interface Beginning {
  readonly cause: TransitionCause;
  readonly reason: string;
  readonly detectedMs: number;
  readonly target?: string;
  readonly onFailure?: OnHandOverFailure;
}

const FURTHER = '; then ';

export function begin(record: GroupRecord, why: Beginning, nowMs: number): OpenTransition {
  const { cause, reason, detectedMs, target = '', onFailure = 'revoke' } = why;
  return {
    ...{ cause, reason, target, onFailure },
    oldEpoch: record.epoch,
    oldMaster: record.master?.name ?? '',
    startedAtMs: nowMs - detectedMs,
    phaseAtMs: nowMs,
    phases: [{ name: 'detected', durationMs: detectedMs }],
    logEndOffset: 0,
    isUnclean: false,
    lostBytesMax: 0,
  };
}

/** A higher epoch that belongs to nobody: members are asked to refuse everything lower. */
export function revoked(record: GroupRecord, why: Beginning, nowMs: number): GroupRecord {
  const earlier = record.transition;
  const transition =
    earlier === undefined ? begin(record, why, nowMs) : withFurtherReason(earlier, why.reason);
  const next = { ...record, epoch: epoch(record.epoch + 1), blocked: '', transition };
  return { ...next, phase: record.syncStateSet.length === 0 ? 'new' : 'revoking' };
}

/** The master has handed over: its help is not needed any more. */
export function handedOver(record: GroupRecord, nowMs: number): GroupRecord {
  const { transition } = record;
  return {
    ...record,
    ...{ epoch: epoch(record.epoch + 1), phase: 'revoking', blocked: '' },
    transition: transition && endPhase(transition, 'handed-over', nowMs),
  };
}

export function handingOver(record: GroupRecord, why: Beginning, nowMs: number): GroupRecord {
  const transition = begin(record, why, nowMs);
  return { ...record, phase: 'handing-over', blocked: '', transition };
}

/** The master goes on; what was tried stays in the history. */
export function givenUp(record: GroupRecord, reason: string, nowMs: number): GroupRecord {
  const { transition, master } = record;
  const next = { ...record, phase: 'stable' as const, blocked: '', transition: undefined };
  if (transition === undefined || master === undefined) return next;
  const failed = { ...transition, reason: `${transition.reason}; given up: ${reason}` };
  return withTransition(next, failed, nowMs);
}

export function promoting(
  record: GroupRecord,
  { winner, syncStateSet, isUnclean, lostBytesMax }: Elected,
  spec: GroupSpec,
  nowMs: number,
): GroupRecord {
  const { transition } = record;
  const { logEndOffset } = winner;
  return {
    ...record,
    phase: 'promoting',
    master: { name: winner.memberName, runId: winner.runId },
    ...{ spec, syncStateSet, setVersion: 1, earlierTerms: undefined, blocked: '' },
    transition: transition && {
      ...endPhase(transition, 'revoked', nowMs),
      ...{ logEndOffset, isUnclean, lostBytesMax },
    },
  };
}

/** The master serves: the change is over. */
export function opened(
  record: GroupRecord,
  { storedAtMs, acceptedAtMs }: GroupObservation,
  nowMs: number,
): GroupRecord {
  const { transition } = record;
  const next = { ...record, phase: 'stable' as const, blocked: '', transition: undefined };
  if (transition === undefined) return next;
  const elected = endPhase(transition, 'elected', Math.min(storedAtMs, nowMs));
  const accepted = endPhase(elected, 'promoted', Math.min(acceptedAtMs ?? nowMs, nowMs));
  return withTransition(next, endPhase(accepted, 'open', nowMs), nowMs);
}

/** Whether nothing but what is in the way differs. */
export function isRemark(before: GroupRecord, after: GroupRecord): boolean {
  const keys = Object.keys(after) as (keyof GroupRecord)[];
  return (
    after.blocked !== before.blocked &&
    keys.every((key) => key === 'blocked' || after[key] === before[key])
  );
}

export function withBlocked(record: GroupRecord, blocked: string): GroupRecord | undefined {
  return record.blocked === blocked ? undefined : { ...record, blocked };
}

/** Where a change of master has to begin again, its first reason and its last one are kept. */
function withFurtherReason(transition: OpenTransition, reason: string): OpenTransition {
  const [first = ''] = transition.reason.split(FURTHER);
  return { ...transition, reason: `${first}${FURTHER}${reason}`, target: '' };
}

function withTransition(
  record: GroupRecord,
  transition: OpenTransition,
  nowMs: number,
): GroupRecord {
  const done = finished(transition, record.master?.name ?? '', record.epoch, nowMs);
  return { ...record, transitions: [done, ...record.transitions].slice(0, TRANSITIONS_MAX) };
}
