/**
 * Brings appended bytes to the disk: appends of one turn of the event loop gather into a batch, one batch is written at a
 * time, and while it is in flight the next one grows. Owns the two promises of the log: `writtenOffset` (the kernel has
 * it: survives kill -9) and `durableOffset` (the disk has it: survives power loss).
 *
 * - flush 'sync': write, then fdatasync, per batch.
 * - flush 'async': writes never wait for fdatasync; one is started every `flushIntervalMs` while something is unsynced.
 *   Only at a roll a write waits for one, because a segment's existence proves its predecessor durable.
 *
 * A failed write or fdatasync ends everything until `restart`: after it nobody knows what the disk holds.
 */
import { assert } from '../../common/assert.ts';
import { type PhysicalOffset, physicalOffset } from '../../common/model/offsets.ts';
import type { TimerHandle, Timers } from '../../common/environment/timers.ts';
import type { LogCache } from './log-cache.ts';
import { recordAt } from './record-codec.ts';
import type { SegmentList } from './segment-list.ts';
import { isDiskError, StoreError } from './store-error.ts';

export interface GroupCommitOptions {
  flush: 'async' | 'sync';
  flushIntervalMs: number;
  /** A batch that has reached this is closed; the next record starts another. */
  batchBytesMax: number;
}

export interface LogFailure {
  operation: 'write' | 'sync' | 'roll' | 'truncate';
  /** First byte not known good. Below it reads go on. */
  fromOffset: PhysicalOffset;
  /** End of what `reopen` keeps or else refuses: what had been handed out as written (async) or durable (sync). */
  keptOffset: PhysicalOffset;
  file: string;
  /** The disk's own: ENOSPC, EIO, … */
  code: string;
  message: string;
}

/** A run of whole records within one segment. */
interface Batch {
  readonly start: number;
  end: number;
  readonly startsSegment: boolean;
}

interface SyncWaiter {
  readonly target: number;
  resolve(): void;
  reject(failure: StoreError): void;
}

export class GroupCommit {
  readonly #segments: SegmentList;
  readonly #cache: LogCache;
  readonly #timers: Timers;
  readonly #options: GroupCommitOptions;
  readonly #advanceListeners: (() => void)[] = [];
  readonly #failureListeners: ((failure: LogFailure) => void)[] = [];
  /** At most pendingBytesMax / batchBytesMax of them, plus one per roll. The last one grows. */
  #batches: Batch[] = [];
  #written: PhysicalOffset;
  #durable: PhysicalOffset;
  #failure: LogFailure | undefined;
  #isPumpDue = false;
  #writing: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  #flushTimer: TimerHandle | undefined;
  /** One per caller of `sync` that still waits; callers are few (snapshots, close). */
  #syncWaiters: SyncWaiter[] = [];

  constructor(segments: SegmentList, cache: LogCache, timers: Timers, options: GroupCommitOptions) {
    this.#segments = segments;
    this.#cache = cache;
    this.#timers = timers;
    this.#options = options;
    this.#written = segments.endOffset;
    this.#durable = segments.endOffset;
  }

  get writtenOffset(): PhysicalOffset {
    return this.#written;
  }

  get durableOffset(): PhysicalOffset {
    return this.#durable;
  }

  /** End of what the flush mode promises to keep. */
  get promisedOffset(): PhysicalOffset {
    return this.#options.flush === 'sync' ? this.#durable : this.#written;
  }

  get failure(): LogFailure | undefined {
    return this.#failure;
  }

  onAdvance(listener: () => void): void {
    this.#advanceListeners.push(listener);
  }

  onFailure(listener: (failure: LogFailure) => void): void {
    this.#failureListeners.push(listener);
  }

  /** Takes the record [start, end), already in the cache, into the growing batch. */
  add(start: PhysicalOffset, end: PhysicalOffset, startsSegment: boolean): void {
    assert(this.#failure === undefined, 'a failed log takes no appends');
    const last = this.#batches.at(-1);
    if (
      last === undefined ||
      startsSegment ||
      last.end - last.start >= this.#options.batchBytesMax
    ) {
      assert(last === undefined || last.end === start, 'batches are contiguous');
      this.#batches.push({ start, end, startsSegment });
    } else {
      assert(last.end === start, 'a batch has no gap');
      last.end = end;
    }
    if (this.#isPumpDue || this.#writing !== undefined) return;
    this.#isPumpDue = true;
    this.#timers.soon(() => {
      this.#isPumpDue = false;
      this.#startWriting();
    });
  }

  /** Resolves when everything below `target` is durable; rejects if the log fails first. */
  sync(target: PhysicalOffset): Promise<void> {
    if (this.#durable >= target) return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(failureError(this.#failure));
    return new Promise((resolve, reject) => {
      this.#syncWaiters.push({ target, resolve, reject });
      this.#startSync();
    });
  }

  /** Resolves when no disk operation is in flight any more; with a failure pending none starts. */
  async settle(): Promise<void> {
    while (this.#writing !== undefined || this.#syncing !== undefined) {
      await this.#writing;
      await this.#syncing;
    }
  }

  /** Forgets what no write has taken yet, and resolves when no disk operation is in flight. */
  async drain(): Promise<void> {
    this.#batches = [];
    await this.settle();
    this.stop();
  }

  /**
   * The log ends at `end`, which is written, from now on; the files are still to follow (`restart`). Who waits for more to
   * be durable waits for that.
   */
  cut(end: PhysicalOffset): void {
    assert(
      this.#writing === undefined && this.#syncing === undefined && this.#batches.length === 0,
      'cut of a log that was drained',
    );
    assert(end <= this.#written, `cut at ${end} of a log written to ${this.#written}`);
    this.#written = end;
    this.#durable = physicalOffset(Math.min(this.#durable, end));
    this.#cache.truncateTo(end);
    this.#syncWaiters = this.#syncWaiters.map((waiter) => ({
      ...waiter,
      target: Math.min(waiter.target, end),
    }));
  }

  /** The files could not follow a `cut`. */
  failCut(error: { code: string; message: string }): void {
    this.#fail('truncate', error);
  }

  /** After the files were made to end at `end`, all of it durable. */
  restart(end: PhysicalOffset): void {
    assert(
      this.#writing === undefined && this.#syncing === undefined,
      'restart with I/O in flight',
    );
    this.#written = end;
    this.#durable = end;
    this.#failure = undefined;
    this.#answerWaiters();
    this.#notifyAdvance();
  }

  /** A sync failed while the log had failed already: what was only written is no longer known good either. */
  distrust(): void {
    if (this.#failure !== undefined)
      this.#failure = { ...this.#failure, operation: 'sync', fromOffset: this.#durable };
  }

  /** No timer fires after this. */
  stop(): void {
    this.#flushTimer?.cancel();
    this.#flushTimer = undefined;
  }

  #startWriting(): void {
    if (this.#writing !== undefined || this.#failure !== undefined) return;
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = undefined;
      // Appended by whoever was just told of the last batch, after the loop had found nothing more to write.
      if (this.#batches.length > 0) this.#startWriting();
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#failure === undefined) {
      const batch = this.#batches.shift();
      if (batch === undefined) return;
      await this.#commit(batch);
    }
  }

  async #commit(batch: Batch): Promise<void> {
    if (batch.startsSegment && !(await this.#roll())) return;
    const segment = this.#segments.last;
    assert(
      batch.start === this.#written && segment.endOffset === this.#written,
      'writes are contiguous',
    );
    const slices = this.#cache.slices(batch.start, batch.end);
    const isWritten = await this.#attempt('write', () =>
      segment.append(slices, batch.end - batch.start),
    );
    if (!isWritten) return;
    segment.firstStoreTimeMs ??= recordAt(slices[0] ?? Buffer.alloc(0), 0).storeTimeMs;
    this.#written = physicalOffset(batch.end);
    this.#cache.evict(this.#written);
    if (this.#options.flush === 'async') {
      this.#notifyAdvance();
      if (this.#syncWaiters.length > 0) this.#startSync();
      else this.#armFlushTimer();
      return;
    }
    this.#notifyAdvance();
    if (await this.#attempt('sync', () => segment.sync()))
      this.#becomeDurable(physicalOffset(batch.end));
  }

  async #roll(): Promise<boolean> {
    // One fdatasync of a file at a time: of two, only one would be told of a failure, and the other one would succeed.
    while (this.#syncing !== undefined) await this.#syncing;
    if (this.#durable < this.#written) await this.#sync();
    if (this.#failure !== undefined) return false;
    assert(this.#durable === this.#written, 'a successor proves its segment durable');
    return this.#attempt('roll', () => this.#segments.roll());
  }

  #armFlushTimer(): void {
    if (
      this.#flushTimer !== undefined ||
      this.#syncing !== undefined ||
      this.#failure !== undefined
    )
      return;
    if (this.#durable === this.#written) return;
    this.#flushTimer = this.#timers.after(this.#options.flushIntervalMs, () => {
      this.#flushTimer = undefined;
      this.#startSync();
    });
  }

  /** One fdatasync beside the writes; in flush 'sync' the write pipeline does it. */
  #startSync(): void {
    if (
      this.#options.flush === 'sync' ||
      this.#syncing !== undefined ||
      this.#failure !== undefined
    )
      return;
    if (this.#written > this.#durable) void this.#sync();
  }

  /** Of what is written now; beside the writes. Never rejects but for bugs. */
  #sync(): Promise<void> {
    this.stop();
    this.#syncing = this.#syncTo(this.#written).finally(() => {
      this.#syncing = undefined;
      if (this.#syncWaiters.length > 0) this.#startSync();
      else this.#armFlushTimer();
    });
    return this.#syncing;
  }

  async #syncTo(target: PhysicalOffset): Promise<void> {
    // Segments before the last one became durable when they were sealed.
    const segment = this.#segments.last;
    if (await this.#attempt('sync', () => segment.sync())) this.#becomeDurable(target);
  }

  #becomeDurable(offset: PhysicalOffset): void {
    if (offset > this.#durable) {
      assert(offset <= this.#written, 'nothing is durable before it is written');
      this.#durable = offset;
      this.#answerWaiters();
    }
    this.#notifyAdvance();
  }

  #answerWaiters(): void {
    const isDone = (waiter: SyncWaiter): boolean => waiter.target <= this.#durable;
    const done = this.#syncWaiters.filter(isDone);
    if (done.length > 0) this.#syncWaiters = this.#syncWaiters.filter((waiter) => !isDone(waiter));
    for (const waiter of done) waiter.resolve();
  }

  /** Runs one disk operation; false means that the log has failed, by it or meanwhile. Bugs are rethrown. */
  async #attempt(operation: LogFailure['operation'], task: () => Promise<void>): Promise<boolean> {
    try {
      await task();
    } catch (error) {
      if (!isDiskError(error)) throw error;
      if (this.#failure === undefined) this.#fail(operation, error);
      else if (operation !== 'write') this.distrust();
    }
    return this.#failure === undefined;
  }

  #fail(operation: LogFailure['operation'], error: { code: string; message: string }): void {
    const kept = this.promisedOffset;
    // A failed write says nothing about bytes the kernel took before it; a failed fdatasync does.
    const from = operation === 'write' ? kept : this.#durable;
    this.#failure = {
      operation,
      fromOffset: from,
      keptOffset: kept,
      file: this.#segments.last.path,
      code: error.code,
      message: error.message,
    };
    this.stop();
    this.#batches = [];
    this.#written = kept;
    this.#cache.truncateTo(kept);
    const waiters = this.#syncWaiters;
    this.#syncWaiters = [];
    for (const waiter of waiters) waiter.reject(failureError(this.#failure));
    for (const listener of this.#failureListeners) listener(this.#failure);
  }

  #notifyAdvance(): void {
    for (const listener of this.#advanceListeners) listener();
  }
}

/** What a caller gets whose range is affected by the failure. */
export function failureError(failure: LogFailure): StoreError {
  return new StoreError({
    kind: 'log-failed',
    file: failure.file,
    offset: failure.fromOffset,
    reason: `${failure.operation} failed with ${failure.code}: ${failure.message}`,
    hint: 'Writes are refused until the disk takes them again; see the reason.',
  });
}
