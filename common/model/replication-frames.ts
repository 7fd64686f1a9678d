/** What a slave and its master say to each other on the replication stream. */
import type { EpochStart } from './broker-group.ts';
import type { Epoch } from './offsets.ts';

export interface ReplicaHandshake {
  readonly brokerName: string;
  readonly memberName: string;
  readonly runId: string;
  readonly epoch: Epoch;
  readonly epochs: readonly EpochStart[];
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly foldedOffset: number;
}

export interface ReplicaAck {
  /** Everything below is as durable at the slave as its flush mode promises. */
  readonly ackedOffset: number;
  /** Number of the last batch that arrived. */
  readonly batch: number;
}

export type ReplicaFrame =
  | { readonly kind: 'handshake'; readonly handshake: ReplicaHandshake }
  | { readonly kind: 'ack'; readonly ack: ReplicaAck };

export interface MasterWelcome {
  readonly epoch: Epoch;
  readonly commonOffset: number;
  readonly needsSnapshot: boolean;
  readonly epochs: readonly EpochStart[];
}

export interface LogBatch {
  readonly epoch: Epoch;
  readonly batch: number;
  readonly offset: number;
  /** Whole records; empty in a beat. After decoding a view of the message. */
  readonly records: Buffer;
  readonly confirmOffset: number;
  readonly logStartOffset: number;
  readonly logEndOffset: number;
}

export interface MasterRefusal {
  readonly reason: string;
  readonly epoch: Epoch;
}

export type MasterFrame =
  | { readonly kind: 'welcome'; readonly welcome: MasterWelcome }
  | { readonly kind: 'batch'; readonly batch: LogBatch }
  | { readonly kind: 'refusal'; readonly refusal: MasterRefusal };

/** Asks for the newest snapshot, or, when `file` is named, for that one from `position` on. */
export interface SnapshotRequest {
  readonly brokerName: string;
  readonly memberName: string;
  readonly epoch: Epoch;
  readonly file: string;
  readonly position: number;
}

export interface SnapshotPiece {
  readonly file: string;
  readonly fileBytes: number;
  /** Log offset from which the log is folded after loading the snapshot. */
  readonly beginOffset: number;
  /** Where the master's log begins. */
  readonly logStartOffset: number;
  readonly epochs: readonly EpochStart[];
  readonly position: number;
  readonly content: Buffer;
}
