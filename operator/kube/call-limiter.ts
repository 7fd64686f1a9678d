import type { Clock } from '../../common/environment/clock.ts';
import type { Timers } from '../../common/environment/timers.ts';
import { TokenBucket, type TokenBucketOptions } from './core/token-bucket.ts';

/** Rate of one client towards the API server. */
const CALL_RATE: TokenBucketOptions = { perSecond: 50, burst: 100 };

/** Lets calls through at a rate; what is too early waits. Bound: who waits is a worker, and their number is bounded. */
export class CallLimiter {
  readonly #bucket: TokenBucket;
  readonly #clock: Clock;
  readonly #timers: Timers;

  constructor(clock: Clock, timers: Timers, rate: TokenBucketOptions = CALL_RATE) {
    this.#clock = clock;
    this.#timers = timers;
    this.#bucket = new TokenBucket(rate);
  }

  /** Resolves when it is the caller's turn, or when the signal is aborted; the turn is then somebody else's. */
  async turn(signal: AbortSignal): Promise<void> {
    const delayMs = this.#bucket.reserve(this.#clock.monotonicMs());
    if (delayMs === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const onAbort = (): void => {
        timer.cancel();
        this.#bucket.giveBack();
        resolve();
      };
      const timer = this.#timers.after(delayMs, () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
