import type { Clock } from '../../common/environment/clock.ts';
import type { TimerHandle, Timers } from '../../common/environment/timers.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Metrics } from '../../common/metrics/metrics.ts';
import { DelayHeap } from './core/delay-heap.ts';
import { KeyQueue } from './core/key-queue.ts';
import { RetryLimiter, type RetryLimiterOptions } from './core/retry-limiter.ts';
import { Deadline } from './deadline.ts';
import { isKubeError } from './kube-error.ts';
import { isTerminalError } from './terminal-error.ts';

export interface WorkQueuePorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Not kept beyond `stop`: give a scope. */
  readonly metrics: Metrics;
}

export interface TurnContext {
  /** Aborted when the turn takes too long, leadership is lost or the queue stops. All calls must be given it. */
  readonly signal: AbortSignal;
  /** Turns of this key that have failed since the last success. */
  readonly failures: number;
}

/** What a turn asks for: to be had again after a time, whatever happens. Nothing: when something changes. */
export interface TurnResult {
  readonly requeueAfterMs?: number | undefined;
}

export interface WorkQueueOptions {
  /** Name of the controller in figures and logs. */
  readonly name: string;
  /** Turns at once, each of another key. */
  readonly workers: number;
  readonly timeoutMs: number;
  readonly turn: (key: string, context: TurnContext) => Promise<TurnResult | undefined>;
  readonly limits?: RetryLimiterOptions;
}

type Outcome = 'success' | 'requeued' | 'failed' | 'terminal' | 'aborted';

/**
 * Gives each key its turns, with the rules of client-go: many reasons are one turn, no key has two turns at once, who fails
 * tries again after a growing pause, and a success forgets the failures. A turn that does not end when its signal is aborted
 * keeps its worker: two turns of one key at once would be worse. `orbitmq_reconcile_in_progress_since_seconds` shows it.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #ports: WorkQueuePorts;
  readonly #queue = new KeyQueue();
  readonly #delayed = new DelayHeap();
  readonly #limiter: RetryLimiter;
  readonly #stop = new AbortController();
  readonly #turns = new Set<Promise<void>>();
  #isRunning = false;
  #alarm: { readonly atMs: number; readonly timer: TimerHandle } | undefined;
  #lastSuccessMs = 0;

  constructor(options: WorkQueueOptions, ports: WorkQueuePorts) {
    this.#options = options;
    this.#ports = ports;
    this.#limiter = new RetryLimiter(options.limits);
    this.#collect();
  }

  get depth(): number {
    return this.#queue.depth;
  }

  /** Keys whose turn comes later. */
  get delayed(): number {
    return this.#delayed.size;
  }

  /** No turn is under way or due: those that come later do not count. So it is before `start`, too. */
  get isIdle(): boolean {
    return !this.#isRunning || (this.depth === 0 && this.#turns.size === 0);
  }

  /** There is a reason to look at this object. Also before `start`; after `stop` it is nobody's business. */
  add(key: string): void {
    if (this.#stop.signal.aborted) return;
    this.#queue.add(key, this.#ports.clock.monotonicMs());
    this.#dispatch();
  }

  /** A reason that comes later. Of several times the earliest counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stop.signal.aborted) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    this.#delayed.add(key, this.#ports.clock.monotonicMs() + delayMs);
    this.#setAlarm();
  }

  start(): void {
    this.#isRunning = true;
    this.#dispatch();
    this.#setAlarm();
  }

  /** No further turns; those under way are aborted. Resolves when they have ended. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#stop.abort();
    this.#alarm?.timer.cancel();
    this.#queue.clear();
    this.#delayed.clear();
    await Promise.all(this.#turns);
  }

  #dispatch(): void {
    while (this.#isRunning && this.#turns.size < this.#options.workers) {
      const next = this.#queue.take(this.#ports.clock.monotonicMs());
      if (next === undefined) return;
      const { name: controller } = this.#options;
      const waited = this.#ports.metrics.histogram('reconcileQueueLatency').cell({ controller });
      waited.observe(next.waitedMs / 1_000);
      const turn = this.#turn(next.key).finally(() => {
        this.#turns.delete(turn);
        this.#queue.done(next.key);
        this.#dispatch();
      });
      this.#turns.add(turn);
    }
  }

  /** Never rejects. */
  async #turn(key: string): Promise<void> {
    const { name: controller, timeoutMs, turn } = this.#options;
    const { clock, timers, metrics } = this.#ports;
    const startMs = clock.monotonicMs();
    const deadline = new Deadline(timers, timeoutMs, this.#stop.signal);
    let outcome: Outcome;
    try {
      const { signal } = deadline;
      const result = await turn(key, { signal, failures: this.#limiter.failures(key) });
      outcome = this.#succeeded(key, result);
    } catch (error) {
      outcome = this.#failed(key, error, deadline.isLate);
    } finally {
      deadline.end();
    }
    metrics.counter('reconciles').cell({ controller, result: outcome }).add();
    const seconds = (clock.monotonicMs() - startMs) / 1_000;
    metrics.histogram('reconcileDuration').cell({ controller }).observe(seconds);
  }

  #succeeded(key: string, result: TurnResult | undefined): Outcome {
    this.#limiter.forget(key);
    this.#lastSuccessMs = this.#ports.clock.nowMs();
    const requeueAfterMs = result?.requeueAfterMs;
    if (requeueAfterMs === undefined) return 'success';
    this.addAfter(key, requeueAfterMs);
    return 'requeued';
  }

  #failed(key: string, error: unknown, isLate: boolean): Outcome {
    const { logger, clock, metrics } = this.#ports;
    const { name: controller, timeoutMs } = this.#options;
    if (this.#stop.signal.aborted) {
      logger.debug('turn given up: the queue stops', { controller, key, error });
      return 'aborted';
    }
    if (isTerminalError(error)) {
      this.#limiter.forget(key);
      logger.error('turn failed for good: something must change first', { controller, key, error });
      return 'terminal';
    }
    const pauseMs = this.#limiter.delayMs(key, clock.monotonicMs());
    const askedMs = isKubeError(error) ? (error.retryAfterMs ?? 0) : 0;
    const delayMs = Math.max(pauseMs, askedMs);
    const failures = this.#limiter.failures(key);
    const fields = { controller, key, failures, delayMs, ...(isLate ? { timeoutMs } : {}), error };
    // Somebody was faster; that is how optimistic locking works.
    logger[isKubeError(error, 'conflict') ? 'debug' : 'warn'](
      'turn failed; it is tried again',
      fields,
    );
    metrics.counter('reconcileRetries').cell({ controller }).add();
    this.addAfter(key, delayMs);
    return 'failed';
  }

  /** One timer, for the first key that is due. */
  #setAlarm(): void {
    const nextMs = this.#delayed.nextMs();
    if (!this.#isRunning || nextMs === undefined) return;
    if (this.#alarm !== undefined && this.#alarm.atMs <= nextMs) return;
    this.#alarm?.timer.cancel();
    const delayMs = Math.max(0, nextMs - this.#ports.clock.monotonicMs());
    const timer = this.#ports.timers.after(delayMs, () => {
      this.#alarm = undefined;
      this.#takeDue();
      this.#setAlarm();
    });
    this.#alarm = { atMs: nextMs, timer };
  }

  #takeDue(): void {
    const nowMs = this.#ports.clock.monotonicMs();
    for (let key = this.#delayed.take(nowMs); key !== undefined; key = this.#delayed.take(nowMs)) {
      this.add(key);
    }
  }

  #collect(): void {
    const { metrics, clock } = this.#ports;
    const controller = this.#options.name;
    metrics.collect('reconcileQueueDepth', () => [[{ controller }, this.depth]]);
    metrics.collect('reconcileLastSuccess', () => [[{ controller }, this.#lastSuccessMs / 1_000]]);
    metrics.collect('reconcileInProgressSince', () => {
      const [sinceMs] = this.#queue.inWork.values(); // the first one is the oldest
      const wallMs = clock.nowMs() - clock.monotonicMs();
      return [[{ controller }, sinceMs === undefined ? 0 : (wallMs + sinceMs) / 1_000]];
    });
  }
}
