export interface TokenBucketOptions {
  readonly perSecond: number;
  readonly burst: number;
}

/** Allows a rate on average and a burst at once. Whoever reserves gets a turn; the answer is how long to wait for it. */
export class TokenBucket {
  readonly #options: TokenBucketOptions;
  /** May be negative: turns that are given out and not yet due. */
  #tokens: number;
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(options: TokenBucketOptions) {
    this.#options = options;
    this.#tokens = options.burst;
  }

  /** Takes a turn and returns the milliseconds until it. */
  reserve(nowMs: number): number {
    this.#fill(nowMs);
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : (-this.#tokens * 1_000) / this.#options.perSecond;
  }

  /** Takes a turn only when it is due now. */
  tryTake(nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Gives back a turn that nobody will use. */
  giveBack(): void {
    this.#tokens = Math.min(this.#options.burst, this.#tokens + 1);
  }

  #fill(nowMs: number): void {
    const { perSecond, burst } = this.#options;
    if (nowMs > this.#atMs) {
      const gained = ((nowMs - this.#atMs) * perSecond) / 1_000;
      this.#tokens = Math.min(burst, this.#tokens + gained);
      this.#atMs = nowMs;
    }
  }
}
