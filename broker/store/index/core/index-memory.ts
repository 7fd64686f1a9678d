import { assert } from '../../../../common/assert.ts';
import type { EntryBatch } from './entry-batch.ts';
import { CHUNK_ENTRIES, EntrySlab, NO_CHUNK } from './entry-slab.ts';
import { copyEntries, ENTRY_WORDS, physicalAt, writeEntry } from './index-entry.ts';
import type { PageHeader } from './index-page.ts';
import { PageTable } from './page-table.ts';
import { HELD, QUEUE_NUMBER_MAX, QueueTable } from './queue-table.ts';
import { TailBuckets } from './tail-buckets.ts';

const SLOT_MASK = CHUNK_ENTRIES - 1;

/**
 * The part of the queue index that is in memory: for each queue its range, its tail of entries not yet in a page, and
 * where its pages are. Pure; `PageWriter` moves tails to disk and tells by `registerPage`.
 *
 * Entry `o` lies in slot `o mod 16` of its chunk, so a tail may start in the middle of its first chunk.
 */
export class IndexMemory {
  readonly queues = new QueueTable();
  readonly pages = new PageTable();
  readonly slab = new EntrySlab();
  readonly buckets: TailBuckets;
  readonly #pageEntries: number;

  constructor(pageEntries: number) {
    this.#pageEntries = pageEntries;
    this.buckets = new TailBuckets(this.queues, pageEntries / CHUNK_ENTRIES);
  }

  create(queueNo: number, offset: number): void {
    this.#reserve(queueNo);
    this.queues.create(queueNo, offset);
  }

  restore(queueNo: number, offset: number, generation: number): void {
    this.#reserve(queueNo);
    assert(!this.queues.has(queueNo), 'a queue is restored once');
    this.queues.restore(queueNo, offset, generation);
  }

  remove(queueNo: number): void {
    if (!this.queues.has(queueNo)) return;
    this.#releaseChunks(queueNo, Infinity);
    this.buckets.remove(queueNo);
    this.pages.clear(queueNo);
    this.queues.remove(queueNo);
  }

  /** Adds the next entry; true when the tail has begun or completed a chunk: the moments to see whether a page is due. */
  append(
    queueNo: number,
    physical: number,
    bytes: number,
    tagHash: number,
    flags: number,
  ): boolean {
    const { queues, slab } = this;
    const offset = queues.endOffset[queueNo] as number;
    const slot = offset & SLOT_MASK;
    const isFirst = queues.firstChunk[queueNo] === NO_CHUNK;
    if (isFirst || slot === 0) this.#addChunk(queueNo);
    const chunk = queues.lastChunk[queueNo] as number;
    writeEntry(slab.words(chunk), slab.wordIndex(chunk, slot), physical, bytes, tagHash, flags);
    if (queues.minOffset[queueNo] === offset) queues.minPhysical[queueNo] = physical;
    queues.endOffset[queueNo] = offset + 1;
    queues.lastPhysical[queueNo] = physical;
    const isMoment = isFirst || slot === CHUNK_ENTRIES - 1;
    if (isMoment) this.#place(queueNo);
    return isMoment;
  }

  tailCount(queueNo: number): number {
    return (this.queues.endOffset[queueNo] as number) - (this.queues.tailStart[queueNo] as number);
  }

  /** Physical offset of an entry of the tail. */
  tailPhysical(queueNo: number, offset: number): number {
    const chunk = this.#chunkOf(queueNo, offset);
    return physicalAt(this.slab.words(chunk), this.slab.wordIndex(chunk, offset & SLOT_MASK));
  }

  /** Copies tail entries [from, from + count) to the end of `into`. */
  readTail(queueNo: number, from: number, count: number, into: EntryBatch): void {
    this.#eachRun(queueNo, from, count, (words, at, run) => copyEntries(words, at, run, into));
  }

  /** Copies tail entries [from, from + count), as they are in memory, into `words` at `at`. */
  copyTail(queueNo: number, from: number, count: number, words: Uint32Array, at: number): void {
    let to = at;
    this.#eachRun(queueNo, from, count, (source, start, run) => {
      words.set(source.subarray(start, start + run * ENTRY_WORDS), to);
      to += run * ENTRY_WORDS;
    });
  }

  /**
   * How many entries a page of the queue that starts at `start` takes: whole chunks, as many as a page holds, so that no
   * chunk stays behind half used; or all there is when the tail has no whole chunk.
   */
  pageCountFrom(queueNo: number, start: number): number {
    const end = this.queues.endOffset[queueNo] as number;
    const wholeEnd = Math.min(chunkStart(start) + this.#pageEntries, chunkStart(end));
    return wholeEnd > start ? wholeEnd - start : end - start;
  }

  /**
   * The page of entries [firstOffset, firstOffset + count) is on disk: from now on they are read from there. Ignored
   * when the tail no longer starts with them (removed or raised meanwhile): such a page is never referred to.
   */
  registerPage(page: PageHeader, location: number): void {
    const { queueNo, generation, firstOffset, count, firstPhysical } = page;
    if (!this.queues.has(queueNo) || this.queues.generation[queueNo] !== generation) return;
    if (this.queues.tailStart[queueNo] === firstOffset) {
      this.pages.push(queueNo, firstOffset, firstPhysical, location);
      this.#dropTail(queueNo, firstOffset + count);
    }
    this.releaseHeld(queueNo);
  }

  /** Offers the queue for a page again after `TailBuckets.take…`. */
  releaseHeld(queueNo: number): void {
    this.buckets.release(queueNo);
    this.#place(queueNo);
  }

  /**
   * Forgets entries below `offset`; above the end it moves the end too, and the queue goes on from there, empty.
   * `physicalMin` is what the caller knows of the physical offset of the entry at `offset`: not below that.
   */
  setMinOffset(queueNo: number, offset: number, physicalMin = 0): void {
    if (offset > (this.queues.minOffset[queueNo] as number)) this.#raiseMin(queueNo, offset);
    const known = this.queues.minPhysical[queueNo] as number;
    this.queues.minPhysical[queueNo] = Math.max(known, physicalMin);
  }

  #raiseMin(queueNo: number, offset: number): void {
    const { queues, pages } = this;
    if (offset > (queues.endOffset[queueNo] as number)) queues.endOffset[queueNo] = offset;
    queues.minOffset[queueNo] = offset;
    if (offset >= (queues.tailStart[queueNo] as number)) {
      pages.clear(queueNo);
      this.#dropTail(queueNo, offset);
      this.#place(queueNo);
    } else {
      pages.dropFirst(queueNo, pages.findByOffset(queueNo, offset));
    }
    this.#refreshMinPhysical(queueNo);
  }

  /** Ends the restore of a queue: minimum, pages and tail are in place. */
  restored(queueNo: number): void {
    this.#refreshMinPhysical(queueNo);
    this.#place(queueNo);
  }

  #reserve(queueNo: number): void {
    assert(queueNo >= 0 && queueNo <= QUEUE_NUMBER_MAX, 'queue numbers are small and dense');
    if (this.queues.reserve(queueNo)) this.pages.resize(this.queues.capacity);
  }

  #refreshMinPhysical(queueNo: number): void {
    const { queues, pages } = this;
    const min = queues.minOffset[queueNo] as number;
    let physical = Infinity;
    if (pages.count(queueNo) > 0) physical = pages.firstPhysical(queueNo, 0);
    else if (min < (queues.endOffset[queueNo] as number))
      physical = this.tailPhysical(queueNo, min);
    queues.minPhysical[queueNo] = physical;
  }

  #dropTail(queueNo: number, offset: number): void {
    this.#releaseChunks(queueNo, offset);
    this.queues.tailStart[queueNo] = offset;
  }

  /** Releases chunks that hold nothing at or above `offset`. */
  #releaseChunks(queueNo: number, offset: number): void {
    const { queues, slab } = this;
    let chunk = queues.firstChunk[queueNo] as number;
    const isAll = offset >= (queues.endOffset[queueNo] as number);
    let start = chunkStart(queues.tailStart[queueNo] as number);
    while (chunk !== NO_CHUNK && (isAll || start + CHUNK_ENTRIES <= offset)) {
      chunk = slab.release(chunk);
      start += CHUNK_ENTRIES;
    }
    queues.firstChunk[queueNo] = chunk;
    if (chunk === NO_CHUNK) queues.lastChunk[queueNo] = NO_CHUNK;
  }

  #addChunk(queueNo: number): void {
    const { queues, slab } = this;
    const chunk = slab.allocate();
    if (queues.firstChunk[queueNo] === NO_CHUNK) queues.firstChunk[queueNo] = chunk;
    else slab.link(queues.lastChunk[queueNo] as number, chunk);
    queues.lastChunk[queueNo] = chunk;
  }

  #chunkOf(queueNo: number, offset: number): number {
    let chunk = this.queues.firstChunk[queueNo] as number;
    let skip =
      (chunkStart(offset) - chunkStart(this.queues.tailStart[queueNo] as number)) / CHUNK_ENTRIES;
    for (; skip > 0; skip--) chunk = this.slab.next(chunk);
    return chunk;
  }

  #eachRun(
    queueNo: number,
    from: number,
    count: number,
    visit: (words: Uint32Array, at: number, run: number) => void,
  ): void {
    let chunk = this.#chunkOf(queueNo, from);
    let slot = from & SLOT_MASK;
    for (let left = count; left > 0;) {
      const run = Math.min(left, CHUNK_ENTRIES - slot);
      visit(this.slab.words(chunk), this.slab.wordIndex(chunk, slot), run);
      left -= run;
      slot = 0;
      chunk = this.slab.next(chunk);
    }
  }

  #place(queueNo: number): void {
    const start = this.queues.tailStart[queueNo] as number;
    const end = this.queues.endOffset[queueNo] as number;
    if (start === end) {
      if (this.queues.bucket[queueNo] !== HELD) this.buckets.remove(queueNo);
      return;
    }
    this.buckets.place(queueNo, (chunkStart(end) - chunkStart(start)) / CHUNK_ENTRIES);
  }
}

function chunkStart(offset: number): number {
  return offset - (offset & SLOT_MASK);
}
