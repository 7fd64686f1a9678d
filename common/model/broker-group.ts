/** A broker group: the members that keep one log, one of them its master. */
import type { Epoch } from './offsets.ts';

export type ReplicationMode = 'async' | 'sync';

/** A member of a group and where other nodes reach it. */
export interface GroupMember {
  readonly name: string;
  readonly address: { readonly host: string; readonly port: number };
}

/**
 * Under which conditions a master works in its epoch. Decided by the failover controller, stored before they are told, and
 * the only source of a member's role: nothing on its own disk makes it a master.
 */
export interface GroupTerms {
  readonly epoch: Epoch;
  /** Counts the changes of the set within the epoch, from 1. */
  readonly setVersion: number;
  /** SyncStateSet: names, the master's included. Every one of them has all that was confirmed. */
  readonly syncStateSet: readonly string[];
  /** All members that the group is configured to have, the master included. */
  readonly members: readonly GroupMember[];
  readonly replication: ReplicationMode;
  /** Members that must be in the set, the master included, for writes to be taken. */
  readonly minInSyncReplicas: number;
  /** Whether a member outside the set may be elected: then a master alone needs its lease. */
  readonly uncleanElection: boolean;
}

/** Where an epoch begins in the log: the offset of its first record. */
export interface EpochStart {
  readonly epoch: Epoch;
  readonly startOffset: number;
}

export type MemberRole = 'recovering' | 'follower' | 'promoting' | 'master' | 'handing-over';

const LEADING: ReadonlySet<string> = new Set<MemberRole>(['promoting', 'master', 'handing-over']);

/** Whether a member in this role is the master of its epoch, from its order to open it until it has handed it over. */
export function isLeading(role: string): boolean {
  return LEADING.has(role);
}

/** What a master knows of one of its slaves. */
export interface FollowerStatus {
  readonly memberName: string;
  readonly isConnected: boolean;
  readonly ackedOffset: number;
  readonly lagBytes: number;
  /** How long it has not been caught up; 0 while it is. */
  readonly lagMs: number;
  readonly isInSync: boolean;
}

/** What a member says of itself. */
export interface MemberStatus {
  readonly brokerName: string;
  readonly memberName: string;
  /** Drawn at the start of the process. */
  readonly runId: string;
  /** Counts the changes of everything here but offsets. */
  readonly statusVersion: number;
  readonly role: MemberRole;
  /** Highest epoch accepted: lower ones are refused, also after a restart. */
  readonly acceptedEpoch: Epoch;
  /** Epoch of the last record of the log; 0 for an empty one. */
  readonly lastEpoch: Epoch;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly durableOffset: number;
  readonly confirmOffset: number;
  readonly isWritable: boolean;
  /** Why it is not writable, or cannot become master; empty when there is nothing to say. */
  readonly reason: string;
  /** Whom it follows; empty for a master and when it has not been told. */
  readonly masterName: string;
  /** Connected to that master and past the handshake. */
  readonly isFollowing: boolean;
  /** Of a master: the set as it was told. */
  readonly syncStateSet: readonly string[];
  readonly setVersion: number;
  /** Of a master: the set it asks the controller to store; undefined when it asks for none. */
  readonly wantedSet: readonly string[] | undefined;
  readonly followers: readonly FollowerStatus[];
  /** Of a master: until when it may acknowledge alone, from now; negative when that is over. */
  readonly leaseLeftMs: number;
  /** Its log has failed or its disk is full: not to be elected while it is. */
  readonly isUnfit: boolean;
}
