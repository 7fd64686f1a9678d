import type { BrokerState } from '../state/broker-state.ts';
import { EntryBatch } from '../store/index/core/entry-batch.ts';
import { isGone } from '../store/index/core/index-entry.ts';
import type { Pending, QueueProgress } from './core/queue-progress.ts';
import { matches, mayMatch, type TagFilter } from './core/tag-filter.ts';
import type { GroupRuntime } from './group-runtime.ts';
import type { Relocation } from '../state/relocation-table.ts';

/** A message chosen for delivery; from here on it is in flight. */
export interface Selected {
  readonly pending: Pending;
  /** Which delivery this is, from 1. */
  readonly attempt: number;
  readonly physical: number;
  readonly bytes: number;
}

export interface SelectionRequest {
  readonly runtime: GroupRuntime;
  readonly filter: TagFilter;
  /** -1 = any queue. */
  readonly queueId: number;
  readonly count: number;
  /** Bound on the sum of record sizes; the first message is always allowed. */
  readonly bytesMax: number;
}

/**
 * `selected`: what there is, maybe nothing. `disk`: an index page must be loaded first. `more`: the budget of one turn is
 * used up by messages that the filter refused; call again.
 */
export type Selection =
  | { readonly kind: 'selected'; readonly messages: Selected[] }
  | {
      readonly kind: 'disk';
      readonly queueNo: number;
      readonly from: number;
      readonly messages: Selected[];
    }
  | { readonly kind: 'more'; readonly messages: Selected[] };

export interface SelectorLimits {
  readonly maxInflightPerQueue: number;
  readonly maxInflightPerGroup: number;
}

/** Index entries looked at in one turn: well under a millisecond. */
const ENTRIES_PER_TURN_MAX = 8_192;
const ENTRIES_PER_READ = 64;
/** How far a group's furthest member may be ahead of its slowest message: one bit each, 512 KiB. */
const SPREAD_MAX = 4 * 1024 * 1024;

/** Chooses the next messages of a group: first what is ready again, then what nobody has looked at yet. */
export class MessageSelector {
  readonly #state: BrokerState;
  readonly #limits: SelectorLimits;
  readonly #batch = new EntryBatch(ENTRIES_PER_READ);

  constructor(state: BrokerState, limits: SelectorLimits) {
    this.#state = state;
    this.#limits = limits;
  }

  select(request: SelectionRequest): Selection {
    const { queues } = request.runtime.standing;
    const turn = new Turn(
      request,
      queues.reduce((sum, queue) => sum + queue.pendingCount, 0),
    );
    const count = request.queueId >= 0 ? 1 : queues.length;
    const first =
      request.queueId >= 0 ? request.queueId : request.runtime.nextQueue % Math.max(1, count);
    for (let i = 0; i < count; i++) {
      if (turn.isFull) break;
      const queue = queues[(first + i) % queues.length];
      if (queue === undefined) continue;
      const missing = this.#selectReady(queue, turn) ?? this.#selectFresh(queue, turn);
      if (missing !== undefined) {
        return { kind: 'disk', queueNo: queue.queueNo, from: missing, messages: turn.messages };
      }
      if (turn.messages.length > 0) request.runtime.nextQueue = (first + i + 1) % queues.length;
    }
    return { kind: turn.isExhausted ? 'more' : 'selected', messages: turn.messages };
  }

  /** Returns the offset whose index page must be loaded, if any. */
  #selectReady(queue: QueueProgress, turn: Turn): number | undefined {
    if (queue.readyCount === 0) return undefined;
    const min = this.#state.index.minOffset(queue.queueNo);
    for (const pending of queue.readyMessages()) {
      if (turn.isFull) return undefined;
      const moved = this.#state.relocations.get(queue.queueNo, pending.offset);
      if (moved !== undefined) {
        this.#takeReady(queue, pending, moved, turn);
        continue;
      }
      if (pending.offset < min) {
        // Begun too late to be carried forward: retention has taken it.
        queue.finish(pending.offset);
        continue;
      }
      const read = this.#state.index.readSync(queue.queueNo, pending.offset, 1, this.#batch);
      if (read === 'needs-disk') return pending.offset;
      if (read === 0) continue;
      if (isGone(this.#batch.flags[0])) {
        queue.finish(pending.offset);
        continue;
      }
      const [physical = 0] = this.#batch.physical;
      const [bytes = 0] = this.#batch.bytes;
      const [tagHash = 0] = this.#batch.tagHash;
      this.#takeReady(queue, pending, { physical, bytes, tagHash }, turn);
    }
    return undefined;
  }

  #takeReady(queue: QueueProgress, pending: Pending, at: Relocation, turn: Turn): void {
    const isWanted = (filter: TagFilter): boolean =>
      pending.passedTag === undefined
        ? mayMatch(filter, at.tagHash)
        : matches(filter, pending.passedTag);
    if (isWanted(turn.filter)) {
      turn.take(queue.begin(pending.offset), at.physical, at.bytes);
      return;
    }
    for (const filter of turn.runtime.filters.values()) if (isWanted(filter)) return;
    // Whoever wanted it subscribes otherwise now: kept, it would hold the whole queue back in the end.
    queue.finish(pending.offset);
  }

  #selectFresh(queue: QueueProgress, turn: Turn): number | undefined {
    const { index } = this.#state;
    const min = index.minOffset(queue.queueNo);
    if (queue.committed < min) queue.expireBelow(min);
    const end = index.endOffset(queue.queueNo);
    let at = Math.max(queue.cursor(turn.filter.key), min);
    while (at < end && !turn.isExhausted && this.#canTake(queue, at, turn)) {
      const read = index.readSync(
        queue.queueNo,
        at,
        Math.min(ENTRIES_PER_READ, end - at),
        this.#batch,
      );
      if (read === 'needs-disk') {
        queue.moveCursor(turn.filter.key, at);
        return at;
      }
      if (read === 0) break;
      for (let i = 0; i < read && this.#canTake(queue, at, turn); i++, at++) {
        this.#consider(queue, at, i, turn);
      }
    }
    queue.moveCursor(turn.filter.key, at);
    return undefined;
  }

  #consider(queue: QueueProgress, offset: number, i: number, turn: Turn): void {
    turn.looked++;
    if (queue.isDone(offset) || queue.pending(offset) !== undefined) return;
    if (isGone(this.#batch.flags[i])) {
      this.#takeGone(queue, offset, turn);
      return;
    }
    const tagHash = this.#batch.tagHash[i] ?? 0;
    if (mayMatch(turn.filter, tagHash)) {
      this.#takeFresh(queue, offset, i, turn);
      return;
    }
    for (const filter of turn.runtime.filters.values()) if (mayMatch(filter, tagHash)) return;
    queue.finish(offset);
  }

  /** The message that stood here is lost, unless it had been carried forward. */
  #takeGone(queue: QueueProgress, offset: number, turn: Turn): void {
    const moved = this.#state.relocations.get(queue.queueNo, offset);
    if (moved === undefined) queue.finish(offset);
    else if (mayMatch(turn.filter, moved.tagHash))
      turn.take(queue.begin(offset), moved.physical, moved.bytes);
  }

  #takeFresh(queue: QueueProgress, offset: number, i: number, turn: Turn): void {
    const { relocations } = this.#state;
    const moved = relocations.count === 0 ? undefined : relocations.get(queue.queueNo, offset);
    if (moved === undefined && (this.#batch.physical[i] ?? 0) < this.#state.retiredBelow) return;
    const { physical, bytes } = moved ?? {
      physical: this.#batch.physical[i] ?? 0,
      bytes: this.#batch.bytes[i] ?? 0,
    };
    turn.take(queue.begin(offset), physical, bytes);
  }

  #canTake(queue: QueueProgress, at: number, turn: Turn): boolean {
    if (turn.isFull) return false;
    const hasRoom =
      queue.pendingCount < this.#limits.maxInflightPerQueue &&
      turn.inflight + turn.messages.length < this.#limits.maxInflightPerGroup &&
      at - queue.committed < SPREAD_MAX;
    if (!hasRoom) turn.runtime.holdBack();
    return hasRoom;
  }
}

/** What one call of `select` has gathered. */
class Turn {
  readonly runtime: GroupRuntime;
  readonly filter: TagFilter;
  readonly messages: Selected[] = [];
  /** Messages that the group had pending when the turn began. */
  readonly inflight: number;
  /** Index entries looked at. */
  looked = 0;
  readonly #count: number;
  #bytesLeft: number;

  constructor(request: SelectionRequest, inflight: number) {
    this.inflight = inflight;
    this.runtime = request.runtime;
    this.filter = request.filter;
    this.#count = request.count;
    this.#bytesLeft = request.bytesMax;
  }

  get isFull(): boolean {
    return (
      this.messages.length >= this.#count || (this.messages.length > 0 && this.#bytesLeft <= 0)
    );
  }

  get isExhausted(): boolean {
    return this.looked >= ENTRIES_PER_TURN_MAX;
  }

  take(pending: Pending, physical: number, bytes: number): void {
    this.messages.push({ pending, attempt: pending.ended + 1, physical, bytes });
    this.#bytesLeft -= bytes;
  }
}
