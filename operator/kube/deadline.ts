import type { TimerHandle, Timers } from '../../common/environment/timers.ts';

/**
 * A signal that is aborted by another one or when time is up, whichever comes first. `end` must be called: it lets go of the
 * other signal, which may live as long as the process.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #onOuterAbort = (): void => this.#controller.abort();
  readonly #timers: Timers;
  #timer: TimerHandle;
  #isLate = false;

  constructor(timers: Timers, timeoutMs: number, outer: AbortSignal | undefined) {
    this.#timers = timers;
    this.#outer = outer;
    this.#timer = timers.after(timeoutMs, () => this.#onTimeout());
    if (outer?.aborted === true) this.#controller.abort();
    else outer?.addEventListener('abort', this.#onOuterAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether it was time that ended it. */
  get isLate(): boolean {
    return this.#isLate;
  }

  /** Time starts anew: something has come. */
  extend(timeoutMs: number): void {
    this.#timer.cancel();
    if (!this.signal.aborted) this.#timer = this.#timers.after(timeoutMs, () => this.#onTimeout());
  }

  abort(): void {
    this.#controller.abort();
  }

  end(): void {
    this.#timer.cancel();
    this.#outer?.removeEventListener('abort', this.#onOuterAbort);
  }

  #onTimeout(): void {
    this.#isLate = true;
    this.#controller.abort();
  }
}
