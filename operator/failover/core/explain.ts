/**
 * "If the master died now: who would win, would anything acknowledged be lost, and what is in the way?" Answered by the very
 * functions that elect, on a record and an observation as they would be then.
 */
import { epoch } from '../../../common/model/offsets.ts';
import { elect, unfitness } from './election.ts';
import type { GroupRecord } from './group-record.ts';
import { isConfigured } from './group-spec.ts';
import {
  isReachable,
  memberSeen,
  type FailoverTimings,
  type GroupObservation,
  type MemberObservation,
} from './observation.ts';
import { revoked } from './record-change.ts';

export interface Explanation {
  /** Empty: nobody. */
  readonly winner: string;
  readonly isLossless: boolean;
  /** Upper bound; -1 when it is not known. */
  readonly atRiskBytes: number;
  readonly blockers: readonly string[];
  /** One for each member. */
  readonly reasons: readonly string[];
}

export function explainGroup(
  record: GroupRecord,
  observation: GroupObservation,
  timings: FailoverTimings,
): Explanation {
  if (record.phase === 'fenced') return nobody(['the group is fenced']);
  const isUnderWay = record.phase === 'revoking' || record.phase === 'new';
  const then = isUnderWay ? record : withoutMaster(record);
  const seen = isUnderWay ? observation : afterDeath(then, observation, timings);
  const patient = { ...timings, revokeWaitMs: 0 };
  const result = elect(then, seen, patient);
  const reasons = reasonsOf(then, seen, patient);
  if (result.kind !== 'elected') {
    const blockers = result.kind === 'blocked' ? result.blockers : [];
    return { ...nobody(blockers), reasons };
  }
  const atRiskBytes = result.lostBytesMax;
  const winner = result.winner.memberName;
  const isLossless = atRiskBytes === 0 && !result.isUnclean;
  return { winner, isLossless, atRiskBytes, blockers: [], reasons };
}

/** Nothing is lost where nobody is elected: the group waits for a member of the set. */
function nobody(blockers: readonly string[]): Explanation {
  return { winner: '', isLossless: true, atRiskBytes: 0, blockers, reasons: [] };
}

function withoutMaster(record: GroupRecord): GroupRecord {
  const why = { cause: 'process-ended' as const, reason: '', detectedMs: 0 };
  return revoked({ ...record, transition: undefined }, why, 0);
}

/** The master's run is over, and everybody who answers now would promise to refuse its epoch. */
function afterDeath(
  record: GroupRecord,
  observation: GroupObservation,
  timings: FailoverTimings,
): GroupObservation {
  const members = new Map<string, MemberObservation>();
  for (const [name, seen] of observation.members) {
    const { status } = seen;
    if (name === record.master?.name) {
      members.set(name, { ...seen, endedRuns: [...seen.endedRuns, record.master.runId] });
    } else if (status !== undefined && isReachable(observation, name, timings)) {
      const acceptedEpoch = epoch(Math.max(status.acceptedEpoch, record.epoch));
      members.set(name, { ...seen, status: { ...status, acceptedEpoch } });
    } else {
      members.set(name, seen);
    }
  }
  return { ...observation, members };
}

function reasonsOf(
  record: GroupRecord,
  observation: GroupObservation,
  timings: FailoverTimings,
): readonly string[] {
  return observation.spec.members.map(({ name }) => {
    if (name === record.master?.name && hasEnded(record, observation)) {
      return `${name}: is the master that would have died`;
    }
    const reason = unfitness(record, observation, timings, name);
    if (reason !== undefined) return `${name}: ${reason}`;
    const { status } = memberSeen(observation, name);
    const where = `its log ends at ${status?.logEndOffset ?? 0} of epoch ${status?.lastEpoch ?? 0}`;
    const isInside = record.syncStateSet.includes(name) && isConfigured(observation.spec, name);
    return isInside
      ? `${name}: could win, ${where}`
      : `${name}: is not in the in-sync set, ${where}`;
  });
}

function hasEnded({ master }: GroupRecord, observation: GroupObservation): boolean {
  if (master === undefined) return false;
  return memberSeen(observation, master.name).endedRuns.includes(master.runId);
}
