/**
 * What to do next with a group: either one change of its record, or orders so that everybody agrees with it. A function of
 * what is stored and what was seen, so that any controller can go on where another one ended.
 */
import { assertNever } from '../../../common/assert.ts';
import { epoch } from '../../../common/model/offsets.ts';
import { byMerit, elect, unfitness } from './election.ts';
import { isFenced, newRecord, type GroupRecord, type MasterRun } from './group-record.ts';
import {
  isReachable,
  livingStatus,
  type FailoverTimings,
  type GroupObservation,
} from './observation.ts';
import { ordersFor, type Order } from './orders.ts';
import {
  begin,
  givenUp,
  handedOver,
  handingOver,
  opened,
  promoting,
  revoked,
  withBlocked,
} from './record-change.ts';
import { masterStatus, planTermsChange } from './set-change.ts';
import { findLoss, findUnease, type Trigger } from './trigger.ts';

export type Plan =
  /** Compare-and-swap; then look again. */
  | { readonly kind: 'store'; readonly record: GroupRecord; readonly why: string }
  | { readonly kind: 'order'; readonly orders: readonly Order[] };

/** What a decision is made of. */
interface Sight {
  readonly observation: GroupObservation;
  readonly timings: FailoverTimings;
  /** Wall clock, for the history. */
  readonly nowMs: number;
}

interface Change {
  readonly record: GroupRecord;
  readonly why: string;
}

/** `nowMs` is the wall clock: it dates transitions and decides nothing but the pause between attempts to hand over. */
export function planGroup(
  record: GroupRecord | undefined,
  observation: GroupObservation,
  timings: FailoverTimings,
  nowMs: number,
): Plan {
  if (record === undefined) {
    return { kind: 'store', record: newRecord(observation.spec), why: 'the group is new' };
  }
  const sight = { observation, timings, nowMs };
  const change = planHigherEpoch(record, sight) ?? planChange(record, sight);
  if (change !== undefined) return { kind: 'store', ...change };
  return { kind: 'order', orders: ordersFor(record, observation, timings) };
}

function planChange(record: GroupRecord, sight: Sight): Change | undefined {
  switch (record.phase) {
    case 'new':
      return record.epoch === 0 ? planFirst(record, sight) : planElection(record, sight);
    case 'revoking':
      return planElection(record, sight);
    case 'promoting':
      return withMaster(record, (master) => planPromotion(record, sight, master));
    case 'handing-over':
      return withMaster(record, (master) => planHandOver(record, sight, master));
    case 'stable':
      return withMaster(record, (master) => planStable(record, sight, master));
    case 'fenced':
      return undefined;
    default:
      return assertNever(record.phase);
  }
}

/**
 * Members refuse what is lower than what they have accepted, for ever. When they know a higher epoch than the store, the store
 * was lost or brought back from a copy, and only an epoch above theirs leads on.
 */
function planHigherEpoch(record: GroupRecord, sight: Sight): Change | undefined {
  if (record.epoch === 0) return undefined;
  const known = highestEpoch(sight.observation);
  if (known <= record.epoch) return undefined;
  const raised = { ...record, epoch: epoch(known) };
  const reason = `a member has accepted epoch ${known}, the stored one is ${record.epoch}`;
  if (record.phase === 'fenced') {
    return { record: { ...raised, epoch: epoch(known + 1) }, why: reason };
  }
  const why = { cause: 'resigned' as const, reason, detectedMs: 0 };
  return { record: revoked(raised, why, sight.nowMs), why: reason };
}

/** Nobody is asked to refuse anything before all can be asked: a group that is not there yet makes no epochs. */
function planFirst(record: GroupRecord, sight: Sight): Change | undefined {
  const { observation, timings, nowMs } = sight;
  const missing = observation.spec.members.filter(
    ({ name }) =>
      !isReachable(observation, name, timings) ||
      livingStatus(observation, name)?.role === 'recovering',
  );
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(', ');
    return blocked(record, `the first election waits for ${names}`);
  }
  const why = { cause: 'first-election' as const, reason: 'first election', detectedMs: 0 };
  const known = { ...record, epoch: epoch(highestEpoch(observation)) };
  return { record: revoked(known, why, nowMs), why: why.reason };
}

function planElection(record: GroupRecord, sight: Sight): Change | undefined {
  const { observation, timings, nowMs } = sight;
  const result = elect(record, observation, timings);
  if (result.kind === 'gathering') return undefined;
  if (result.kind === 'blocked') return blocked(record, result.blockers.join('; '));
  const open = record.transition ?? begin(record, UNEXPLAINED, nowMs);
  const next = promoting({ ...record, transition: open }, result, observation.spec, nowMs);
  const { memberName, lastEpoch, logEndOffset } = result.winner;
  const how = result.isUnclean ? 'UNCLEAN: it is not of the in-sync set' : 'of the in-sync set';
  const why = `${memberName} is elected, ${how}; its log ends at ${logEndOffset} of epoch ${lastEpoch}`;
  return { record: next, why };
}

const UNEXPLAINED = { cause: 'resigned' as const, reason: 'revoked', detectedMs: 0 };

function planPromotion(record: GroupRecord, sight: Sight, master: MasterRun): Change | undefined {
  const { observation, timings, nowMs } = sight;
  const loss = findLoss(record, observation, master, timings);
  const failure = loss?.reason ?? promotionFailure(record, sight, master);
  if (failure !== undefined) {
    const why = { cause: 'promotion-failed' as const, reason: failure, detectedMs: 0 };
    return { record: revoked(record, why, nowMs), why: failure };
  }
  const status = masterStatus(record, observation);
  const isTooSmall = record.syncStateSet.length < record.spec.minInSyncReplicas;
  if (status?.role === 'master' && (status.isWritable || isTooSmall)) {
    return { record: opened(record, observation, nowMs), why: `${master.name} is the master` };
  }
  return planTermsChange(record, observation) ?? blocked(record, promotionText(record, sight));
}

function promotionFailure(
  record: GroupRecord,
  { observation, timings }: Sight,
  { name }: MasterRun,
): string | undefined {
  if (isFenced(record, name)) return `${name} is fenced`;
  const status = masterStatus(record, observation);
  if (status?.isUnfit === true) return `${name} is not fit: ${status.reason}`;
  const isLate = observation.phaseAgeMs >= timings.promoteWaitMs;
  if (status !== undefined || !isLate) return undefined;
  return `${name} has not become master in time: ${observation.promotionRefusal ?? 'no answer'}`;
}

/** What takes no longer than this is not worth a line in the record. */
const BLOCKED_AFTER_MS = 2_000;

function promotionText(record: GroupRecord, { observation }: Sight): string {
  if (observation.phaseAgeMs < BLOCKED_AFTER_MS) return '';
  const refusal = observation.promotionRefusal;
  if (refusal !== undefined) return `${record.master?.name ?? ''} refuses: ${refusal}`;
  return masterStatus(record, observation)?.reason ?? '';
}

function planHandOver(record: GroupRecord, sight: Sight, master: MasterRun): Change | undefined {
  const { observation, timings, nowMs } = sight;
  const { transition } = record;
  const loss = findLoss(record, observation, master, timings);
  if (loss !== undefined) return { record: revoked(record, loss, nowMs), why: loss.reason };
  if (observation.handOver?.outcome === 'ready') {
    return { record: handedOver(record, nowMs), why: `${master.name} has handed over` };
  }
  const failure = handOverFailure(record, sight);
  if (failure === undefined) return planTermsChange(record, observation);
  const reason = `the hand-over failed: ${failure}`;
  if (transition?.onFailure !== 'revoke') {
    return { record: givenUp(record, failure, nowMs), why: reason };
  }
  const why = { cause: transition.cause, reason, detectedMs: 0 };
  return { record: revoked(record, why, nowMs), why: reason };
}

/** The master itself keeps the time; the double of it here is for one that never answers. */
const HAND_OVER_PATIENCE = 2;

function handOverFailure(record: GroupRecord, { observation, timings }: Sight): string | undefined {
  const { handOver, phaseAgeMs } = observation;
  const { target = '' } = record.transition ?? {};
  if (handOver?.outcome === 'failed') return handOver.reason;
  if (!record.syncStateSet.includes(target)) return `${target} has left the in-sync set`;
  const reason = unfitness(record, observation, timings, target);
  if (reason !== undefined) return `${target} ${reason}`;
  return phaseAgeMs >= HAND_OVER_PATIENCE * timings.handOverMs ? 'it took too long' : undefined;
}

function planStable(record: GroupRecord, sight: Sight, master: MasterRun): Change | undefined {
  const { observation, timings, nowMs } = sight;
  const loss = findLoss(record, observation, master, timings);
  if (loss !== undefined) return { record: revoked(record, loss, nowMs), why: loss.reason };
  const unease = findUnease(record, observation, master, timings);
  if (unease !== undefined) {
    const change = planReplacement(record, sight, unease);
    if (change !== undefined) return change;
  }
  const change = planTermsChange(record, observation);
  return change ?? blocked(record, stableText(record, sight, unease));
}

/** The master can still help: it is asked to, if there is somebody to take over. */
function planReplacement(record: GroupRecord, sight: Sight, unease: Trigger): Change | undefined {
  const { nowMs, timings } = sight;
  const { cause, reason, detectedMs, how } = unease;
  const target = successor(record, sight);
  if (target === undefined) {
    if (cause !== 'fenced') return undefined;
    return { record: revoked(record, unease, nowMs), why: reason };
  }
  const [last] = record.transitions;
  const isTried = last?.cause === cause && last.newMaster === last.oldMaster;
  if (isTried && nowMs - last.startedAtMs < timings.handOverRetryMs) return undefined;
  const onFailure = how === 'hand-over-or-resume' ? ('resume' as const) : ('revoke' as const);
  const why = { cause, reason, detectedMs, target, onFailure };
  return { record: handingOver(record, why, nowMs), why: `${reason}: it hands over to ${target}` };
}

/** The member of the set that would take over best; undefined without one. */
export function successor(
  record: GroupRecord,
  { observation, timings }: Pick<Sight, 'observation' | 'timings'>,
): string | undefined {
  return record.syncStateSet
    .filter(
      (name) =>
        name !== record.master?.name && unfitness(record, observation, timings, name) === undefined,
    )
    .flatMap((name) => livingStatus(observation, name) ?? [])
    .toSorted(byMerit(record))[0]?.memberName;
}

function stableText(
  { master }: GroupRecord,
  { observation, timings }: Sight,
  unease: Trigger | undefined,
): string {
  if (unease !== undefined) return `${unease.reason}; there is nobody to take over`;
  const name = master?.name ?? '';
  if (isReachable(observation, name, timings)) return '';
  return `${name} does not answer the controller; no majority of NameServers says that it is silent`;
}

function highestEpoch({ members }: GroupObservation): number {
  return Math.max(
    0,
    ...[...members.values()].map(({ status }) =>
      Math.max(status?.acceptedEpoch ?? 0, status?.lastEpoch ?? 0),
    ),
  );
}

function blocked(record: GroupRecord, text: string): Change | undefined {
  const next = withBlocked(record, text);
  return next && { record: next, why: text === '' ? 'nothing is in the way any more' : text };
}

function withMaster(
  record: GroupRecord,
  plan: (master: MasterRun) => Change | undefined,
): Change | undefined {
  return record.master === undefined ? undefined : plan(record.master);
}
