import { HELD, NO_BUCKET, type QueueTable } from './queue-table.ts';

const NO_QUEUE = -1;

/**
 * Queues that have a tail, in one list per length of the tail in whole chunks, so that the longest tail is found in
 * O(1) when memory runs short. The last bucket holds the tails that fill a page. Lists are first in, first out; their
 * links are columns of the queue table.
 */
export class TailBuckets {
  readonly #queues: QueueTable;
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #sizes: Uint32Array;
  /** Number of the last bucket: tails of at least this many whole chunks. */
  readonly fullBucket: number;

  constructor(queues: QueueTable, fullBucket: number) {
    this.#queues = queues;
    this.fullBucket = fullBucket;
    this.#first = new Int32Array(fullBucket + 1).fill(NO_QUEUE);
    this.#last = new Int32Array(fullBucket + 1).fill(NO_QUEUE);
    this.#sizes = new Uint32Array(fullBucket + 1);
  }

  get fullCount(): number {
    return this.#sizes[this.fullBucket] as number;
  }

  /** Puts the queue at the end of the list for tails of `wholeChunks`, taking it out of the one it was in. */
  place(queueNo: number, wholeChunks: number): void {
    const bucket = Math.min(wholeChunks, this.fullBucket);
    const current = this.#queues.bucket[queueNo];
    if (current === bucket || current === HELD) return;
    this.remove(queueNo);
    const last = this.#last[bucket] as number;
    this.#queues.bucket[queueNo] = bucket;
    this.#queues.previous[queueNo] = last;
    this.#queues.next[queueNo] = NO_QUEUE;
    if (last === NO_QUEUE) this.#first[bucket] = queueNo;
    else this.#queues.next[last] = queueNo;
    this.#last[bucket] = queueNo;
    this.#sizes[bucket] = (this.#sizes[bucket] as number) + 1;
  }

  remove(queueNo: number): void {
    const bucket = this.#queues.bucket[queueNo] as number;
    this.#queues.bucket[queueNo] = NO_BUCKET;
    if (bucket === NO_BUCKET || bucket === HELD) return;
    const previous = this.#queues.previous[queueNo] as number;
    const next = this.#queues.next[queueNo] as number;
    if (previous === NO_QUEUE) this.#first[bucket] = next;
    else this.#queues.next[previous] = next;
    if (next === NO_QUEUE) this.#last[bucket] = previous;
    else this.#queues.previous[next] = previous;
    this.#sizes[bucket] = (this.#sizes[bucket] as number) - 1;
  }

  /** Ends what `take…` began: the queue may be placed again. */
  release(queueNo: number): void {
    if (this.#queues.bucket[queueNo] === HELD) this.#queues.bucket[queueNo] = NO_BUCKET;
  }

  /** Takes out the queue that has waited longest among those whose tail fills a page; held until `release`. */
  takeFull(): number | undefined {
    return this.#take(this.fullBucket);
  }

  /** Takes out a queue with the longest tail there is; held until `release`. */
  takeLongest(): number | undefined {
    for (let bucket = this.fullBucket; bucket >= 0; bucket--) {
      if ((this.#sizes[bucket] as number) > 0) return this.#take(bucket);
    }
    return undefined;
  }

  #take(bucket: number): number | undefined {
    const queueNo = this.#first[bucket] as number;
    if (queueNo === NO_QUEUE) return undefined;
    this.remove(queueNo);
    this.#queues.bucket[queueNo] = HELD;
    return queueNo;
  }
}
