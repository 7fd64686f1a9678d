import type { Timers } from '../../common/environment/timers.ts';

/** Lets one loop sleep until something has happened. What happens while nobody sleeps ends the next sleep at once. */
export class Wake {
  readonly #timers: Timers;
  #isDue = false;
  #resolve: (() => void) | undefined;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  signal(): void {
    this.#isDue = true;
    this.#resolve?.();
  }

  /** For one sleeper at a time. */
  async sleep(ms: number): Promise<void> {
    if (!this.#isDue) {
      await new Promise<void>((resolve) => {
        const timer = this.#timers.after(ms, resolve);
        this.#resolve = (): void => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.#resolve = undefined;
    this.#isDue = false;
  }
}

/** Rejects when `work` has not ended in time; what comes of it later is nobody's business. */
export async function within<Value>(
  timers: Timers,
  ms: number,
  work: Promise<Value>,
): Promise<Value> {
  let onTimeout: () => void = () => undefined;
  const late = new Promise<never>((_, reject) => {
    onTimeout = (): void => reject(new Error(`it took longer than ${ms} ms`));
  });
  const timer = timers.after(ms, () => onTimeout());
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.cancel();
  }
}
