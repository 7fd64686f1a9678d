import type { Clock } from '../../common/environment/clock.ts';
import type { TimerHandle, Timers } from '../../common/environment/timers.ts';
import type { Pending } from './core/queue-progress.ts';

/** Precision of invisible times and redelivery delays, in milliseconds. */
const GRANULARITY_MS = 10;
/** Entries handled in one turn of the event loop; the rest follow in the next. */
const BURST_MAX = 1_000;
/** Numbers of emptied buckets that are put up with before they are cleared away. */
const ORDER_SLACK = 1_024;

/**
 * When what is in flight or waiting becomes due. Buckets of one granule instead of a heap of messages: scheduling, moving and
 * removing an entry are O(1), and an acknowledged message leaves nothing behind.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #onDue: (pending: Pending) => void;
  readonly #buckets = new Map<number, Pending[]>();
  /** Bucket numbers as a binary min-heap; a number whose bucket has emptied is dropped when it comes up. */
  readonly #order: number[] = [];
  #timer: TimerHandle | undefined;
  #timerBucket = Infinity;
  #count = 0;

  constructor(clock: Clock, timers: Timers, onDue: (pending: Pending) => void) {
    this.#clock = clock;
    this.#timers = timers;
    this.#onDue = onDue;
  }

  get count(): number {
    return this.#count;
  }

  /** Schedules, or moves, `pending` to its `dueAtMs`. Never early, late by at most one granule. */
  schedule(pending: Pending): void {
    if (pending.bucket !== -1) this.remove(pending);
    const number = Math.ceil(pending.dueAtMs / GRANULARITY_MS);
    let bucket = this.#buckets.get(number);
    if (bucket === undefined) {
      bucket = [];
      this.#buckets.set(number, bucket);
      this.#push(number);
      if (this.#order.length > ORDER_SLACK + 2 * this.#buckets.size) this.#compact();
    }
    pending.bucket = number;
    pending.slot = bucket.length;
    bucket.push(pending);
    this.#count++;
    if (number < this.#timerBucket) this.#arm();
  }

  remove(pending: Pending): void {
    const bucket = this.#buckets.get(pending.bucket);
    if (bucket === undefined) return;
    const last = bucket.pop();
    if (last !== undefined && last !== pending) {
      bucket[pending.slot] = last;
      last.slot = pending.slot;
    }
    if (bucket.length === 0) this.#buckets.delete(pending.bucket);
    pending.bucket = -1;
    pending.slot = -1;
    this.#count--;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerBucket = -Infinity;
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerBucket = Infinity;
    const nowMs = this.#clock.monotonicMs();
    let handled = 0;
    for (;;) {
      const number = this.#order[0];
      if (number === undefined || number * GRANULARITY_MS > nowMs || handled >= BURST_MAX) break;
      const bucket = this.#buckets.get(number);
      if (bucket === undefined) {
        this.#pop();
        continue;
      }
      const pending = bucket[bucket.length - 1];
      if (pending === undefined) break;
      this.remove(pending);
      this.#onDue(pending);
      handled++;
    }
    this.#arm();
  }

  #arm(): void {
    let number = this.#order[0];
    while (number !== undefined && !this.#buckets.has(number)) {
      this.#pop();
      number = this.#order[0];
    }
    if (number === undefined || number >= this.#timerBucket) return;
    this.#timer?.cancel();
    this.#timerBucket = number;
    const delayMs = Math.max(0, number * GRANULARITY_MS - this.#clock.monotonicMs());
    this.#timer = this.#timers.after(delayMs, () => {
      this.#fire();
    });
  }

  /** Drops the numbers whose buckets have emptied: their count follows what is scheduled, not what ever was. */
  #compact(): void {
    this.#order.length = 0;
    // An ascending list is a heap.
    for (const number of [...this.#buckets.keys()].sort((a, b) => a - b)) this.#order.push(number);
  }

  #push(number: number): void {
    const heap = this.#order;
    let at = heap.push(number) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] ?? 0;
      if (above <= number) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = number;
  }

  #pop(): void {
    const heap = this.#order;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] ?? 0) < (heap[child] ?? 0)) child++;
      const below = heap[child] ?? 0;
      if (below >= last) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}
