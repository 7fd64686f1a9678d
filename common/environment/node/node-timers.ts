import { performance } from 'node:perf_hooks';
import { assert } from '../../assert.ts';
import type { TimerHandle, Timers } from '../timers.ts';

/** Node fires a longer `setTimeout` after 1 ms instead, so longer delays are waited for in steps. */
const STEP_MS_MAX = 2 ** 31 - 1;

/**
 * Timers of the event loop. A pending timer keeps the process alive: who starts one owns its end, and the shutdown order
 * cancels what is left. (Were they unreferenced, a process that only waits for a due message would exit.)
 */
export class NodeTimers implements Timers {
  after(delayMs: number, task: () => void): TimerHandle {
    return new NodeTimer(delayMs, task);
  }

  soon(task: () => void): void {
    setImmediate(task);
  }
}

class NodeTimer implements TimerHandle {
  readonly #dueMs: number;
  readonly #task: () => void;
  #pending: NodeJS.Timeout | undefined;

  constructor(delayMs: number, task: () => void) {
    assert(delayMs >= 0 && delayMs < Number.MAX_SAFE_INTEGER, `timer delay ${delayMs} ms`);
    this.#dueMs = performance.now() + delayMs;
    this.#task = task;
    this.#arm(delayMs);
  }

  cancel(): void {
    clearTimeout(this.#pending);
    this.#pending = undefined;
  }

  #arm(delayMs: number): void {
    this.#pending = setTimeout(() => this.#fire(), Math.min(Math.ceil(delayMs), STEP_MS_MAX));
  }

  /** libuv counts whole milliseconds and may be early by a fraction of one; the port promises "at least". */
  #fire(): void {
    const remainingMs = this.#dueMs - performance.now();
    if (remainingMs > 0) {
      this.#arm(remainingMs);
      return;
    }
    this.#pending = undefined;
    this.#task();
  }
}
