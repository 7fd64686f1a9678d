import { assert } from '../../../common/assert.ts';
import { NO_STAMP } from '../../../common/model/record-stamp.ts';
import { OffsetSet } from './offset-set.ts';

/**
 * `in-flight`: handed to a consumer, invisible to others until `dueAtMs`.
 * `waiting`: an attempt has ended, redelivered from `dueAtMs` on. `ready`: may be delivered now.
 * `settling`: an ack, an ended attempt or a dead-lettering is on its way through the log; nobody else may touch it.
 */
export type PendingState = 'in-flight' | 'waiting' | 'ready' | 'settling';

/** A message that a group has begun and not finished. Bounded per queue by the in-flight limit. */
export interface Pending {
  readonly progress: QueueProgress;
  readonly offset: number;
  /** Attempts that ended without acknowledgement; durable (from Redelivery records). The next delivery is number ended + 1. */
  ended: number;
  state: PendingState;
  /** On the monotonic clock, see `state`. */
  dueAtMs: number;
  /** Wall clock: earliest redelivery after the last ended attempt; durable. */
  notBeforeMs: number;
  /** Who has it in flight; '' otherwise. */
  clientId: string;
  /** Which message it is, once it has been read here; NO_STAMP until then. */
  stamp: number;
  /** Its own tag, once a filter has chosen it by the hash of another one. */
  passedTag: string | undefined;
  /** While its client lives, an in-flight message is renewed up to this monotonic time; 0 = not renewed. */
  renewUntilMs: number;
  /** Place in the deadline buckets; maintained there, -1 = not scheduled. */
  bucket: number;
  slot: number;
}

/** Which group and which queue a progress belongs to. */
export interface QueuePlace {
  readonly groupId: number;
  readonly topicId: number;
  readonly queueId: number;
  /** Number of the queue in the queue index. */
  readonly queueNo: number;
}

/**
 * Where one consumer group stands on one queue. Durable, hence folded from the log: `committed`, the finished offsets above
 * it and the count of ended attempts. Volatile: cursors and what is in flight.
 *
 * Invariants: committed <= every cursor; an offset is below `committed`, done, pending, or untouched, exactly one of them.
 */
export class QueueProgress {
  readonly groupId: number;
  readonly topicId: number;
  readonly queueId: number;
  readonly queueNo: number;
  /** Everything below is finished: acknowledged, dead-lettered, or matching nobody's filter. */
  committed: number;
  /** Records below this log offset are already contained (set when restored from a snapshot). */
  asOf = 0;
  /** `committed` as of the last record that says so; the difference is what a restart would scan again. */
  recorded: number;
  #done: OffsetSet | undefined;
  #pending: Map<number, Pending> | undefined;
  #ready: Set<Pending> | undefined;
  /** Next offset never looked at, per filter: members with different filters scan on their own. */
  #cursors: Map<string, number> | undefined;

  constructor(place: QueuePlace, committed: number) {
    this.groupId = place.groupId;
    this.topicId = place.topicId;
    this.queueId = place.queueId;
    this.queueNo = place.queueNo;
    this.committed = committed;
    this.recorded = committed;
  }

  get pendingCount(): number {
    return this.#pending?.size ?? 0;
  }

  get readyCount(): number {
    return this.#ready?.size ?? 0;
  }

  /** Offsets between `committed` and the furthest finished one. */
  get spread(): number {
    return this.#done === undefined ? 0 : Math.max(0, this.#done.end - this.committed);
  }

  /** Finished offsets above `committed`. */
  get finishedAhead(): number {
    return this.#done?.count ?? 0;
  }

  cursor(filterKey: string): number {
    return Math.max(this.#cursors?.get(filterKey) ?? this.committed, this.committed);
  }

  /** The furthest cursor: how far anybody has come. */
  get position(): number {
    let position = this.committed;
    if (this.#cursors !== undefined)
      for (const at of this.#cursors.values()) position = Math.max(position, at);
    return position;
  }

  moveCursor(filterKey: string, offset: number): void {
    (this.#cursors ??= new Map()).set(filterKey, offset);
  }

  /** Every filter looks again at what is neither finished nor pending. */
  rewindCursors(): void {
    this.#cursors = undefined;
  }

  isDone(offset: number): boolean {
    return offset < this.committed || (this.#done?.has(offset) ?? false);
  }

  pending(offset: number): Pending | undefined {
    return this.#pending?.get(offset);
  }

  allPending(): Iterable<Pending> {
    return this.#pending?.values() ?? [];
  }

  /** Ready messages, longest ready first. */
  readyMessages(): Iterable<Pending> {
    return this.#ready ?? [];
  }

  /** Finishes an offset; returns the pending entry it had, which the caller takes off its timers. */
  finish(offset: number): Pending | undefined {
    if (this.isDone(offset)) return undefined;
    const pending = this.#pending?.get(offset);
    if (pending !== undefined) this.#forget(pending);
    if (offset === this.committed) {
      this.#advance(offset + 1);
    } else {
      (this.#done ??= new OffsetSet(this.committed)).add(offset);
    }
    return pending;
  }

  /** Everything below `offset` is finished (retention, reset, or skipped by filter); returns the pending entries dropped. */
  finishBelow(offset: number): Pending[] {
    const dropped: Pending[] = [];
    if (offset <= this.committed) return dropped;
    for (const pending of this.allPending()) if (pending.offset < offset) dropped.push(pending);
    for (const pending of dropped) this.#forget(pending);
    this.#advance(offset);
    return dropped;
  }

  /**
   * Messages below `offset` are gone (retention), except the pending ones, which are kept until they are finished: their
   * messages have been carried forward.
   */
  expireBelow(offset: number): void {
    const kept = [...this.allPending()]
      .map((pending) => pending.offset)
      .filter((at) => at < offset);
    if (kept.length === 0) {
      if (offset > this.committed) this.#advance(offset);
      return;
    }
    kept.sort((a, b) => a - b);
    let at = this.committed;
    for (const next of [...kept, offset]) {
      this.#finishRange(at, next);
      at = next + 1;
    }
  }

  /** Moves the group to `offset`, back or forth; forgets everything volatile. Returns the pending entries dropped. */
  reset(offset: number): Pending[] {
    const dropped = [...this.allPending()];
    this.#pending = undefined;
    this.#ready = undefined;
    this.#done = undefined;
    this.#cursors = undefined;
    this.committed = offset;
    this.recorded = offset;
    return dropped;
  }

  /** Begins a message: nobody else gets it until it is finished or its attempt ends. */
  begin(offset: number): Pending {
    assert(!this.isDone(offset), `offset ${offset} is finished`);
    const existing = this.#pending?.get(offset);
    if (existing !== undefined) {
      this.#ready?.delete(existing);
      existing.state = 'in-flight';
      return existing;
    }
    const pending: Pending = {
      progress: this,
      offset,
      ended: 0,
      state: 'in-flight',
      dueAtMs: 0,
      notBeforeMs: 0,
      clientId: '',
      stamp: NO_STAMP,
      passedTag: undefined,
      renewUntilMs: 0,
      bucket: -1,
      slot: -1,
    };
    (this.#pending ??= new Map()).set(offset, pending);
    return pending;
  }

  makeReady(pending: Pending): void {
    pending.state = 'ready';
    pending.clientId = '';
    pending.renewUntilMs = 0;
    (this.#ready ??= new Set()).add(pending);
  }

  /** Leaves the ready list without being delivered. */
  withdraw(pending: Pending, state: PendingState): void {
    this.#ready?.delete(pending);
    pending.state = state;
  }

  captureDone(): ReturnType<OffsetSet['capture']> | undefined {
    return this.#done?.capture();
  }

  restoreDone(captured: Parameters<typeof OffsetSet.restore>[0]): void {
    this.#done = OffsetSet.restore(captured);
    this.#done.dropBelow(this.committed);
  }

  /** Finishes [from, to), in which nothing is pending. */
  #finishRange(from: number, to: number): void {
    if (to <= Math.max(from, this.committed)) return;
    if (from <= this.committed) this.#advance(to);
    else (this.#done ??= new OffsetSet(this.committed)).addRange(from, to);
  }

  #forget(pending: Pending): void {
    this.#pending?.delete(pending.offset);
    this.#ready?.delete(pending);
    if (this.#pending?.size === 0) this.#pending = undefined;
    if (this.#ready?.size === 0) this.#ready = undefined;
  }

  #advance(to: number): void {
    this.committed = this.#done?.firstMissing(to) ?? to;
    if (this.#done === undefined) return;
    if (this.#done.end <= this.committed) this.#done = undefined;
    else this.#done.dropBelow(this.committed);
  }
}
