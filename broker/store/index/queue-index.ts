import { assert } from '../../../common/assert.ts';
import type { Environment } from '../../../common/environment/environment.ts';
import { encodeEnd, encodeQueues } from './core/index-chunk.ts';
import { copyEntries, ENTRY_WORDS, GONE_ENTRY } from './core/index-entry.ts';
import type { EntryBatch } from './core/entry-batch.ts';
import { type IndexMemory } from './core/index-memory.ts';
import { firstEntryNotBelow } from './core/index-page.ts';
import { intact, isDamage, type IndexDamage } from './index-damage.ts';
import { IndexRestore } from './index-restore.ts';
import { type IndexSegments } from './index-segments.ts';
import { PageReader, type PageRef } from './page-reader.ts';
import { PageWriter, type IndexWriteFailure } from './page-writer.ts';
import type { QueueIndexOptions } from './queue-index-options.ts';

/** Queues whose minimum is raised before other work gets a turn. */
const RETENTION_STRIDE = 256;
/** Pages read at once for it: as many as libuv has threads by default. */
const RETENTION_LANES = 4;

/** What a snapshot says of the index. */
export interface IndexBase {
  /** The chunks of `capture`, in order. */
  chunks: Iterable<Buffer> | AsyncIterable<Buffer>;
  /** Where the log starts now: only index segments wholly below may be missing. */
  logStartOffset: number;
}

export type IndexOpenResult = { kind: 'open'; index: QueueIndex } | IndexDamage;

export interface IndexStats {
  queues: number;
  /** Memory of queue columns, page lists, tails and cached pages. */
  queueBytes: number;
  pageListBytes: number;
  tailBytes: number;
  tailBytesUsed: number;
  cacheBytes: number;
  segments: number;
  failure: IndexWriteFailure | undefined;
}

/**
 * Where the messages of each queue are in the log: (queue number, queue offset) → physical offset, length, hash of the
 * tag, flags. Derived data: written by the fold of the log only, and rebuilt from the log when it is lost or damaged.
 *
 * The newest entries of each queue (its tail) are in memory; older ones are in pages on disk, of which memory holds
 * 24 bytes each. A page reaches disk long before anyone relies on it there: a restart restores tails from the snapshot and
 * the log. So nothing here is waited for by a producer, and a failing disk never loses an entry.
 *
 * Not here: which messages are acknowledged, where a message was carried to when its segment was deleted.
 */
export class QueueIndex {
  readonly #memory: IndexMemory;
  readonly #segments: IndexSegments;
  readonly #reader: PageReader;
  readonly #writer: PageWriter;
  readonly #environment: Environment;
  readonly #options: QueueIndexOptions;
  /** For queues from a snapshot, the log offset folded through when they were captured; dropped after replay. */
  #restoredAsOf: Float64Array | undefined;

  private constructor(
    options: QueueIndexOptions,
    environment: Environment,
    memory: IndexMemory,
    segments: IndexSegments,
    restoredAsOf?: Float64Array,
  ) {
    this.#options = options;
    this.#environment = environment;
    this.#memory = memory;
    this.#segments = segments;
    this.#restoredAsOf = restoredAsOf;
    this.#reader = new PageReader(segments.files, options.pageCacheBytes);
    this.#writer = new PageWriter(memory, segments, environment.timers, environment.clock, options);
  }

  /**
   * With a base, restores the index as of that snapshot: the caller then folds the log from the snapshot's begin on;
   * entries it repeats are ignored. Without one, starts empty and deletes what the directory holds: the caller folds the
   * whole log. After `damaged` the way out is to open without a base. Rejects with the disk's error when that fails.
   */
  static async open(
    options: QueueIndexOptions,
    environment: Environment,
    base?: IndexBase,
  ): Promise<IndexOpenResult> {
    const restore = new IndexRestore(options, environment);
    if (base !== undefined) {
      for await (const chunk of base.chunks) restore.add(chunk);
    }
    const restored = await restore.finish(base?.logStartOffset);
    if (isDamage(restored)) return restored;
    const { memory, segments, asOf } = restored;
    return { kind: 'open', index: new QueueIndex(options, environment, memory, segments, asOf) };
  }

  /** State of background writing; undefined when the last write went well. */
  get failure(): IndexWriteFailure | undefined {
    return this.#writer.failure;
  }

  stats(): IndexStats {
    const { queues, pages, slab } = this.#memory;
    return {
      queues: queues.count,
      queueBytes: queues.allocatedBytes,
      pageListBytes: pages.allocatedBytes,
      tailBytes: slab.allocatedBytes,
      tailBytesUsed: slab.usedBytes,
      cacheBytes: this.#reader.cachedBytes,
      segments: this.#segments.segments.length,
      failure: this.#writer.failure,
    };
  }

  has(queueNo: number): boolean {
    return this.#memory.queues.has(queueNo);
  }

  /** First queue offset that is kept; 0 for an unknown queue. */
  minOffset(queueNo: number): number {
    const { queues } = this.#memory;
    return queues.has(queueNo) ? (queues.minOffset[queueNo] as number) : 0;
  }

  /** One past the last queue offset; 0 for an unknown queue. */
  endOffset(queueNo: number): number {
    const { queues } = this.#memory;
    return queues.has(queueNo) ? (queues.endOffset[queueNo] as number) : 0;
  }

  /**
   * Adds the entry of the next queue offset. An unknown queue starts at whatever offset comes first. An offset already
   * present is ignored: replay repeats. A gap, or a physical offset that does not grow, is a bug of the caller.
   * Synchronous, O(1), no allocation; never refuses: see `isSaturated`.
   */
  // eslint-disable-next-line max-params -- once per message: an object here would be garbage a hundred thousand times a second
  append(
    queueNo: number,
    queueOffset: number,
    physical: number,
    bytes: number,
    tagHash: number,
    flags: number,
  ): void {
    const { queues } = this.#memory;
    if (this.#restoredAsOf !== undefined && physical < this.restoredAsOf(queueNo)) return;
    if (!queues.has(queueNo)) this.#memory.create(queueNo, queueOffset);
    const end = queues.endOffset[queueNo] as number;
    if (queueOffset < end) {
      this.#checkRepeat(queueNo, queueOffset, physical);
      return;
    }
    assert(queueOffset === end, 'queue offsets are dense');
    assert(physical > (queues.lastPhysical[queueNo] as number), 'a queue follows the log');
    const isMoment = this.#memory.append(queueNo, physical, bytes, tagHash, flags);
    if (isMoment) this.#writer.notify();
  }

  /**
   * Adds `count` entries from the end offset on whose messages are lost; `physical`: a log offset behind the entry before and
   * not behind what follows. An unknown queue begins with them.
   */
  appendGone(queueNo: number, queueOffset: number, count: number, physical: number): void {
    if (!this.has(queueNo)) this.#memory.create(queueNo, queueOffset);
    assert(queueOffset === this.endOffset(queueNo), 'queue offsets are dense');
    assert(
      physical >= (this.#memory.queues.lastPhysical[queueNo] as number),
      'a queue follows the log',
    );
    const { bytes, tagHash, flags } = GONE_ENTRY;
    let isMoment = false;
    for (let i = 0; i < count; i++)
      isMoment = this.#memory.append(queueNo, physical, bytes, tagHash, flags) || isMoment;
    if (isMoment) this.#writer.notify();
  }

  /**
   * Raises the first kept queue offset; never lowers it. Above the end it makes the queue go on from there, empty; an
   * unknown queue begins there.
   */
  setMinOffset(queueNo: number, offset: number): void {
    if (!this.has(queueNo)) this.#memory.create(queueNo, offset);
    this.#memory.setMinOffset(queueNo, offset);
  }

  /**
   * Forgets the queue. Its number may be used again, for a queue that has nothing to do with this one. During replay the
   * queue of the snapshot may be a later one than the one that the log removes here: it is forgotten too, and the entries
   * that follow make it anew.
   */
  removeQueue(queueNo: number): void {
    if (this.#restoredAsOf !== undefined && queueNo < this.#restoredAsOf.length) {
      this.#restoredAsOf[queueNo] = 0;
    }
    this.#memory.remove(queueNo);
  }

  /**
   * True while tails take more than their hard bound because the disk does not take pages. The log must then refuse new
   * messages; what it has accepted is still taken here, so memory exceeds the bound by at most 16 times less than
   * the log's own bound of pending bytes. During replay the caller awaits `relieved` instead.
   */
  isSaturated(): boolean {
    return this.#memory.slab.usedBytes >= this.#options.indexBufferBytesMax;
  }

  /** Resolves after the next attempt to write pages; at once when there is nothing to write. Check `failure` and again. */
  relieved(): Promise<void> {
    return this.#writer.attempted();
  }

  /**
   * Fills `into` with up to `max` entries from queue offset `from` (or minOffset, when that is larger) on, as far as they
   * are in memory, and returns how many. 0: there is none at or after `from`. Fewer than there are: read on from there.
   */
  readSync(queueNo: number, from: number, max: number, into: EntryBatch): number | 'needs-disk' {
    const { queues } = this.#memory;
    into.count = 0;
    into.startOffset = from;
    if (!queues.has(queueNo)) return 0;
    const end = queues.endOffset[queueNo] as number;
    const start = Math.max(from, queues.minOffset[queueNo] as number);
    into.startOffset = start;
    const stop = Math.min(end, start + Math.min(max, into.capacity));
    if (stop <= start) return 0;
    const reached = this.#readCachedPages(queueNo, start, stop, into);
    const tailStart = queues.tailStart[queueNo] as number;
    if (reached >= tailStart && reached < stop) {
      this.#memory.readTail(queueNo, reached, stop - reached, into);
    }
    return into.count > 0 ? into.count : 'needs-disk';
  }

  /** As `readSync`, fetching the page that is needed first. Damage is an outcome; a disk error rejects. */
  async read(
    queueNo: number,
    from: number,
    max: number,
    into: EntryBatch,
  ): Promise<number | IndexDamage> {
    for (;;) {
      const count = this.readSync(queueNo, from, max, into);
      if (count !== 'needs-disk') return count;
      const ref = this.#pageRef(queueNo, into.startOffset);
      const page = await this.#reader.read(ref);
      // Meanwhile the queue may have been removed or its minimum raised; then what was read is of no interest.
      if (!this.#isCurrent(ref)) continue;
      if (isDamage(page)) return page;
      // Copied from here and not by another readSync: with a tiny cache the page may be gone from it again.
      into.count = 0;
      into.startOffset = Math.max(from, this.minOffset(queueNo));
      const skip = into.startOffset - ref.firstOffset;
      const run = Math.min(ref.count - skip, max, into.capacity);
      copyEntries(page, skip * ENTRY_WORDS, run, into);
      return into.count;
    }
  }

  /** The first queue offset, at or above minOffset, whose entry is at or after `physical`; endOffset when there is none. */
  async offsetAtOrAfter(queueNo: number, physical: number): Promise<number | IndexDamage> {
    for (;;) {
      const found = this.#locate(queueNo, physical);
      if (typeof found === 'number') return found;
      const page = await this.#reader.readOnce(found);
      if (!this.#isCurrent(found)) continue;
      if (isDamage(page)) return page;
      const index = firstEntryNotBelow(page, found.count, physical);
      return Math.max(found.firstOffset + index, this.minOffset(queueNo));
    }
  }

  /** Numbers of the queues that may have an entry below `physical`. */
  *queuesBelow(physical: number): Generator<number> {
    const { queues } = this.#memory;
    for (let queueNo = 0; queueNo < queues.capacity; queueNo++) {
      if ((queues.minPhysical[queueNo] as number) < physical) yield queueNo;
    }
  }

  /**
   * Raises the first kept offset of every queue above what lies below `physical`, the new start of the log. Reads one page
   * per queue at most and lets other work go on in between. After damage, queues looked at before have been raised.
   */
  async raiseMinOffsets(physical: number): Promise<IndexDamage | undefined> {
    const queues = this.queuesBelow(physical);
    const lanes = Array.from({ length: RETENTION_LANES }, () => this.#raiseEach(queues, physical));
    return (await Promise.all(lanes)).find((damage) => damage !== undefined);
  }

  /** One of several that share the queues among them. */
  async #raiseEach(queues: Iterable<number>, physical: number): Promise<IndexDamage | undefined> {
    let sinceTurn = 0;
    for (const queueNo of queues) {
      if (++sinceTurn % RETENTION_STRIDE === 0) await this.#turn();
      const located = this.#locate(queueNo, physical);
      const isKnown = typeof located === 'number';
      const offset = isKnown ? located : await this.offsetAtOrAfter(queueNo, physical);
      if (typeof offset !== 'number') return offset;
      if (this.has(queueNo)) this.#memory.setMinOffset(queueNo, offset, physical);
    }
    return undefined;
  }

  /**
   * Deletes the index segments that hold nothing at or above `physical`, raising the queues as `raiseMinOffsets` does where
   * that has not been done. Returns how many segments were deleted.
   */
  async deleteBefore(physical: number): Promise<number | IndexDamage> {
    const damage = await this.raiseMinOffsets(physical);
    return damage ?? (await this.#segments.deleteBefore(physical));
  }

  /** Writes full pages, and long tails when memory is short, now. Resolves when done or failed (see `failure`). */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /**
   * What a snapshot needs of the index, in chunks that take well below 2 ms each; entries may be added between them.
   * `foldedOffset` is asked for each chunk. Before the snapshot is published `sync` must have resolved and the log must
   * be durable through the last `foldedOffset`.
   */
  *capture(foldedOffset: () => number): Generator<Buffer> {
    const { captureChunkBytes } = this.#options;
    for (let from = 0; from < this.#memory.queues.capacity;) {
      const asOf = foldedOffset();
      const { chunk, next } = encodeQueues(this.#memory, from, asOf, captureChunkBytes);
      from = next;
      yield chunk;
    }
    const { number, pagesEnd, physicalMax, incarnation } = this.#segments.position;
    const { nextGeneration } = this.#memory.queues;
    yield encodeEnd(
      { segmentNumber: number, pagesEnd, physicalMax, nextGeneration, incarnation },
      foldedOffset(),
    );
  }

  /**
   * Makes the pages written so far durable; to be called after `capture` has ended. Rejects with the disk's
   * error, or with `IndexDamagedError` when pages are lost: the snapshot must not be published.
   */
  async sync(): Promise<void> {
    intact(await this.#segments.sync());
  }

  /**
   * During replay: records of this queue below this log offset are already in what was restored, and `append` ignores them
   * (they may even be of an earlier queue of that number). 0 for a queue that was not in the snapshot.
   */
  restoredAsOf(queueNo: number): number {
    return this.#restoredAsOf?.[queueNo] ?? 0;
  }

  /** The log has been folded to its end: from now on every entry is new. */
  replayEnded(): void {
    this.#restoredAsOf = undefined;
  }

  /** Stops writing and closes the files. Tails are not written: the snapshot or the log has them. */
  async close(): Promise<void> {
    await this.#writer.close();
    await this.#segments.close();
  }

  #checkRepeat(queueNo: number, queueOffset: number, physical: number): void {
    const { queues } = this.#memory;
    if (queueOffset < (queues.tailStart[queueNo] as number)) return;
    const present = this.#memory.tailPhysical(queueNo, queueOffset);
    assert(present === physical, 'a repeated entry is the same entry');
  }

  /** Copies from cached pages until one is missing, `stop` or the tail is reached; returns the next offset. */
  #readCachedPages(queueNo: number, start: number, stop: number, into: EntryBatch): number {
    const { queues, pages } = this.#memory;
    const pagesEnd = queues.tailStart[queueNo] as number;
    if (start >= pagesEnd) return start;
    let next = start;
    let index = pages.findByOffset(queueNo, start);
    for (; next < stop && next < pagesEnd; index++) {
      const page = this.#reader.cached(pages.location(queueNo, index));
      if (page === undefined) break;
      const skip = next - pages.firstOffset(queueNo, index);
      const run = Math.min(stop - next, page.length / ENTRY_WORDS - skip);
      copyEntries(page, skip * ENTRY_WORDS, run, into);
      next += run;
    }
    return next;
  }

  #pageRef(queueNo: number, offset: number): PageRef {
    const { pages } = this.#memory;
    return this.#pageRefAt(queueNo, pages.findByOffset(queueNo, offset));
  }

  #pageRefAt(queueNo: number, index: number): PageRef {
    const { queues, pages } = this.#memory;
    const firstOffset = pages.firstOffset(queueNo, index);
    const isLast = index + 1 === pages.count(queueNo);
    const end = isLast
      ? (queues.tailStart[queueNo] as number)
      : pages.firstOffset(queueNo, index + 1);
    return {
      queueNo,
      generation: queues.generation[queueNo] as number,
      firstOffset,
      count: end - firstOffset,
      location: pages.location(queueNo, index),
    };
  }

  /** False when the queue was removed or the page forgotten while it was read. */
  #isCurrent(ref: PageRef): boolean {
    const { queues } = this.#memory;
    return (
      queues.has(ref.queueNo) &&
      queues.generation[ref.queueNo] === ref.generation &&
      ref.firstOffset + ref.count > (queues.minOffset[ref.queueNo] as number)
    );
  }

  /** As `offsetAtOrAfter` where memory knows the answer, else the page that does. */
  #locate(queueNo: number, physical: number): number | PageRef {
    const { queues, pages } = this.#memory;
    if (!queues.has(queueNo)) return 0;
    const min = queues.minOffset[queueNo] as number;
    const end = queues.endOffset[queueNo] as number;
    if (physical > (queues.lastPhysical[queueNo] as number)) return end;
    const tailStart = queues.tailStart[queueNo] as number;
    if (tailStart < end && physical > this.#memory.tailPhysical(queueNo, tailStart)) {
      return this.#locateInTail(queueNo, tailStart, end, physical);
    }
    const index = pages.findByPhysical(queueNo, physical);
    if (index < 0) return min;
    if (pages.firstPhysical(queueNo, index) === physical) {
      return Math.max(min, pages.firstOffset(queueNo, index));
    }
    return this.#pageRefAt(queueNo, index);
  }

  #locateInTail(queueNo: number, start: number, end: number, physical: number): number {
    let low = start;
    let high = end;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.#memory.tailPhysical(queueNo, middle) < physical) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#environment.timers.soon(resolve));
  }
}
