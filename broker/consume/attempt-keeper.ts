import type { Environment } from '../../common/environment/environment.ts';
import { isMqError } from '../../common/errors/mq-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import { backoffDelayMs } from '../../common/model/retry-policy.ts';
import type { BrokerState } from '../state/broker-state.ts';
import type { CommitPipeline } from '../state/commit-pipeline.ts';
import type { GroupTopic } from '../state/group-table.ts';
import {
  redeliveryBytes,
  SETTLEMENTS_PER_RECORD_MAX,
  writeRedelivery,
  type RedeliveryEntry,
} from '../state/payload/settlement-record.ts';
import { RecordType } from '../store/record-type.ts';
import { isDiskError, isStoreError } from '../store/store-error.ts';
import type { Pending, QueueProgress } from './core/queue-progress.ts';
import { Deadlines } from './deadlines.ts';
import type { DeadLetters } from './dead-letters.ts';

/** Wait before a settlement that the log refused is tried again. */
const RETRY_MS = 1_000;
/** Longest single renewal; the client's liveness is looked at this often. */
const RENEWAL_STEP_MS = 30_000;

export interface AttemptKeeperPorts {
  readonly state: BrokerState;
  readonly pipeline: CommitPipeline;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly deadLetters: DeadLetters;
  isClientAlive(clientId: string): boolean;
  /** Messages of this standing may be delivered again. */
  wake(standing: GroupTopic): void;
}

/**
 * Watches over what is in flight: when an invisible time runs out the attempt has ended, which is written to the log; then
 * the message becomes ready again, or goes to the dead-letter topic when it has had all its attempts.
 */
export class AttemptKeeper {
  readonly #ports: AttemptKeeperPorts;
  readonly #deadlines: Deadlines;
  /** Ended attempts of this turn, gathered into one record per queue. */
  readonly #ending = new Map<QueueProgress, Pending[]>();
  #endingScheduled = false;
  #closed = false;

  constructor(ports: AttemptKeeperPorts) {
    this.#ports = ports;
    const { clock, timers } = ports.environment;
    this.#deadlines = new Deadlines(clock, timers, (pending) => {
      this.#due(pending);
    });
  }

  /** Messages in flight or waiting, over all groups. */
  get count(): number {
    return this.#deadlines.count;
  }

  /** Deliveries whose invisible time has ended, on their way through the log to being available again. */
  get overdueCount(): number {
    let count = 0;
    for (const gathered of this.#ending.values()) count += gathered.length;
    return count;
  }

  /** How late the most overdue of these is, in milliseconds; 0 when there is none. */
  get overdueMs(): number {
    const nowMs = this.#ports.environment.clock.monotonicMs();
    let latest = 0;
    for (const gathered of this.#ending.values()) {
      for (const { dueAtMs } of gathered) latest = Math.max(latest, nowMs - dueAtMs);
    }
    return latest;
  }

  /** Hides a message that is being delivered for `invisibleMs`. */
  hide(pending: Pending, invisibleMs: number): void {
    pending.dueAtMs = this.#ports.environment.clock.monotonicMs() + invisibleMs;
    this.#deadlines.schedule(pending);
  }

  /** Hides it again for what is left of its time, and for at least `atLeastMs`. */
  hideOn(pending: Pending, atLeastMs: number): void {
    const leftMs = pending.dueAtMs - this.#ports.environment.clock.monotonicMs();
    this.hide(pending, Math.max(leftMs, atLeastMs));
  }

  forget(pending: Pending): void {
    this.#deadlines.remove(pending);
  }

  /** Ends the current attempt now; the group gets the message again after `delayMs`. */
  endNow(pending: Pending): void {
    this.#deadlines.remove(pending);
    this.#end(pending);
  }

  /** The folded end of an attempt: wait for the next one, or bury the message. */
  attemptEnded(standing: GroupTopic, pending: Pending): void {
    if (pending.ended >= standing.group.config.maxAttempts) {
      void this.#bury(standing, pending);
      return;
    }
    const { clock } = this.#ports.environment;
    // It may have been said by another clock, which is ahead of this one: nobody waits for longer than the group would have.
    const longestMs = backoffDelayMs(standing.group.config.backoff, pending.ended);
    const waitMs = Math.min(pending.notBeforeMs - clock.nowMs(), longestMs);
    if (waitMs <= 0) {
      this.#deadlines.remove(pending);
      pending.progress.makeReady(pending);
      this.#ports.wake(standing);
      return;
    }
    pending.state = 'waiting';
    pending.dueAtMs = clock.monotonicMs() + waitMs;
    this.#deadlines.schedule(pending);
  }

  /** After a restart: takes up what the log says is waiting. */
  adopt(): void {
    for (const [standing, pending] of [...this.#allPending()]) this.attemptEnded(standing, pending);
  }

  /**
   * The client has gone: what it held for its group is given to others at once, its attempts counted. Looks at the queues of
   * that group only; what it held for another one is not renewed any more.
   */
  clientGone(clientId: string, group: string): void {
    for (const standing of this.#ports.state.groups.get(group)?.topics.values() ?? []) {
      for (const queue of standing.queues) {
        if (queue.pendingCount > 0) this.#endHeldBy(clientId, queue);
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#deadlines.close();
  }

  #endHeldBy(clientId: string, queue: QueueProgress): void {
    for (const pending of queue.allPending()) {
      const isHeld = pending.clientId === clientId && pending.renewUntilMs > 0;
      if (isHeld && pending.state === 'in-flight') this.endNow(pending);
    }
  }

  *#allPending(): Generator<[GroupTopic, Pending]> {
    for (const group of this.#ports.state.groups.all()) {
      for (const standing of group.topics.values()) {
        for (const queue of standing.queues) {
          for (const pending of queue.allPending()) yield [standing, pending];
        }
      }
    }
  }

  #due(pending: Pending): void {
    if (pending.state === 'waiting') {
      pending.progress.makeReady(pending);
      this.#wake(pending);
      return;
    }
    if (pending.state === 'in-flight') {
      if (this.#renew(pending)) return;
      this.#end(pending);
    }
  }

  #renew(pending: Pending): boolean {
    const nowMs = this.#ports.environment.clock.monotonicMs();
    if (pending.renewUntilMs <= nowMs || !this.#ports.isClientAlive(pending.clientId)) return false;
    pending.dueAtMs = Math.min(nowMs + RENEWAL_STEP_MS, pending.renewUntilMs);
    this.#deadlines.schedule(pending);
    return true;
  }

  #end(pending: Pending): void {
    pending.progress.withdraw(pending, 'settling');
    const gathered = this.#ending.get(pending.progress);
    if (gathered === undefined) this.#ending.set(pending.progress, [pending]);
    else gathered.push(pending);
    if (this.#endingScheduled) return;
    this.#endingScheduled = true;
    this.#ports.environment.timers.soon(() => {
      this.#endingScheduled = false;
      void this.#writeEnded();
    });
  }

  async #writeEnded(): Promise<void> {
    if (this.#closed) return;
    const written: Pending[] = [];
    for (const [queue, gathered] of this.#ending) {
      for (let from = 0; from < gathered.length; from += SETTLEMENTS_PER_RECORD_MAX) {
        const part = gathered.slice(from, from + SETTLEMENTS_PER_RECORD_MAX);
        if (this.#isAppended(queue, part)) written.push(...part);
        else this.#tryAgain(part);
      }
    }
    this.#ending.clear();
    try {
      await this.#ports.pipeline.whenFolded();
    } catch (error) {
      if (!isMqError(error)) throw error;
      this.#tryAgain(written);
    }
  }

  /** False when the log takes nothing now. */
  #isAppended(queue: QueueProgress, pendings: readonly Pending[]): boolean {
    try {
      this.#append(queue, pendings);
      return true;
    } catch (error) {
      if (!isMqError(error)) throw error;
      return false;
    }
  }

  #append(queue: QueueProgress, pendings: readonly Pending[]): void {
    const nowMs = this.#ports.environment.clock.nowMs();
    const entries = pendings
      .filter((pending) => queue.pending(pending.offset) === pending)
      .map((pending): RedeliveryEntry => {
        return { offset: pending.offset, ended: pending.ended + 1, notBeforeMs: nowMs };
      });
    if (entries.length === 0) return;
    this.#ports.pipeline.append(
      RecordType.Redelivery,
      redeliveryBytes(entries.length),
      (buffer, at) => {
        writeRedelivery(buffer, at, queue, entries);
      },
    );
  }

  /** The log refused or failed: the attempts have not ended yet, and are looked at again a little later. */
  #tryAgain(pendings: readonly Pending[]): void {
    for (const pending of pendings) {
      if (pending.state !== 'settling') continue;
      pending.state = 'in-flight';
      pending.renewUntilMs = 0;
      this.hide(pending, RETRY_MS);
    }
  }

  async #bury(standing: GroupTopic, pending: Pending): Promise<void> {
    this.#deadlines.remove(pending);
    pending.progress.withdraw(pending, 'settling');
    try {
      await this.#ports.deadLetters.bury(standing, pending);
    } catch (error) {
      if (this.#closed) return;
      if (!isMqError(error) && !isStoreError(error) && !isDiskError(error)) throw error;
      // Stays as it is: all attempts used, nobody gets it, and burying is tried again.
      pending.state = 'waiting';
      pending.notBeforeMs = this.#ports.environment.clock.nowMs() + RETRY_MS;
      this.#ports.environment.timers.after(RETRY_MS, () => {
        if (!this.#closed && pending.progress.pending(pending.offset) === pending)
          void this.#bury(standing, pending);
      });
      this.#ports.logger.warn('a message could not be moved to its dead-letter topic yet', {
        group: standing.group.config.name,
        topic: standing.topic.config.name,
        error: error.message,
      });
    }
  }

  #wake(pending: Pending): void {
    const standing = this.#ports.state.standing(pending.progress.groupId, pending.progress.topicId);
    if (standing !== undefined) this.#ports.wake(standing);
  }
}
