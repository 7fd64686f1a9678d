/**
 * The log of one broker group: appends records and reads them back. It composes; the work is elsewhere: batching and
 * durability in group-commit.ts, memory in log-cache.ts, files in segment-list.ts, restart in recovery.ts.
 *
 * Invariants: startOffset <= durableOffset <= writtenOffset <= endOffset; bytes below writtenOffset never change; offsets
 * below endOffset are dense (record end = next record start), also over segments.
 *
 * A failed write or fdatasync puts the log in state 'failed' (see LogFailure); `reopen` brings it back without a restart.
 */
import { assert } from '../../common/assert.ts';
import {
  type Epoch,
  epoch,
  type PhysicalOffset,
  physicalOffset,
} from '../../common/model/offsets.ts';
import type { Environment } from '../../common/environment/environment.ts';
import type { EpochStart } from '../../common/model/broker-group.ts';
import type { Checkpoint, LogEnds } from './checkpoint.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import { EpochStarts } from './core/epoch-starts.ts';
import { startsSegment } from './core/roll-policy.ts';
import {
  failureError,
  GroupCommit,
  type GroupCommitOptions,
  type LogFailure,
} from './group-commit.ts';
import { CHUNK_BYTES, LogCache } from './log-cache.ts';
import { LogReader } from './log-reader.ts';
import { resetLog } from './log-reset.ts';
import { scanRecords } from './log-scanner.ts';
import { type LogParts, openParts } from './open-parts.ts';
import { cutIntoRuns, inspectRecords, type RawDamage } from './raw-records.ts';
import {
  encodeRecord,
  HEADER_BYTES,
  type LogRecord,
  RECORD_BYTES_MAX,
  recordAt,
  type RecordHeader,
} from './record-codec.ts';
import { RecordType } from './record-type.ts';
import { makeDurable, readLastEpoch, type RecoveryRange, type RecoveryReport } from './recovery.ts';
import { notKept, requireSpace } from './reopen-check.ts';
import type { SegmentInfo, SegmentList } from './segment-list.ts';
import { diskRefusal, isDiskError, isStoreError, type StoreError } from './store-error.ts';

export interface CommitLogOptions extends GroupCommitOptions {
  /** The data directory: segments are in `<directory>/commitlog`, the checkpoint is `<directory>/checkpoint`. */
  directory: string;
  /** A segment is rolled at the first record boundary at or after this. */
  segmentBytes: number;
  /** Recent log kept in memory for reads. */
  cacheBytes: number;
  /** Appended and not yet written; beyond it `append` answers 'log-full'. One record is always taken. */
  pendingBytesMax: number;
  /** How far the broker group has confirmed the log; kept in the checkpoint, as far as it is durable. Without this it stays what it was. */
  confirmOffset?: () => number;
  /** Whether records of this epoch were appended by this copy of the log, see RecoveryOptions. All of them by default. */
  isOwnEpoch?: (epoch: Epoch) => boolean;
}

export type AppendRefusal = 'log-full' | 'log-failed';

export type AppendRawResult = { kind: 'appended' } | { kind: AppendRefusal } | RawDamage;

export const COMMIT_LOG_DIRECTORY = 'commitlog';

export class CommitLog {
  readonly recovery: RecoveryReport;
  readonly #options: CommitLogOptions;
  readonly #environment: Environment;
  readonly #segments: SegmentList;
  readonly #cache: LogCache;
  readonly #reader: LogReader;
  readonly #commit: GroupCommit;
  readonly #checkpoint: Checkpoint;
  readonly #checkpointWriter: CheckpointWriter;
  readonly #warningListeners: ((warning: StoreError) => void)[] = [];
  /** Start of the segment that the next record belongs to; ahead of the files while a roll is pending. */
  #segmentStart: PhysicalOffset;
  #epoch: Epoch = epoch(0);
  readonly #epochs = new EpochStarts();
  #isClosed = false;
  #reopening: Promise<void> | undefined;
  /** From the moment the log is to end earlier until its files do; nothing is appended meanwhile. */
  #isCutting = false;
  /** The last deletion asked for, settled or not: they run one after another. Its caller hears of its failure. */
  #deletion: Promise<void> = Promise.resolve();
  /** Reused for every append. */
  readonly #header: RecordHeader = {
    length: 0,
    type: RecordType.Message,
    flags: 0,
    epoch: epoch(0),
    offset: physicalOffset(0),
    storeTimeMs: 0,
    durableOffset: physicalOffset(0),
  };

  private constructor(options: CommitLogOptions, environment: Environment, parts: LogParts) {
    this.recovery = parts.recovery;
    this.#options = options;
    this.#environment = environment;
    this.#segments = parts.segments;
    this.#checkpoint = parts.checkpoint;
    this.#cache = new LogCache(parts.segments.endOffset, options.cacheBytes);
    this.#reader = new LogReader(parts.segments, this.#cache);
    this.#commit = new GroupCommit(parts.segments, this.#cache, environment.timers, options);
    this.#segmentStart = parts.segments.last.startOffset;
    this.#epoch = parts.recovery.lastEpoch;
    for (const start of parts.recovery.epochs) this.#epochs.note(start.epoch, start.startOffset);
    if (this.endOffset > this.startOffset) this.#epochs.note(this.#epoch, this.endOffset - 1);
    this.#commit.onFailure(({ keptOffset }) => this.#epochs.truncateTo(keptOffset));
    this.#checkpointWriter = new CheckpointWriter(parts.checkpoint, environment, {
      ends: () => this.#ends(),
      isConfirmMoving: options.confirmOffset !== undefined,
      onFailure: (error) =>
        this.#warn(diskRefusal(`${options.directory}/checkpoint`, this.durableOffset, error)),
    });
    this.#commit.onAdvance(() => this.#checkpointWriter.poke());
  }

  /** Opens or creates the log, cuts a torn tail, and makes the rest durable. Throws StoreError and changes nothing for damage. */
  static async open(
    options: CommitLogOptions,
    environment: Environment,
    from: RecoveryRange,
  ): Promise<CommitLog> {
    assert(
      options.segmentBytes > 0 && options.batchBytesMax > 0 && options.pendingBytesMax > 0,
      'log options are positive',
    );
    try {
      const { directory, isOwnEpoch = () => true } = options;
      const place = { directory, segmentDirectory: segmentDirectory(options) };
      const parts = await openParts(place, environment, { ...from, isOwnEpoch });
      return new CommitLog(options, environment, parts);
    } catch (error) {
      if (!isDiskError(error)) throw error;
      throw diskRefusal(options.directory, 0, error);
    }
  }

  /**
   * Empties the log in `directory`, which nobody has open: it then starts and ends at `offset`. After a crash in the middle
   * there is either the old log or, at the next open, the empty one.
   */
  static async resetTo(
    options: Pick<CommitLogOptions, 'directory'>,
    environment: Environment,
    offset: PhysicalOffset,
  ): Promise<void> {
    try {
      await resetLog(environment, options.directory, segmentDirectory(options), offset);
    } catch (error) {
      if (!isDiskError(error)) throw error;
      throw diskRefusal(options.directory, offset, error);
    }
  }

  get startOffset(): PhysicalOffset {
    return this.#segments.startOffset;
  }

  /** End of what was appended, written or not. */
  get endOffset(): PhysicalOffset {
    return this.#cache.endOffset;
  }

  /** Everything below was handed to the kernel: it survives kill -9, not power loss. */
  get writtenOffset(): PhysicalOffset {
    return this.#commit.writtenOffset;
  }

  /** Everything below survives power loss. */
  get durableOffset(): PhysicalOffset {
    return this.#commit.durableOffset;
  }

  /** Everything below is as durable as the flush mode promises: what an acknowledgement of this disk stands for. */
  get promisedOffset(): PhysicalOffset {
    return this.#commit.promisedOffset;
  }

  /** Why the log refuses appends; undefined while it takes them. */
  get failure(): LogFailure | undefined {
    return this.#commit.failure;
  }

  /** Memory held for the recent log, for metrics. */
  get cachedBytes(): number {
    return this.#cache.heldBytes;
  }

  /** Epoch of the last record; 0 for a log without records. */
  get lastEpoch(): Epoch {
    return this.#epochs.lastBelow(this.endOffset) ?? epoch(0);
  }

  /** Records appended from now on carry this epoch. */
  setEpoch(value: Epoch): void {
    assert(value >= this.#epoch, `epoch goes from ${this.#epoch} to ${value}`);
    this.#epoch = value;
  }

  /**
   * Appends one record: `fill` writes exactly `payloadBytes` bytes at the given position of the batch buffer, before this
   * returns. The result is its physical offset; it is not yet written, see `onAdvance`.
   */
  append(
    type: RecordType,
    flags: number,
    payloadBytes: number,
    fill: (buffer: Buffer, at: number) => void,
  ): PhysicalOffset | AppendRefusal {
    if (!this.#takesAppends) return 'log-failed';
    const bytes = HEADER_BYTES + payloadBytes;
    assert(bytes <= RECORD_BYTES_MAX, `record of ${bytes} bytes`);
    const offset = this.#cache.endOffset;
    if (this.#isFull(bytes)) return 'log-full';
    const buffer = this.#cache.reserve(bytes);
    const at = this.#cache.tailPosition();
    fill(buffer, at + HEADER_BYTES);
    assert(this.#cache.endOffset === offset, 'fill does not append');
    this.#seal(buffer, at, bytes, type, flags);
    this.#cache.commit(bytes);
    const isFirst = startsSegment(this.#segmentStart, offset, this.#options.segmentBytes);
    if (isFirst) this.#segmentStart = offset;
    this.#epochs.note(this.#epoch, offset);
    this.#commit.add(offset, this.#cache.endOffset, isFirst);
    return offset;
  }

  /**
   * Appends whole records of another copy of this log, which start exactly at `endOffset`: all of them, or none. Each is
   * validated first. The epoch of the log becomes theirs, which is not below that of its last record.
   */
  appendRaw(records: Buffer): AppendRawResult {
    if (!this.#takesAppends) return { kind: 'log-failed' };
    const base = this.#cache.endOffset;
    if (this.#isFull(records.length)) return { kind: 'log-full' };
    const starts: EpochStart[] = [];
    const damage = inspectRecords(records, base, this.lastEpoch, (value, startOffset) => {
      starts.push({ epoch: value, startOffset });
    });
    if (damage !== undefined) return damage;
    for (const start of starts) this.#epochs.note(start.epoch, start.startOffset);
    this.#epoch = starts.at(-1)?.epoch ?? this.#epoch;
    const limits = {
      segmentStart: this.#segmentStart,
      segmentBytes: this.#options.segmentBytes,
      roomBytes: this.#cache.roomBytes,
      runBytesMax: CHUNK_BYTES,
    };
    for (const run of cutIntoRuns(records, base, limits)) {
      const bytes = run.end - run.start;
      const start = this.#cache.endOffset;
      const buffer = this.#cache.reserve(bytes);
      records.copy(buffer, this.#cache.tailPosition(), run.start, run.end);
      this.#cache.commit(bytes);
      if (run.startsSegment) this.#segmentStart = start;
      this.#commit.add(start, this.#cache.endOffset, run.startsSegment);
    }
    return { kind: 'appended' };
  }

  /** Called after each write and each fdatasync that moved writtenOffset or durableOffset. */
  onAdvance(listener: () => void): void {
    this.#commit.onAdvance(listener);
  }

  /** Called once per failure, after appends are refused and the dropped tail is gone from memory. */
  onFailure(listener: (failure: LogFailure) => void): void {
    this.#commit.onFailure(listener);
  }

  /** Called for what weakens the store without failing it: a checkpoint that cannot be written. */
  onWarning(listener: (warning: StoreError) => void): void {
    this.#warningListeners.push(listener);
  }

  /**
   * After a failure: cuts the file to the last good end, writes again and verifies what was written but not durable, and
   * accepts appends from `failure.keptOffset` on. Rejects when the disk does not allow it; then the log stays 'failed' and
   * this may be called again.
   */
  reopen(): Promise<void> {
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined;
    });
    return this.#reopening;
  }

  /**
   * Drops every record from `offset` on, which is a record boundary: for a log that follows another master than the one it
   * had them from. Resolves when this survives power loss; appends are refused until then. A crash on the way leaves a log
   * that opens, and ends at `offset` or later. When the disk refuses, this rejects and the log is 'failed': `reopen` then
   * goes on with it.
   */
  async truncateTo(offset: PhysicalOffset): Promise<void> {
    assert(
      offset >= this.startOffset && offset <= this.endOffset,
      `truncate to ${offset} of a log of [${this.startOffset}, ${this.endOffset})`,
    );
    if (this.#reopening !== undefined) await this.#reopening;
    if (this.failure !== undefined) throw failureError(this.failure);
    assert(!this.#isCutting && !this.#isClosed, 'one truncation at a time, of an open log');
    this.#isCutting = true;
    // Retention, too, changes the list of segments.
    const cut = this.#deletion.then(() => this.#cut(offset));
    this.#deletion = cut.catch(() => undefined);
    await cut;
  }

  /** A view of the range without a copy, when one buffer in memory holds it. Not validated: these bytes never left. */
  readSync(offset: PhysicalOffset, bytes: number): Buffer | undefined {
    return this.#cache.readSync(offset, bytes);
  }

  /** The record at `offset` when it is in memory; the way to follow the tail. `offset` must be a record boundary. */
  recordSync(offset: PhysicalOffset): LogRecord | undefined {
    const header = this.#cache.readSync(offset, HEADER_BYTES);
    if (header === undefined) return undefined;
    const record = recordAt(header, 0);
    assert(record.offset === offset, `${offset} is not a record boundary`);
    const whole = this.#cache.readSync(offset, record.bytes);
    return whole === undefined ? undefined : recordAt(whole, 0);
  }

  /**
   * Whole records from `from`, a record boundary, towards `writtenOffset`: at most `bytesMax` of them unless the first one
   * is longer, and fewer where a segment or the part in memory starts. Nothing only at `writtenOffset`. From memory at
   * once and without a copy; from a file with one read, validated. Rejects for what was dropped since by a failure or a
   * truncation. For streaming the log to other members.
   */
  readBatch(from: PhysicalOffset, bytesMax: number): Buffer | Promise<Buffer> {
    const { failure } = this;
    const isAllGood = failure === undefined || failure.fromOffset >= this.#cache.startOffset;
    const end = isAllGood ? this.writtenOffset : failure.fromOffset;
    if (from > end && failure !== undefined) return Promise.reject(failureError(failure));
    return this.#reader.readBatch(from, end, bytesMax);
  }

  /** The whole records in [offset, offset + bytes), from memory or from file; from file they are validated. */
  async read(offset: PhysicalOffset, bytes: number): Promise<Buffer> {
    this.#requireGood(offset + bytes);
    return this.#reader.readRecords(offset, bytes);
  }

  /** Intact records of [from, to), to = writtenOffset by default. Throws StoreError 'corrupt' at the first damage. */
  async *scan(
    from: PhysicalOffset,
    to: PhysicalOffset = this.writtenOffset,
  ): AsyncGenerator<LogRecord[], void, void> {
    assert(to <= this.endOffset, `scan to ${to}, the log ends at ${this.endOffset}`);
    const scan = scanRecords(this.#reader, this.#environment.timers, from, to);
    for (;;) {
      const next = await scan.next();
      if (next.done === true) {
        if (next.value.state === 'end') return;
        this.#requireGood(to);
        throw this.#reader.damaged(next.value.offset, next.value.state);
      }
      yield next.value;
    }
  }

  /** Resolves when everything appended so far is durable. */
  sync(): Promise<void> {
    return this.#commit.sync(this.endOffset);
  }

  segments(): SegmentInfo[] {
    return this.#segments.infos();
  }

  /** Deletes whole segments that end at or below `offset`, never the last one. Returns how many. */
  async deleteSegmentsBefore(offset: PhysicalOffset): Promise<number> {
    assert(offset <= this.durableOffset, 'only durable segments are deleted');
    const deletion = this.#deletion.then(() => this.#segments.deleteBefore(offset));
    this.#deletion = deletion.then(
      () => undefined,
      () => undefined,
    );
    return deletion;
  }

  /**
   * Writes and syncs what is pending, then closes the files. A failed log is closed as it is; when it fails only here, the files
   * are closed all the same, and this rejects.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#reopening?.catch(() => undefined);
    try {
      if (this.failure === undefined) await this.sync();
    } finally {
      await this.#closeFiles();
    }
  }

  async #closeFiles(): Promise<void> {
    this.#commit.stop();
    await this.#commit.settle();
    await this.#checkpointWriter.stop();
    await this.#deletion;
    try {
      if (this.failure === undefined)
        await this.#checkpoint.write(this.#ends(), this.#environment.clock.nowMs());
    } finally {
      await this.#checkpoint.close();
      await this.#segments.close();
    }
  }

  get #takesAppends(): boolean {
    return this.#commit.failure === undefined && !this.#isClosed && !this.#isCutting;
  }

  #isFull(bytes: number): boolean {
    const pendingBytes = this.#cache.endOffset - this.#commit.writtenOffset;
    return pendingBytes > 0 && pendingBytes + bytes > this.#options.pendingBytesMax;
  }

  async #cut(offset: PhysicalOffset): Promise<void> {
    try {
      if (offset > this.writtenOffset) await this.#commit.sync(this.endOffset);
      await this.#commit.drain();
      if (this.failure !== undefined) throw failureError(this.failure);
    } catch (error) {
      this.#isCutting = false;
      throw error;
    }
    this.#commit.cut(offset);
    this.#epochs.truncateTo(offset);
    try {
      await this.#cutFiles(offset);
    } catch (error) {
      if (!isDiskError(error) && !isStoreError(error)) throw error;
      this.#commit.failCut(error);
      throw isStoreError(error) ? error : diskRefusal(this.#segments.directory, offset, error);
    }
  }

  /** Makes the files end at `end`, durably and with everything below in them, and takes appends again. */
  async #cutFiles(end: PhysicalOffset): Promise<void> {
    const { disk, timers, clock } = this.#environment;
    // First of all: a log that ends below what a checkpoint claims to be durable would be refused.
    if (this.#isCutting) await this.#checkpoint.lower(this.#ends(), clock.nowMs());
    await this.#segments.truncateTo(end);
    await disk.syncDirectory(this.#segments.directory);
    const stop = await makeDurable(this.#segments, timers, this.durableOffset, this.#reader);
    if (stop.state !== 'end') throw notKept(this.#segments.last.path, stop);
    if (this.#isCutting) await this.#takeEpochBelow(end);
    await this.#checkpoint.write(this.#endsAt(end), clock.nowMs());
    this.#isCutting = false;
    this.#segmentStart = this.#segments.last.startOffset;
    this.#commit.restart(end);
  }

  /** The next records may be of an older epoch than those that were dropped. */
  async #takeEpochBelow(end: PhysicalOffset): Promise<void> {
    const known = this.#epochs.lastBelow(end);
    this.#epoch = known ?? (await readLastEpoch(this.#segments, this.#environment.timers, end));
    if (end > this.startOffset) this.#epochs.note(this.#epoch, end - 1);
  }

  #seal(buffer: Buffer, at: number, bytes: number, type: RecordType, flags: number): void {
    const header = this.#header;
    header.length = bytes;
    header.type = type;
    header.flags = flags;
    header.epoch = this.#epoch;
    header.offset = this.#cache.endOffset;
    header.storeTimeMs = this.#environment.clock.nowMs();
    header.durableOffset = this.#commit.durableOffset;
    encodeRecord(buffer, at, header);
  }

  #ends(): LogEnds {
    return this.#endsAt(this.durableOffset);
  }

  #endsAt(durableOffset: PhysicalOffset): LogEnds {
    const confirmed = this.#options.confirmOffset?.() ?? this.#checkpoint.confirmOffset;
    return {
      durableOffset,
      confirmOffset: physicalOffset(Math.min(confirmed, durableOffset)),
      lastEpoch: this.#epochs.lastBelow(durableOffset),
    };
  }

  async #reopen(): Promise<void> {
    const failure = this.failure;
    if (failure === undefined) return;
    const { disk } = this.#environment;
    try {
      await this.#commit.settle();
      await requireSpace(disk, this.#segments.directory, failure, this.#options.batchBytesMax);
      await this.#cutFiles(failure.keptOffset);
    } catch (error) {
      if (!isDiskError(error)) throw error;
      // It may have been the sync: then the kernel is free to forget what it could not write.
      this.#commit.distrust();
      throw diskRefusal(failure.file, failure.fromOffset, error);
    }
  }

  /** In state 'failed', bytes at and after fromOffset are served from memory only. */
  #requireGood(end: number): void {
    const failure = this.failure;
    if (failure === undefined || end <= failure.fromOffset) return;
    if (failure.fromOffset >= this.#cache.startOffset && end <= failure.keptOffset) return;
    throw failureError(failure);
  }

  #warn(warning: StoreError): void {
    for (const listener of this.#warningListeners) listener(warning);
  }
}

function segmentDirectory({ directory }: Pick<CommitLogOptions, 'directory'>): string {
  return `${directory}/${COMMIT_LOG_DIRECTORY}`;
}
