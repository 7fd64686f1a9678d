import { TokenBucket } from './token-bucket.ts';

export interface RetryLimiterOptions {
  /** Pause after the first failure of a key; each further one doubles it. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** Over all keys. */
  readonly perSecond: number;
  readonly burst: number;
}

/** The limits of client-go's controllers, except that a key never waits longer than a minute. */
const RETRY_LIMITS: RetryLimiterOptions = {
  firstMs: 5,
  maxMs: 60_000,
  perSecond: 10,
  burst: 100,
};

/** When a key that failed may be tried again: the later of its own pause and of the turn that all retries share. */
export class RetryLimiter {
  readonly #options: RetryLimiterOptions;
  readonly #bucket: TokenBucket;
  /** Bound: keys that have failed and have neither succeeded nor been forgotten since. */
  readonly #failures = new Map<string, number>();

  constructor(options: RetryLimiterOptions = RETRY_LIMITS) {
    this.#options = options;
    this.#bucket = new TokenBucket(options);
  }

  delayMs(key: string, nowMs: number): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const { firstMs, maxMs } = this.#options;
    const ownMs = Math.min(maxMs, firstMs * 2 ** failures);
    return Math.max(ownMs, this.#bucket.reserve(nowMs));
  }

  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }
}
