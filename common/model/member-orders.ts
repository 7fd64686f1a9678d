/** What the failover controller asks and orders of a member, and what it hears back: orbitmq.v1.Member. */
import type { GroupMember, GroupTerms, MemberStatus } from './broker-group.ts';
import type { Epoch } from './offsets.ts';

/** A long poll: answered when the status is newer than `knownVersion`, and after `waitMs` in any case. */
export interface StatusQuestion {
  readonly knownVersion: number;
  readonly waitMs: number;
}

/** Refuse everything below this epoch from now on, across restarts, and say where the log ends. */
export interface RevokeOrder {
  readonly brokerName: string;
  readonly epoch: Epoch;
}

/** Meant for one run of the process: a later one of the same name has forgotten what it promised. */
export interface PromoteOrder {
  readonly brokerName: string;
  readonly memberName: string;
  readonly runId: string;
  readonly terms: GroupTerms;
}

export interface FollowOrder {
  readonly brokerName: string;
  readonly epoch: Epoch;
  readonly master: GroupMember;
}

/** The set has been stored: what was removed is no longer waited for. */
export interface UpdateTermsOrder {
  readonly brokerName: string;
  readonly terms: GroupTerms;
}

/** Take no new writes, and wait until `targetMember` has everything. */
export interface HandOverOrder {
  readonly brokerName: string;
  readonly epoch: Epoch;
  readonly targetMember: string;
  readonly timeoutMs: number;
}

/** The hand-over is off. */
export interface ResumeOrder {
  readonly brokerName: string;
  readonly epoch: Epoch;
}

/** Not accepted: the member knows a higher epoch, given in its status. */
export interface MemberAnswer {
  readonly isAccepted: boolean;
  readonly status: MemberStatus;
}

export interface PromoteAnswer extends MemberAnswer {
  /** Why it is not accepted. */
  readonly reason: string;
}

export interface HandOverAnswer {
  /** The target has everything, and nothing is written any more until Resume or a new epoch. */
  readonly isReady: boolean;
  /** Why it is not. */
  readonly reason: string;
  readonly status: MemberStatus;
}
