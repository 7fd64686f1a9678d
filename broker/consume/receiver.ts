import type { Environment } from '../../common/environment/environment.ts';
import type { TimerHandle } from '../../common/environment/timers.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import { thrown } from '../../common/errors/thrown.ts';
import { indexDamaged } from '../state/index-damaged.ts';
import type { MessageReader, MessageInLog } from '../state/message-reader.ts';
import type { BrokerState } from '../state/broker-state.ts';
import { EntryBatch } from '../store/index/core/entry-batch.ts';
import type { AttemptKeeper } from './attempt-keeper.ts';
import type { Consumption } from './consumption.ts';
import type { Pending } from './core/queue-progress.ts';
import { matches, type TagFilter } from './core/tag-filter.ts';
import type { GroupRuntime, WaitingReceive } from './group-runtime.ts';
import type { MessageSelector, Selected, Selection } from './message-selector.ts';
import { tagOf } from './stored-tag.ts';

export interface ReceiveRequest {
  readonly runtime: GroupRuntime;
  readonly clientId: string;
  /** -1 = any queue of this broker. */
  readonly queueId: number;
  readonly filter: TagFilter;
  readonly count: number;
  readonly invisibleMs: number;
  /** Kept invisible beyond `invisibleMs` while the client lives, up to this; 0 = not. */
  readonly renewMs: number;
  /** How long to wait for a first message; 0 = answer at once. */
  readonly pollMs: number;
  /** Aborted when the caller has gone: nothing is handed out to it any more. */
  readonly signal: AbortSignal;
}

/** A message on its way to a consumer. */
export interface Delivery {
  readonly pending: Pending;
  readonly message: MessageInLog;
  /** Which delivery this is, from 1. */
  readonly attempt: number;
}

export interface ReceiverLimits {
  /** Messages in flight or waiting, over all groups of the broker. */
  readonly maxInflight: number;
  /** Receives that wait at the same time. */
  readonly maxWaitingReceives: number;
}

/** Bytes of messages in one answer; the first message always goes. */
const RECEIVE_BYTES_MAX = 8 * 1024 * 1024;
/** Index pages loaded for one receive before it answers with what it has. */
const PAGE_LOADS_MAX = 64;
const PAGE_READ_ENTRIES = 64;
/** How far ahead a page load reads: the batch only serves to bring the page into memory. */
const pageBatch = new EntryBatch(PAGE_READ_ENTRIES);

export interface ReceiverPorts {
  readonly state: BrokerState;
  readonly reader: MessageReader;
  readonly environment: Environment;
  readonly selector: MessageSelector;
  readonly attempts: AttemptKeeper;
  readonly consumption: Consumption;
  /** False once another broker may have become the master unheard: then nothing is handed out. */
  mayDeliver(): boolean;
}

/** Answers receives: from what is there, or when something arrives, or empty when the time is up. */
export class Receiver {
  readonly #ports: ReceiverPorts;
  readonly #limits: ReceiverLimits;
  #closed = false;

  constructor(ports: ReceiverPorts, limits: ReceiverLimits) {
    this.#ports = ports;
    this.#limits = limits;
  }

  async receive(request: ReceiveRequest): Promise<Delivery[]> {
    this.#requireOpen();
    const found = await this.#take(request);
    if (found.length > 0 || request.pollMs <= 0 || request.signal.aborted) return found;
    this.#requireOpen();
    if (this.#ports.consumption.waitingCount >= this.#limits.maxWaitingReceives) {
      throw new MqError('too-many-requests', {
        what: 'waiting receives',
        limit: this.#limits.maxWaitingReceives,
      });
    }
    return this.#wait(request);
  }

  #requireOpen(): void {
    if (this.#closed) throw new MqError('shutting-down', {});
  }

  /** Waiting receives are answered empty at once, new ones refused. */
  close(): void {
    this.#closed = true;
    this.#ports.consumption.wakeAll();
  }

  #wait(request: ReceiveRequest): Promise<Delivery[]> {
    const { consumption, environment } = this.#ports;
    const { runtime, signal } = request;
    consumption.countWaiting(1);
    return new Promise((resolve, reject) => {
      let timer: TimerHandle | undefined = undefined;
      const finish = (): boolean => {
        if (!runtime.waiting.delete(waiting)) return false;
        consumption.countWaiting(-1);
        timer?.cancel();
        signal.removeEventListener('abort', giveUp);
        return true;
      };
      const giveUp = (): void => {
        if (finish()) resolve([]);
      };
      const waiting: WaitingReceive = {
        asks: `${request.queueId}/${request.filter.key}`,
        giveUp,
        retry: async () => {
          if (this.#closed) {
            giveUp();
            return true;
          }
          try {
            const found = await this.#take(request);
            if (found.length === 0) return false;
            if (finish()) resolve(found);
            else this.#release(runtime, found);
          } catch (error) {
            if (finish()) reject(thrown(error));
          }
          return true;
        },
      };
      runtime.waiting.add(waiting);
      timer = environment.timers.after(request.pollMs, giveUp);
      signal.addEventListener('abort', giveUp);
    });
  }

  async #take(request: ReceiveRequest): Promise<Delivery[]> {
    if (request.runtime.standing.group.config.paused || !this.#ports.mayDeliver()) return [];
    for (;;) {
      const selected = await this.#select(request);
      if (selected.length === 0) return [];
      const deliveries = await this.#read(request, selected);
      if (!this.#ports.mayDeliver()) {
        this.#release(request.runtime, deliveries);
        return [];
      }
      if (deliveries.length > 0 || request.signal.aborted) return deliveries;
    }
  }

  async #select(request: ReceiveRequest): Promise<Selected[]> {
    const { selector, attempts, state, environment } = this.#ports;
    const chosen: Selected[] = [];
    for (let loads = 0; ;) {
      const room = this.#limits.maxInflight - attempts.count;
      if (room <= 0) {
        request.runtime.holdBack();
        return chosen;
      }
      const selection: Selection = selector.select({
        ...request,
        count: Math.min(request.count - chosen.length, room),
        bytesMax: RECEIVE_BYTES_MAX,
      });
      this.#hide(request, selection.messages);
      chosen.push(...selection.messages);
      if (selection.kind === 'selected' || chosen.length > 0 || request.signal.aborted)
        return chosen;
      if (selection.kind === 'disk') {
        if (++loads > PAGE_LOADS_MAX) return chosen;
        const read = await state.index.read(
          selection.queueNo,
          selection.from,
          PAGE_READ_ENTRIES,
          pageBatch,
        );
        if (typeof read !== 'number') throw indexDamaged(read);
      } else {
        await new Promise<void>((resolve) => {
          environment.timers.soon(resolve);
        });
      }
    }
  }

  #hide(request: ReceiveRequest, messages: readonly Selected[]): void {
    const nowMs = this.#ports.environment.clock.monotonicMs();
    for (const { pending } of messages) {
      pending.clientId = request.clientId;
      pending.renewUntilMs = request.renewMs > 0 ? nowMs + request.renewMs : 0;
      this.#ports.attempts.hide(pending, request.invisibleMs);
    }
  }

  async #read(request: ReceiveRequest, selected: readonly Selected[]): Promise<Delivery[]> {
    let messages: readonly MessageInLog[];
    try {
      messages = this.#ports.reader.readSync(selected) ?? (await this.#ports.reader.read(selected));
    } catch (error) {
      const hasRemoved = await this.#finishRemoved(selected);
      this.#release(request.runtime, selected);
      if (hasRemoved) return [];
      throw error;
    }
    if (request.signal.aborted) {
      this.#release(request.runtime, selected);
      return [];
    }
    const deliveries: Delivery[] = [];
    selected.forEach((chosen, i) => {
      const message = messages[i];
      const { pending, attempt } = chosen;
      if (message === undefined || !isStillHeld(chosen)) return;
      if (request.filter.tags !== undefined && !matches(request.filter, tagOf(message))) {
        this.#passOver(request, chosen, message);
        return;
      }
      pending.stamp = message.stamp;
      deliveries.push({ pending, message, attempt });
    });
    return deliveries;
  }

  /** What retention has removed between choosing and reading is finished: nobody can get it any more. */
  async #finishRemoved(selected: readonly Selected[]): Promise<boolean> {
    let hasRemoved = false;
    for (const chosen of selected) {
      const { pending } = chosen;
      // Unreadable for the moment is not removed.
      const isRemoved = await this.#ports.reader.isRemoved(chosen).catch(() => false);
      if (!isRemoved || !isStillHeld(chosen)) continue;
      this.#ports.attempts.forget(pending);
      pending.progress.finish(pending.offset);
      hasRemoved = true;
    }
    return hasRemoved;
  }

  /** The tag only had the same hash: for another member, or for nobody. */
  #passOver(request: ReceiveRequest, chosen: Held, message: MessageInLog): void {
    const { pending } = chosen;
    const tag = tagOf(message);
    for (const filter of request.runtime.filters.values()) {
      if (filter.key === request.filter.key || !matches(filter, tag)) continue;
      pending.passedTag = tag;
      this.#release(request.runtime, [chosen]);
      return;
    }
    this.#ports.attempts.forget(pending);
    pending.progress.finish(pending.offset);
  }

  /** Gives back what was taken and not delivered; it does not count as an attempt. */
  #release(runtime: GroupRuntime, taken: readonly Held[]): void {
    for (const held of taken) {
      if (!isStillHeld(held)) continue;
      this.#ports.attempts.forget(held.pending);
      held.pending.progress.makeReady(held.pending);
    }
    void runtime.wake();
  }
}

/** A message as it was taken; while it is read its invisible time may run out, or somebody may settle it. */
type Held = Pick<Selected, 'pending' | 'attempt'>;

function isStillHeld({ pending, attempt }: Held): boolean {
  return (
    pending.progress.pending(pending.offset) === pending &&
    pending.state === 'in-flight' &&
    pending.ended + 1 === attempt
  );
}
