import type { PhysicalOffset } from '../../common/model/offsets.ts';

/** What replication needs of the log that it reads; CommitLog has it. */
export interface ReadableLog {
  readonly startOffset: PhysicalOffset;
  readonly endOffset: PhysicalOffset;
  readonly writtenOffset: PhysicalOffset;
  /** Whole records from a record boundary on, at least one, only written ones; a promise where a disk has to be asked. */
  readBatch(from: PhysicalOffset, bytesMax: number): Buffer | Promise<Buffer>;
  onAdvance(listener: () => void): void;
}

/** What becomes of records that were written by another member. */
export type RawAppend =
  | { readonly kind: 'appended' }
  | { readonly kind: 'log-full' }
  | { readonly kind: 'log-failed' }
  | { readonly kind: 'damaged'; readonly offset: number; readonly state: string };

/** What replication needs of the log that it writes. */
export interface AppendableLog {
  readonly startOffset: PhysicalOffset;
  readonly endOffset: PhysicalOffset;
  /** Checks every record, its checksum and its place, and appends all of them or none. */
  appendRaw(records: Buffer): RawAppend;
  truncateTo(offset: PhysicalOffset): Promise<unknown>;
  onAdvance(listener: () => void): void;
}

/** Settings of the stream, as the options of a member name them. */
export interface ReplicationOptions {
  readonly replicationWindowBytes: number;
  readonly replicationBatchBytes: number;
  readonly replicationBeatMs: number;
  readonly inSyncTimeoutMs: number;
}

/** A stream that was silent for so many beats, and for at least the time after it, is given up by either side. */
const SILENT_BEATS_MAX = 10;
const SILENT_MS_MIN = 1_000;

export function silenceMsMax(options: ReplicationOptions): number {
  return Math.max(SILENT_MS_MIN, SILENT_BEATS_MAX * options.replicationBeatMs);
}
