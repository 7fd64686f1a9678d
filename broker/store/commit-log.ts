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
import { Checkpoint } from './checkpoint.ts';
import { CheckpointWriter, type LogEnds } from './checkpoint-writer.ts';
import { startsSegment } from './core/roll-policy.ts';
import {
  failureError,
  GroupCommit,
  type GroupCommitOptions,
  type LogFailure,
} from './group-commit.ts';
import { LogCache } from './log-cache.ts';
import { LogReader } from './log-reader.ts';
import { scanRecords } from './log-scanner.ts';
import {
  encodeRecord,
  HEADER_BYTES,
  type LogRecord,
  RECORD_BYTES_MAX,
  recordAt,
  type RecordHeader,
} from './record-codec.ts';
import { RecordType } from './record-type.ts';
import { makeDurable, recover, type RecoveryRange, type RecoveryReport } from './recovery.ts';
import { notKept, requireSpace } from './reopen-check.ts';
import { type SegmentInfo, SegmentList } from './segment-list.ts';
import { isDiskError, StoreError } from './store-error.ts';

export interface CommitLogOptions extends GroupCommitOptions {
  /** The data directory: segments are in `<directory>/commitlog`, the checkpoint is `<directory>/checkpoint`. */
  directory: string;
  /** A segment is rolled at the first record boundary at or after this. */
  segmentBytes: number;
  /** Recent log kept in memory for reads. */
  cacheBytes: number;
  /** Appended and not yet written; beyond it `append` answers 'log-full'. One record is always taken. */
  pendingBytesMax: number;
  /** How far the broker group has confirmed the log; kept in the checkpoint, as far as it is durable. All of it by default. */
  confirmOffset?: () => number;
}

export type AppendRefusal = 'log-full' | 'log-failed';

export const COMMIT_LOG_DIRECTORY = 'commitlog';

interface Parts {
  segments: SegmentList;
  checkpoint: Checkpoint;
  recovery: RecoveryReport;
}

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
  #isClosed = false;
  #reopening: Promise<void> | undefined;
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

  private constructor(options: CommitLogOptions, environment: Environment, parts: Parts) {
    this.recovery = parts.recovery;
    this.#options = options;
    this.#environment = environment;
    this.#segments = parts.segments;
    this.#checkpoint = parts.checkpoint;
    this.#cache = new LogCache(parts.segments.endOffset, options.cacheBytes);
    this.#reader = new LogReader(parts.segments, this.#cache);
    this.#commit = new GroupCommit(parts.segments, this.#cache, environment.timers, options);
    this.#segmentStart = parts.segments.last.startOffset;
    this.#checkpointWriter = new CheckpointWriter(
      parts.checkpoint,
      environment,
      () => this.#ends(),
      (error) => this.#warn(ioError(`${options.directory}/checkpoint`, this.durableOffset, error)),
    );
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
      return new CommitLog(options, environment, await openParts(options, environment, from));
    } catch (error) {
      if (!isDiskError(error)) throw error;
      throw ioError(options.directory, 0, error);
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

  /** Why the log refuses appends; undefined while it takes them. */
  get failure(): LogFailure | undefined {
    return this.#commit.failure;
  }

  /** Memory held for the recent log, for metrics. */
  get cachedBytes(): number {
    return this.#cache.heldBytes;
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
    if (this.#commit.failure !== undefined || this.#isClosed) return 'log-failed';
    const bytes = HEADER_BYTES + payloadBytes;
    assert(bytes <= RECORD_BYTES_MAX, `record of ${bytes} bytes`);
    const offset = this.#cache.endOffset;
    const pendingBytes = offset - this.#commit.writtenOffset;
    if (pendingBytes > 0 && pendingBytes + bytes > this.#options.pendingBytesMax) return 'log-full';
    const buffer = this.#cache.reserve(bytes);
    const at = this.#cache.tailPosition();
    fill(buffer, at + HEADER_BYTES);
    assert(this.#cache.endOffset === offset, 'fill does not append');
    this.#seal(buffer, at, bytes, type, flags);
    this.#cache.commit(bytes);
    const isFirst = startsSegment(this.#segmentStart, offset, this.#options.segmentBytes);
    if (isFirst) this.#segmentStart = offset;
    this.#commit.add(offset, this.#cache.endOffset, isFirst);
    return offset;
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
      if (this.failure === undefined) await this.#writeCheckpoint(this.durableOffset);
    } finally {
      await this.#checkpoint.close();
      await this.#segments.close();
    }
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
    const durableOffset = this.durableOffset;
    const confirmed = this.#options.confirmOffset?.() ?? durableOffset;
    return { durableOffset, confirmOffset: physicalOffset(Math.min(confirmed, durableOffset)) };
  }

  #writeCheckpoint(durableOffset: PhysicalOffset): Promise<void> {
    const { confirmOffset } = this.#ends();
    return this.#checkpoint.write(durableOffset, confirmOffset, this.#environment.clock.nowMs());
  }

  async #reopen(): Promise<void> {
    const failure = this.failure;
    if (failure === undefined) return;
    const { disk } = this.#environment;
    try {
      await this.#commit.settle();
      await requireSpace(disk, this.#segments.directory, failure, this.#options.batchBytesMax);
      await this.#segments.truncateTo(failure.keptOffset);
      await disk.syncDirectory(this.#segments.directory);
      const stop = await makeDurable(
        this.#segments,
        this.#environment.timers,
        this.durableOffset,
        this.#reader,
      );
      if (stop.state !== 'end') throw notKept(failure, stop);
      await this.#writeCheckpoint(failure.keptOffset);
    } catch (error) {
      if (!isDiskError(error)) throw error;
      // It may have been the sync: then the kernel is free to forget what it could not write.
      this.#commit.distrust();
      throw ioError(failure.file, failure.fromOffset, error);
    }
    this.#segmentStart = this.#segments.last.startOffset;
    this.#commit.restart(failure.keptOffset);
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

async function openParts(
  options: CommitLogOptions,
  environment: Environment,
  from: RecoveryRange,
): Promise<Parts> {
  const { disk, clock } = environment;
  await disk.makeDirectory(options.directory);
  const checkpoint = await Checkpoint.open(disk, options.directory);
  let segments: SegmentList | undefined;
  try {
    segments = await SegmentList.open(disk, `${options.directory}/${COMMIT_LOG_DIRECTORY}`);
    await disk.syncDirectory(options.directory);
    const durableFloor = physicalOffset(Math.max(from.durableFloor, checkpoint.durableOffset));
    const found = await recover(segments, environment, { scanFrom: from.scanFrom, durableFloor });
    const confirmOffset = physicalOffset(Math.min(checkpoint.confirmOffset, found.endOffset));
    const recovery = { ...found, confirmOffset };
    await checkpoint.write(segments.endOffset, recovery.confirmOffset, clock.nowMs());
    return { segments, checkpoint, recovery };
  } catch (error) {
    await checkpoint.close();
    await segments?.close();
    throw error;
  }
}

function ioError(
  file: string,
  offset: number,
  cause: { code: string; message: string },
): StoreError {
  return new StoreError({
    kind: 'io',
    file,
    offset,
    reason: `the disk refused with ${cause.code}: ${cause.message}`,
    hint: 'Free space or repair the disk, then try again.',
    cause,
  });
}
