import { NO_CHUNK } from './entry-slab.ts';

/** Queue numbers the table makes room for at first; it doubles from there. */
const CAPACITY_MIN = 1024;

/** Queue numbers are dense, so a number far above the ones in use is a bug and not a reason to allocate gigabytes. */
export const QUEUE_NUMBER_MAX = 2 ** 24;

/** Value of `bucket` for a queue that is in no list of tails. */
export const NO_BUCKET = 0xff;
/** Value of `bucket` while a page of the queue is being written: the queue is not offered for another one. */
export const HELD = 0xfe;

type Column = Float64Array | Uint32Array | Int32Array | Uint8Array;

/**
 * What the index knows of each queue, as columns indexed by queue number: about 70 bytes per queue and no object.
 *
 * Invariant, for a queue that exists: minOffset <= endOffset, tailStart <= endOffset, and the entries from tailStart
 * (never below minOffset, except while nothing but the tail exists) are in the slab, those before it in pages.
 */
export class QueueTable {
  #capacity = 0;
  #count = 0;
  #nextGeneration = 1;

  /** 0 when the number is not in use, else unique to this life of the number: tells pages of a removed queue apart. */
  generation = new Uint32Array(0);
  /** First queue offset that is still kept. */
  minOffset = new Float64Array(0);
  /** One past the last queue offset. */
  endOffset = new Float64Array(0);
  /** First queue offset whose entry is in the slab; equal to endOffset when the tail is empty. */
  tailStart = new Float64Array(0);
  /** A lower bound of the physical offset of the entry at minOffset; Infinity for an empty queue. */
  minPhysical = new Float64Array(0);
  /** Physical offset of the newest entry ever, -1 when there was none. Entries grow with it. */
  lastPhysical = new Float64Array(0);
  /** First and last chunk of the tail, NO_CHUNK when it is empty. */
  firstChunk = new Int32Array(0);
  lastChunk = new Int32Array(0);
  /** Links and list number of `TailBuckets`. */
  previous = new Int32Array(0);
  next = new Int32Array(0);
  bucket = new Uint8Array(0);

  get capacity(): number {
    return this.#capacity;
  }

  get count(): number {
    return this.#count;
  }

  get nextGeneration(): number {
    return this.#nextGeneration;
  }

  get allocatedBytes(): number {
    return this.#capacity * BYTES_PER_QUEUE;
  }

  has(queueNo: number): boolean {
    return queueNo < this.#capacity && this.generation[queueNo] !== 0;
  }

  /** Doubles the columns until `queueNo` fits; true when they grew. */
  reserve(queueNo: number): boolean {
    if (queueNo < this.#capacity) return false;
    let capacity = Math.max(this.#capacity, CAPACITY_MIN / 2);
    while (capacity <= queueNo) capacity *= 2;
    this.#grow(capacity);
    return true;
  }

  /** Starts a new life of the number, empty, with `offset` as the first queue offset. The columns have room. */
  create(queueNo: number, offset: number): void {
    this.restore(queueNo, offset, this.#nextGeneration);
  }

  restore(queueNo: number, offset: number, generation: number): void {
    this.raiseNextGeneration(generation + 1);
    this.#count++;
    this.generation[queueNo] = generation;
    this.minOffset[queueNo] = offset;
    this.endOffset[queueNo] = offset;
    this.tailStart[queueNo] = offset;
    this.minPhysical[queueNo] = Infinity;
    this.lastPhysical[queueNo] = -1;
    this.firstChunk[queueNo] = NO_CHUNK;
    this.lastChunk[queueNo] = NO_CHUNK;
    this.bucket[queueNo] = NO_BUCKET;
  }

  raiseNextGeneration(atLeast: number): void {
    this.#nextGeneration = Math.max(this.#nextGeneration, atLeast);
  }

  remove(queueNo: number): void {
    this.#count--;
    this.generation[queueNo] = 0;
    this.minPhysical[queueNo] = Infinity;
  }

  #grow(capacity: number): void {
    const grown = <T extends Column>(to: T, from: T): T => (to.set(from), to);
    this.generation = grown(new Uint32Array(capacity), this.generation);
    this.minOffset = grown(new Float64Array(capacity), this.minOffset);
    this.endOffset = grown(new Float64Array(capacity), this.endOffset);
    this.tailStart = grown(new Float64Array(capacity), this.tailStart);
    this.minPhysical = grown(new Float64Array(capacity).fill(Infinity), this.minPhysical);
    this.lastPhysical = grown(new Float64Array(capacity), this.lastPhysical);
    this.firstChunk = grown(new Int32Array(capacity), this.firstChunk);
    this.lastChunk = grown(new Int32Array(capacity), this.lastChunk);
    this.previous = grown(new Int32Array(capacity), this.previous);
    this.next = grown(new Int32Array(capacity), this.next);
    this.bucket = grown(new Uint8Array(capacity).fill(NO_BUCKET), this.bucket);
    this.#capacity = capacity;
  }
}

/** Five f64, one u32, four i32, one u8 here; the page table adds u32 × 3 + u16 + u8. */
const BYTES_PER_QUEUE = 5 * 8 + 4 + 4 * 4 + 1 + (3 * 4 + 2 + 1);
