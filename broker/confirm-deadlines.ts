import type { Environment } from '../common/environment/environment.ts';
import { MqError } from '../common/errors/mq-error.ts';
import { thrown } from '../common/errors/thrown.ts';

interface Waiting {
  readonly deadlineMs: number;
  isOver: boolean;
  reject(error: MqError): void;
}

/**
 * How long a request waits for the slaves that have to confirm it. All wait equally long, so the oldest is the next whose time
 * is up: one timer for all. What they wait for goes on, and a repetition of the request finds it.
 */
export class ConfirmDeadlines {
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  readonly #limitMs: number;
  /** Oldest at `#head`; as many as requests are admitted, and those of the last `limitMs` that are over. */
  #waiting: Waiting[] = [];
  #head = 0;
  #isArmed = false;

  constructor(environment: Pick<Environment, 'clock' | 'timers'>, limitMs: number) {
    this.#environment = environment;
    this.#limitMs = limitMs;
  }

  /** As `work`, but rejects with `confirm-timeout` when it takes too long. */
  within<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadlineMs = this.#environment.clock.monotonicMs() + this.#limitMs;
      const waiting: Waiting = { deadlineMs, isOver: false, reject };
      this.#waiting.push(waiting);
      this.#arm(this.#limitMs);
      work.then(
        (value) => {
          waiting.isOver = true;
          resolve(value);
        },
        (error: unknown) => {
          waiting.isOver = true;
          reject(thrown(error));
        },
      );
    });
  }

  #arm(afterMs: number): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#environment.timers.after(afterMs, () => {
      this.#isArmed = false;
      this.#expire();
    });
  }

  #expire(): void {
    const nowMs = this.#environment.clock.monotonicMs();
    for (;;) {
      const oldest = this.#waiting[this.#head];
      if (oldest === undefined) break;
      if (!oldest.isOver) {
        if (oldest.deadlineMs > nowMs) break;
        oldest.reject(new MqError('confirm-timeout', { limitMs: this.#limitMs }));
      }
      this.#head++;
    }
    this.#waiting = this.#waiting.slice(this.#head);
    this.#head = 0;
    const next = this.#waiting[0];
    if (next !== undefined) this.#arm(Math.max(0, next.deadlineMs - nowMs));
  }
}
