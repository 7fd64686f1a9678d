/** What a controller has seen of a group: values with their ages, never times of a clock. */
import type { MemberStatus } from '../../../common/model/broker-group.ts';
import type { HeardMembers } from '../../../common/model/witness.ts';
import type { GroupSpec } from './group-spec.ts';

export interface MemberObservation {
  /** Its last answer that was from this group and from this member. */
  readonly status: MemberStatus | undefined;
  readonly answeredAgoMs: number;
  /** Asked for after this controller had read the record in its present epoch and phase: not older than what they say. */
  readonly isFresh: boolean;
  /** The last call failed. */
  readonly hasFailed: boolean;
  /** Runs of its process of which it is certain that they are over. */
  readonly endedRuns: readonly string[];
}

/** What a NameServer said to the revocation of lower epochs. */
export interface RevocationSeen {
  /** Highest epoch below which it takes nothing. */
  readonly epoch: number;
  /** For how long no master of a lower epoch has been granted anything, as far as is known. */
  readonly quietMs: number;
  readonly expiryMs: number;
}

export interface NameServerObservation {
  readonly address: string;
  /** Undefined when it did not answer lately. */
  readonly heard: HeardMembers | undefined;
  readonly isFresh: boolean;
  /** Of its present run; undefined when it has accepted nothing, or did not answer lately. */
  readonly revocation: RevocationSeen | undefined;
}

export type HandOverSeen =
  { readonly outcome: 'ready' } | { readonly outcome: 'failed'; readonly reason: string };

export interface GroupObservation {
  readonly spec: GroupSpec;
  readonly members: ReadonlyMap<string, MemberObservation>;
  /** One for each that is configured. */
  readonly nameServers: readonly NameServerObservation[];
  /** Since this controller saw the record enter this epoch and phase. */
  readonly phaseAgeMs: number;
  /** What came of the hand-over of this epoch to the target of the transition. */
  readonly handOver: HandOverSeen | undefined;
  /** Why the elected member refuses this epoch; undefined when it does not. */
  readonly promotionRefusal: string | undefined;
  /** When this version of the record was stored, as far as this controller knows, on the wall clock. */
  readonly storedAtMs: number;
  /** When the elected member was first seen to have accepted, on the wall clock. */
  readonly acceptedAtMs: number | undefined;
}

/** How long the parts of a failover may take. */
export interface FailoverTimings {
  /** A member that answered within this time can be reached. */
  readonly reachableMs: number;
  /** For how long the members of the set are waited for before the election goes on without them. */
  readonly revokeWaitMs: number;
  /** For how long an elected member may take to become the master. */
  readonly promoteWaitMs: number;
  /** For how long a master may take to hand over. */
  readonly handOverMs: number;
  /** Between two hand-overs that nobody asked for. */
  readonly handOverRetryMs: number;
}

export const UNSEEN: MemberObservation = Object.freeze({
  status: undefined,
  answeredAgoMs: Infinity,
  isFresh: false,
  hasFailed: false,
  endedRuns: [],
});

export function memberSeen(observation: GroupObservation, name: string): MemberObservation {
  return observation.members.get(name) ?? UNSEEN;
}

/** Its last answer, unless the run that gave it is over. */
export function livingStatus(
  observation: GroupObservation,
  name: string,
): MemberStatus | undefined {
  const { status, endedRuns } = memberSeen(observation, name);
  return status === undefined || endedRuns.includes(status.runId) ? undefined : status;
}

export function isReachable(
  observation: GroupObservation,
  name: string,
  { reachableMs }: Pick<FailoverTimings, 'reachableMs'>,
): boolean {
  const { answeredAgoMs } = memberSeen(observation, name);
  return livingStatus(observation, name) !== undefined && answeredAgoMs <= reachableMs;
}

/** Whether at least this many of all that are configured: those that do not answer count against it. */
export function isMajority(count: number, all: number): boolean {
  return all > 0 && count > all / 2;
}
