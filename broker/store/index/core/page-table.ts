import { assert } from '../../../../common/assert.ts';

/** Numbers per page reference: queue offset and physical offset of its first entry, and its place on disk. */
const REF_FIELDS = 3;
const REF_BYTES = REF_FIELDS * 8;

/** References per shared block (96 KiB). A list larger than that gets a block of its own. */
const BLOCK_REFS = 4096;
const CLASS_COUNT_MAX = 40;
const EMPTY_BLOCK = new Float64Array(0);

/**
 * For each queue the list of its pages, oldest first. A list is a run of consecutive references in a block; runs have
 * sizes of powers of two, grow by doubling, and freed ones are kept per size for the next list that grows. So 50,000
 * lists cost no JavaScript object each, and a reference costs 24 bytes (at most 48 just after a doubling).
 *
 * Pages of a list are dense: each ends where the next starts, and the last one ends where the queue's tail starts.
 */
export class PageTable {
  readonly #blocks: Float64Array[] = [];
  /** Block numbers of dedicated blocks that were freed. */
  readonly #freeBlocks: number[] = [];
  /** Per size class: runs that are free, each as block number × BLOCK_REFS + position. */
  readonly #freeRuns: number[][] = Array.from({ length: CLASS_COUNT_MAX }, () => []);
  #sharedBlock = -1;
  #sharedUsed = BLOCK_REFS;

  // Per queue. A queue without pages has capacity class 0xff and owns no run.
  #block = new Uint32Array(0);
  #position = new Uint16Array(0);
  #head = new Uint32Array(0);
  #count = new Uint32Array(0);
  #class = new Uint8Array(0);
  #allocatedRefs = 0;

  get allocatedBytes(): number {
    return this.#allocatedRefs * REF_BYTES;
  }

  /** Makes room for queue numbers below `capacity`. */
  resize(capacity: number): void {
    const grown = <T extends { set(from: T): void }>(to: T, from: T): T => (to.set(from), to);
    const classes = new Uint8Array(capacity).fill(NO_RUN);
    this.#block = grown(new Uint32Array(capacity), this.#block);
    this.#position = grown(new Uint16Array(capacity), this.#position);
    this.#head = grown(new Uint32Array(capacity), this.#head);
    this.#count = grown(new Uint32Array(capacity), this.#count);
    this.#class = grown(classes, this.#class);
  }

  count(queueNo: number): number {
    return this.#count[queueNo] as number;
  }

  firstOffset(queueNo: number, index: number): number {
    return this.#field(queueNo, index, 0);
  }

  firstPhysical(queueNo: number, index: number): number {
    return this.#field(queueNo, index, 1);
  }

  location(queueNo: number, index: number): number {
    return this.#field(queueNo, index, 2);
  }

  /** Index of the last page that starts at or before `offset`; -1 when every page starts later. */
  findByOffset(queueNo: number, offset: number): number {
    return this.#lastNotAbove(queueNo, offset, 0);
  }

  /** Index of the last page whose first entry is at or before `physical`; -1 when every page starts later. */
  findByPhysical(queueNo: number, physical: number): number {
    return this.#lastNotAbove(queueNo, physical, 1);
  }

  push(queueNo: number, firstOffset: number, firstPhysical: number, location: number): void {
    const head = this.#head[queueNo] as number;
    const count = this.#count[queueNo] as number;
    if (head + count === this.#capacity(queueNo)) this.#makeRoom(queueNo, head, count);
    const block = this.#blocks[this.#block[queueNo] as number] as Float64Array;
    const at = this.#base(queueNo) + count * REF_FIELDS;
    block[at] = firstOffset;
    block[at + 1] = firstPhysical;
    block[at + 2] = location;
    this.#count[queueNo] = count + 1;
  }

  /** Forgets the oldest `dropped` pages. */
  dropFirst(queueNo: number, dropped: number): void {
    const count = this.#count[queueNo] as number;
    assert(dropped <= count, 'only pages that exist are dropped');
    if (dropped === count) {
      this.clear(queueNo);
      return;
    }
    this.#head[queueNo] = (this.#head[queueNo] as number) + dropped;
    this.#count[queueNo] = count - dropped;
  }

  clear(queueNo: number): void {
    this.#free(queueNo);
    this.#class[queueNo] = NO_RUN;
    this.#head[queueNo] = 0;
    this.#count[queueNo] = 0;
  }

  #field(queueNo: number, index: number, field: number): number {
    const block = this.#blocks[this.#block[queueNo] as number] as Float64Array;
    return block[this.#base(queueNo) + index * REF_FIELDS + field] as number;
  }

  #base(queueNo: number): number {
    return ((this.#position[queueNo] as number) + (this.#head[queueNo] as number)) * REF_FIELDS;
  }

  #capacity(queueNo: number): number {
    const sizeClass = this.#class[queueNo] as number;
    return sizeClass === NO_RUN ? 0 : 2 ** sizeClass;
  }

  #lastNotAbove(queueNo: number, value: number, field: number): number {
    let low = 0;
    let high = this.count(queueNo);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#field(queueNo, middle, field) <= value) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Slides the list to the front of its run when half of the run is unused, else moves it to a run twice as large. */
  #makeRoom(queueNo: number, head: number, count: number): void {
    const capacity = this.#capacity(queueNo);
    if (capacity > 0 && head * 2 >= capacity) {
      const block = this.#blocks[this.#block[queueNo] as number] as Float64Array;
      const start = this.#base(queueNo);
      const to = (this.#position[queueNo] as number) * REF_FIELDS;
      block.copyWithin(to, start, start + count * REF_FIELDS);
    } else {
      this.#moveTo(queueNo, capacity === 0 ? 0 : (this.#class[queueNo] as number) + 1, count);
    }
    this.#head[queueNo] = 0;
  }

  #moveTo(queueNo: number, sizeClass: number, count: number): void {
    const run = this.#allocate(sizeClass);
    const blockNumber = Math.floor(run / BLOCK_REFS);
    const position = run % BLOCK_REFS;
    if (count > 0) {
      const from = this.#blocks[this.#block[queueNo] as number] as Float64Array;
      const start = this.#base(queueNo);
      const to = this.#blocks[blockNumber] as Float64Array;
      to.set(from.subarray(start, start + count * REF_FIELDS), position * REF_FIELDS);
    }
    this.#free(queueNo);
    this.#block[queueNo] = blockNumber;
    this.#position[queueNo] = position;
    this.#class[queueNo] = sizeClass;
  }

  #allocate(sizeClass: number): number {
    const size = 2 ** sizeClass;
    if (size >= BLOCK_REFS) return this.#addBlock(size) * BLOCK_REFS;
    const free = this.#freeRuns[sizeClass]?.pop();
    if (free !== undefined) return free;
    if (this.#sharedUsed + size > BLOCK_REFS) {
      this.#keepRest();
      this.#sharedBlock = this.#addBlock(BLOCK_REFS);
      this.#sharedUsed = 0;
    }
    const run = this.#sharedBlock * BLOCK_REFS + this.#sharedUsed;
    this.#sharedUsed += size;
    return run;
  }

  /** The end of a shared block that is too small for the run wanted now serves smaller runs later. */
  #keepRest(): void {
    for (let sizeClass = 0; this.#sharedUsed < BLOCK_REFS; sizeClass++) {
      const size = 2 ** sizeClass;
      if ((this.#sharedUsed & size) === 0) continue;
      this.#freeRuns[sizeClass]?.push(this.#sharedBlock * BLOCK_REFS + this.#sharedUsed);
      this.#sharedUsed += size;
    }
  }

  #addBlock(refs: number): number {
    const number = this.#freeBlocks.pop() ?? this.#blocks.length;
    this.#blocks[number] = new Float64Array(refs * REF_FIELDS);
    this.#allocatedRefs += refs;
    return number;
  }

  #free(queueNo: number): void {
    const sizeClass = this.#class[queueNo] as number;
    if (sizeClass === NO_RUN) return;
    const block = this.#block[queueNo] as number;
    const size = 2 ** sizeClass;
    if (size < BLOCK_REFS) {
      const run = block * BLOCK_REFS + (this.#position[queueNo] as number);
      this.#freeRuns[sizeClass]?.push(run);
      return;
    }
    this.#blocks[block] = EMPTY_BLOCK;
    this.#freeBlocks.push(block);
    this.#allocatedRefs -= size;
  }
}

const NO_RUN = 0xff;
