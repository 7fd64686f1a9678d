/** What the failover controller tells an administrator: orbitmq.v1.FailoverController. */
import type { GroupMember, MemberStatus, ReplicationMode } from './broker-group.ts';

export interface TransitionReport {
  readonly reason: string;
  readonly oldEpoch: number;
  readonly newEpoch: number;
  readonly oldMaster: string;
  readonly newMaster: string;
  /** Wall clock. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly phases: readonly { readonly name: string; readonly durationMs: number }[];
  readonly logEndOffset: number;
  readonly isUnclean: boolean;
  /** -1: not known. */
  readonly lostBytesMax: number;
}

export interface MemberReport {
  readonly member: GroupMember;
  /** What it answered last; undefined while it cannot be reached. */
  readonly status: MemberStatus | undefined;
  /** NameServers that heard it within the expiry, and all that answered. */
  readonly heardBy: number;
  readonly nameServers: number;
  /** Smallest over the NameServers; undefined: nobody has heard it. */
  readonly silentMs: number | undefined;
}

export interface GroupReport {
  readonly brokerName: string;
  readonly epoch: number;
  readonly phase: string;
  readonly blocked: string;
  readonly master: string;
  readonly syncStateSet: readonly string[];
  readonly replication: ReplicationMode;
  readonly minInSyncReplicas: number;
  readonly uncleanElection: boolean;
  readonly fencedMembers: readonly string[];
  readonly members: readonly MemberReport[];
  /** Newest first. */
  readonly transitions: readonly TransitionReport[];
}

export interface FailoverExplanation {
  readonly winner: string;
  readonly isLossless: boolean;
  /** -1: not known. */
  readonly atRiskBytes: number;
  readonly blockers: readonly string[];
  readonly reasons: readonly string[];
}
