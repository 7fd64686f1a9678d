import type { Clock } from '../../../common/environment/clock.ts';
import type { TimerHandle, Timers } from '../../../common/environment/timers.ts';
import type { IndexMemory } from './core/index-memory.ts';
import { CHUNK_BYTES } from './core/entry-slab.ts';
import { ENTRY_BYTES } from './core/index-entry.ts';
import type { IndexSegments } from './index-segments.ts';
import { PageBatch } from './page-batch.ts';
import type { QueueIndexOptions } from './queue-index-options.ts';

/** Full pages that start a write at once; fewer wait `writeDelayMs` for company. */
const PAGES_WORTH_WRITING = 64;

/** Share of `indexBufferBytes` down to which a write under memory pressure goes, so that it does not restart at once. */
const RELIEF_SHARE = 7 / 8;

export interface IndexWriteFailure {
  /** Of the disk error: ENOSPC, EIO, … */
  code: string;
  message: string;
  /** Wall time of the first failure in a row. */
  sinceMs: number;
  attempts: number;
}

/**
 * Moves tails to disk in the background: full pages soon, and under memory pressure the longest tails first. Entries
 * stay in memory until their page is written, so that a failing disk costs memory and never an entry: it tries again
 * every `writeRetryMs`, until memory reaches its hard bound and the log stops taking messages (`QueueIndex.isSaturated`).
 */
export class PageWriter {
  readonly #memory: IndexMemory;
  readonly #segments: IndexSegments;
  readonly #timers: Timers;
  readonly #clock: Clock;
  readonly #options: QueueIndexOptions;
  readonly #batch = new PageBatch();
  #running: Promise<void> | undefined;
  #timer: TimerHandle | undefined;
  #isStartRequested = false;
  #isRelieving = false;
  #isClosed = false;
  #failure: IndexWriteFailure | undefined;
  /** Whoever waits for the next attempt to end; bounded by the callers of `attempted`. */
  #waiting: (() => void)[] = [];

  constructor(
    memory: IndexMemory,
    segments: IndexSegments,
    timers: Timers,
    clock: Clock,
    options: QueueIndexOptions,
  ) {
    this.#memory = memory;
    this.#segments = segments;
    this.#timers = timers;
    this.#clock = clock;
    this.#options = options;
  }

  get failure(): IndexWriteFailure | undefined {
    return this.#failure;
  }

  /** To be called when a tail has grown by a chunk. Cheap; starts a write when one is due. */
  notify(): void {
    if (this.#running !== undefined || this.#isStartRequested || this.#isClosed) return;
    if (this.#failure !== undefined) return;
    const isUrgent =
      this.#isOverSoftBound() || this.#memory.buckets.fullCount >= PAGES_WORTH_WRITING;
    if (isUrgent) {
      this.#startSoon();
    } else if (this.#timer === undefined && this.#memory.buckets.fullCount > 0) {
      this.#startAfter(this.#options.writeDelayMs);
    }
  }

  /** Writes what is due now and resolves when that is done or has failed (see `failure`). */
  async flush(): Promise<void> {
    if (this.#isClosed) return;
    await this.#running;
    await this.#start();
  }

  /** Resolves when the next write, or the one under way, has ended, well or not; at once when none is due. */
  attempted(): Promise<void> {
    this.notify();
    const isComing =
      this.#running !== undefined || this.#isStartRequested || this.#timer !== undefined;
    if (!isComing) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#running;
    this.#wake();
  }

  #startSoon(): void {
    this.#isStartRequested = true;
    this.#timers.soon(() => {
      this.#isStartRequested = false;
      void this.#start();
    });
  }

  #startAfter(delayMs: number): void {
    this.#timer = this.#timers.after(delayMs, () => {
      this.#timer = undefined;
      void this.#start();
    });
  }

  /** The promise rejects only for a bug, which then ends the process. */
  #start(): Promise<void> {
    if (this.#isClosed || this.#running !== undefined) return this.#running ?? Promise.resolve();
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      this.#wake();
      this.notify();
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isClosed && (await this.#writeBatch()));
      this.#failure = undefined;
    } catch (error) {
      this.#putBack();
      this.#fail(error as NodeJS.ErrnoException);
    }
  }

  /** Writes one batch; false when nothing is due. */
  async #writeBatch(): Promise<boolean> {
    if (this.#memory.buckets.fullCount === 0 && !this.#isOverSoftBound()) return false;
    const position = await this.#segments.prepare();
    this.#batch.reset(position, this.#options.segmentBytes - position);
    this.#gather();
    if (this.#batch.count === 0) return false;
    await this.#segments.write(this.#batch);
    this.#register();
    this.#wake();
    return true;
  }

  #gather(): void {
    const { buckets, queues, slab } = this.#memory;
    while (this.#hasRoom()) {
      const queueNo = buckets.takeFull();
      if (queueNo === undefined) break;
      this.#addFullPages(queueNo);
    }
    this.#isRelieving ||= this.#isOverSoftBound();
    const target = this.#options.indexBufferBytes * RELIEF_SHARE;
    // What the batch already takes will be free when it is written.
    let used = slab.usedBytes - this.#batch.pages.length;
    while (this.#isRelieving && this.#hasRoom()) {
      const queueNo = used > target ? buckets.takeLongest() : undefined;
      if (queueNo === undefined) {
        this.#isRelieving = false;
        break;
      }
      const start = queues.tailStart[queueNo] as number;
      const count = this.#memory.pageCountFrom(queueNo, start);
      this.#batch.add(this.#memory, queueNo, start, count);
      used -= Math.max(count * ENTRY_BYTES, CHUNK_BYTES);
    }
  }

  /** All of them, as far as there is room: one queue may take most of the messages. */
  #addFullPages(queueNo: number): void {
    const { queues } = this.#memory;
    const end = queues.endOffset[queueNo] as number;
    let start = queues.tailStart[queueNo] as number;
    do {
      const count = this.#memory.pageCountFrom(queueNo, start);
      this.#batch.add(this.#memory, queueNo, start, count);
      start += count;
    } while (end - start >= this.#options.pageEntries && this.#hasRoom());
  }

  #hasRoom(): boolean {
    return this.#batch.hasRoom(this.#options.pageEntries);
  }

  #register(): void {
    for (let i = 0; i < this.#batch.count; i++) {
      const row = this.#batch.row(i);
      this.#memory.registerPage(row, this.#segments.location(row.position));
    }
    this.#batch.reset(0, 0);
  }

  #putBack(): void {
    for (let i = 0; i < this.#batch.count; i++) {
      const { queueNo, generation } = this.#batch.row(i);
      const isAlive = this.#memory.queues.has(queueNo);
      if (isAlive && this.#memory.queues.generation[queueNo] === generation) {
        this.#memory.releaseHeld(queueNo);
      }
    }
    this.#batch.reset(0, 0);
  }

  #fail(error: NodeJS.ErrnoException): void {
    if (error.code === undefined) throw error;
    this.#failure = {
      code: error.code,
      message: error.message,
      sinceMs: this.#failure?.sinceMs ?? this.#clock.nowMs(),
      attempts: (this.#failure?.attempts ?? 0) + 1,
    };
    if (!this.#isClosed) this.#startAfter(this.#options.writeRetryMs);
  }

  #isOverSoftBound(): boolean {
    return this.#memory.slab.usedBytes > this.#options.indexBufferBytes;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
