import type { Clock } from '../../common/environment/clock.ts';
import type { TimerHandle, Timers } from '../../common/environment/timers.ts';

/** A clock that a test moves by hand, and the timers that follow it. */
export class ManualTime implements Clock, Timers {
  #nowMs = 0;
  #tasks: { readonly atMs: number; readonly task: () => void }[] = [];

  nowMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  get waiting(): number {
    return this.#tasks.length;
  }

  after(delayMs: number, task: () => void): TimerHandle {
    const entry = { atMs: this.#nowMs + delayMs, task };
    this.#tasks.push(entry);
    return {
      cancel: () => {
        this.#tasks = this.#tasks.filter((other) => other !== entry);
      },
    };
  }

  soon(task: () => void): void {
    this.after(0, task);
  }

  /** Runs what is due on the way, in order of time. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = this.#tasks
        .filter((entry) => entry.atMs <= endMs)
        .reduce<{ atMs: number; task: () => void } | undefined>(
          (first, entry) => (first === undefined || entry.atMs < first.atMs ? entry : first),
          undefined,
        );
      if (next === undefined) break;
      this.#tasks = this.#tasks.filter((entry) => entry !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.task();
    }
    this.#nowMs = endMs;
  }
}
