/** What an administrator asks for, as a change of the record, or as the reason why not. */
import { epoch } from '../../../common/model/offsets.ts';
import { unfitness } from './election.ts';
import { isFenced, type GroupRecord } from './group-record.ts';
import { isConfigured } from './group-spec.ts';
import type { FailoverTimings, GroupObservation } from './observation.ts';
import { successor } from './plan-group.ts';
import { begin, handingOver } from './record-change.ts';

export type RequestOutcome =
  | { readonly kind: 'store'; readonly record: GroupRecord }
  /** It is so already. */
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly reason: string };

const refused = (reason: string): RequestOutcome => ({ kind: 'refused', reason });

/** `target` empty: the member of the set that would take over best. */
export function requestSwitchover(
  record: GroupRecord,
  observation: GroupObservation,
  timings: FailoverTimings,
  target: string,
  nowMs: number,
): RequestOutcome {
  const { master, phase } = record;
  if (phase !== 'stable' || master === undefined) return refused(`the group is ${phase}`);
  if (target === master.name) return { kind: 'done' };
  const chosen = target === '' ? successor(record, { observation, timings }) : target;
  if (chosen === undefined) return refused('no other member of the in-sync set could take over');
  if (!isConfigured(observation.spec, chosen)) return refused(`${chosen} is not a member of it`);
  if (!record.syncStateSet.includes(chosen)) return refused(`${chosen} is not in the in-sync set`);
  const reason = unfitness(record, observation, timings, chosen);
  if (reason !== undefined) return refused(`${chosen} ${reason}`);
  const why = {
    ...{ cause: 'switchover' as const, reason: `switchover to ${chosen}`, detectedMs: 0 },
    ...{ target: chosen, onFailure: 'resume' as const },
  };
  return { kind: 'store', record: handingOver(record, why, nowMs) };
}

/** A fenced member is never elected; a master that is fenced hands over. It goes on following. */
export function requestMemberFence(
  record: GroupRecord,
  name: string,
  fence: boolean,
): RequestOutcome {
  if (!isConfigured(record.spec, name) && !isFenced(record, name)) {
    return refused(`${name} is not a member of it`);
  }
  if (isFenced(record, name) === fence) return { kind: 'done' };
  const others = record.fencedMembers.filter((other) => other !== name);
  const fencedMembers = fence ? [...others, name].toSorted() : others;
  return { kind: 'store', record: { ...record, fencedMembers } };
}

/** A fenced group has no master: all members refuse what is lower than an epoch that nobody gets. */
export function requestGroupFence(
  record: GroupRecord,
  fence: boolean,
  nowMs: number,
): RequestOutcome {
  if ((record.phase === 'fenced') === fence) return { kind: 'done' };
  const next = { ...record, epoch: epoch(record.epoch + 1), blocked: '' };
  if (fence) {
    const why = { cause: 'fenced' as const, reason: 'the group is fenced', detectedMs: 0 };
    const transition = record.transition ?? begin(record, why, nowMs);
    return { kind: 'store', record: { ...next, phase: 'fenced', transition } };
  }
  const why = { cause: 'unfenced' as const, reason: 'the group is unfenced', detectedMs: 0 };
  const phase = record.syncStateSet.length === 0 ? 'new' : 'revoking';
  return { kind: 'store', record: { ...next, phase, transition: begin(record, why, nowMs) } };
}
