/** Who becomes the master of an epoch that belongs to nobody. Used for real, and to answer what would happen. */
import type { MemberStatus } from '../../../common/model/broker-group.ts';
import { isFenced, type GroupRecord } from './group-record.ts';
import { isConfigured } from './group-spec.ts';
import { hasAccepted, leaseBlocker } from './lease-safety.ts';
import {
  isReachable,
  livingStatus,
  memberSeen,
  type FailoverTimings,
  type GroupObservation,
} from './observation.ts';
import { isExpired } from './witness-rules.ts';

export interface Elected {
  readonly kind: 'elected';
  readonly winner: MemberStatus;
  readonly syncStateSet: readonly string[];
  readonly isUnclean: boolean;
  readonly lostBytesMax: number;
}

export type ElectionResult =
  | Elected
  /** Answers of members of the set may still come: it is too early to choose. */
  | { readonly kind: 'gathering' }
  | { readonly kind: 'blocked'; readonly blockers: readonly string[] };

/** One step after `revoking`: chooses from what the members have promised and where their logs end. */
export function elect(
  record: GroupRecord,
  observation: GroupObservation,
  timings: FailoverTimings,
): ElectionResult {
  if (isGathering(record, observation, timings)) return { kind: 'gathering' };
  const isFirst = record.syncStateSet.length === 0;
  return isFirst
    ? electFirst(record, observation, timings)
    : electNext(record, observation, timings);
}

/** Why a member cannot become the master of this epoch; undefined when it can. */
export function unfitness(
  record: GroupRecord,
  observation: GroupObservation,
  timings: FailoverTimings,
  name: string,
): string | undefined {
  if (isFenced(record, name)) return 'is fenced';
  if (!isConfigured(observation.spec, name)) return 'is not configured any more';
  const status = livingStatus(observation, name);
  if (status === undefined || !isReachable(observation, name, timings)) return 'does not answer';
  if (status.acceptedEpoch < record.epoch) return 'has not answered the revocation';
  if (status.role === 'recovering') return 'is still recovering';
  if (status.isUnfit) return `is not fit: ${status.reason || 'it gives no reason'}`;
  // Before the first election members may be unknown to the NameServers.
  const isFirst = record.syncStateSet.length === 0;
  const isSilent = !isFirst && isExpired(observation, { name, runId: status.runId });
  return isSilent ? 'is not heard by the NameServers' : undefined;
}

/** Best first: most of the log, then whoever is wanted, then anybody but the last master, then by name. */
export function byMerit(record: GroupRecord): (a: MemberStatus, b: MemberStatus) => number {
  const target = record.transition?.target ?? '';
  const rank = ({ memberName }: MemberStatus): number => {
    if (memberName === target) return 0;
    return memberName === record.master?.name ? 2 : 1;
  };
  return (a, b) =>
    comparePositions(b, a) || rank(a) - rank(b) || (a.memberName < b.memberName ? -1 : 1);
}

/** Negative when `a` has less than `b`: an epoch counts more than any length, as of two ends only one can be continued. */
function comparePositions(a: MemberStatus, b: MemberStatus): number {
  return a.lastEpoch - b.lastEpoch || a.logEndOffset - b.logEndOffset;
}

/** Without a stored set any member may have what was acknowledged: all must be asked, and the most advanced one wins. */
function electFirst(
  record: GroupRecord,
  observation: GroupObservation,
  timings: FailoverTimings,
): ElectionResult {
  const names = observation.spec.members.map(({ name }) => name);
  const missing = names.filter((name) => {
    const status = livingStatus(observation, name);
    return (
      !isReachable(observation, name, timings) ||
      !hasAccepted(record, observation, name) ||
      status?.role === 'recovering'
    );
  });
  if (missing.length > 0) {
    return blocked(missing.map((name) => `the first election waits for ${name}`));
  }
  const statuses = statusesOf(observation, names).toSorted(byMerit(record));
  const [best] = statuses;
  const winner = statuses.find(
    ({ memberName }) => unfitness(record, observation, timings, memberName) === undefined,
  );
  if (best === undefined) return blocked(['no member is configured']);
  if (winner === undefined || comparePositions(winner, best) < 0) {
    const why = unfitness(record, observation, timings, best.memberName) ?? '';
    return blocked([`${best.memberName} has most of the log and ${why}`]);
  }
  const syncStateSet = [winner.memberName];
  return { kind: 'elected', winner, syncStateSet, isUnclean: false, lostBytesMax: 0 };
}

function electNext(
  record: GroupRecord,
  observation: GroupObservation,
  timings: FailoverTimings,
): ElectionResult {
  const inside = candidates(record, observation, timings, record.syncStateSet);
  const winner = inside[0] ?? outsider(record, observation, timings);
  if (winner === undefined) return blocked(reasonsAgainst(record, observation, timings));
  const isUnclean = !record.syncStateSet.includes(winner.memberName);
  const blocker = leaseBlocker(record, observation, isUnclean);
  if (blocker !== undefined) return blocked([blocker]);
  const syncStateSet = isUnclean
    ? [winner.memberName]
    : nextSet(record, observation, winner.memberName);
  const lostBytesMax = lostBytes(record, observation, winner, isUnclean);
  return { kind: 'elected', winner, syncStateSet, isUnclean, lostBytesMax };
}

/** Who is left of the set: those that have accepted. A smaller set is never wrong, as each of it has all that was confirmed. */
function nextSet(
  record: GroupRecord,
  observation: GroupObservation,
  winner: string,
): readonly string[] {
  const left = record.syncStateSet.filter(
    (name) =>
      name === winner ||
      (isConfigured(observation.spec, name) &&
        hasAccepted(record, observation, name) &&
        livingStatus(observation, name) !== undefined),
  );
  const sound = left.filter((name) => name === winner || !hasFailed(record, observation, name));
  const { replication, minInSyncReplicas } = observation.spec;
  return replication === 'async' || sound.length >= minInSyncReplicas ? sound : left;
}

/** A master that was replaced because its disk failed will not confirm what the next one begins with. */
function hasFailed(record: GroupRecord, observation: GroupObservation, name: string): boolean {
  const { master, transition } = record;
  const isCause = transition?.cause === 'resigned' || transition?.cause === 'unfit';
  return isCause && name === master?.name && livingStatus(observation, name)?.isUnfit === true;
}

/** Members that may win, best first. */
function candidates(
  record: GroupRecord,
  observation: GroupObservation,
  timings: FailoverTimings,
  names: readonly string[],
): readonly MemberStatus[] {
  const fit = names.filter((name) => unfitness(record, observation, timings, name) === undefined);
  return statusesOf(observation, fit).toSorted(byMerit(record));
}

function outsider(
  record: GroupRecord,
  observation: GroupObservation,
  timings: FailoverTimings,
): MemberStatus | undefined {
  if (!observation.spec.uncleanElection) return undefined;
  const names = observation.spec.members.map(({ name }) => name);
  return candidates(record, observation, timings, names)[0];
}

function statusesOf(
  observation: GroupObservation,
  names: readonly string[],
): readonly MemberStatus[] {
  return names.flatMap((name) => livingStatus(observation, name) ?? []);
}

function reasonsAgainst(
  record: GroupRecord,
  observation: GroupObservation,
  timings: FailoverTimings,
): readonly string[] {
  const reasons = record.syncStateSet.map(
    (name) => `${name} ${unfitness(record, observation, timings, name) ?? 'could win'}`,
  );
  return ['no member of the in-sync set can be elected', ...reasons];
}

/** Waiting a moment for all of the set: with asynchronous replication the most advanced one loses least. */
function isGathering(
  record: GroupRecord,
  observation: GroupObservation,
  { revokeWaitMs }: FailoverTimings,
): boolean {
  if (observation.phaseAgeMs >= revokeWaitMs) return false;
  const isFirst = record.syncStateSet.length === 0;
  const names = isFirst ? observation.spec.members.map(({ name }) => name) : record.syncStateSet;
  return names.some((name) => {
    const { hasFailed, status } = memberSeen(observation, name);
    const isDead = status !== undefined && livingStatus(observation, name) === undefined;
    return !hasAccepted(record, observation, name) && !hasFailed && !isDead;
  });
}

function lostBytes(
  record: GroupRecord,
  observation: GroupObservation,
  winner: MemberStatus,
  isUnclean: boolean,
): number {
  const { master, spec, earlierTerms } = record;
  const isSync = spec.replication === 'sync' && earlierTerms?.replication !== 'async';
  if (master === undefined || winner.memberName === master.name) return 0;
  if (isSync && !isUnclean) return 0;
  const end = lastKnownEnd(observation, master.name, master.runId);
  return end === undefined ? -1 : Math.max(0, end - winner.logEndOffset);
}

/** The highest end of the log that anybody heard of it. */
function lastKnownEnd(
  observation: GroupObservation,
  name: string,
  runId: string,
): number | undefined {
  const { status } = memberSeen(observation, name);
  const ends = observation.nameServers.flatMap(({ heard }) =>
    (heard?.members ?? [])
      .filter((member) => member.memberName === name && member.runId === runId)
      .map(({ logEndOffset }) => logEndOffset),
  );
  if (status !== undefined) ends.push(status.logEndOffset);
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function blocked(blockers: readonly string[]): ElectionResult {
  return { kind: 'blocked', blockers };
}
