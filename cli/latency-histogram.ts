/** Relative width of a bucket: percentiles are right to about one percent. */
const GROWTH = 1.02;
const LOG_GROWTH = Math.log(GROWTH);
/** From one microsecond to more than an hour. */
const MIN_MS = 0.001;
const BUCKETS = 1_200;

/** Latencies in buckets that grow by two percent: constant memory however many there are. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #maxMs = 0;

  add(ms: number): void {
    const index = Math.ceil(Math.log(Math.max(ms, MIN_MS) / MIN_MS) / LOG_GROWTH);
    const bucket = Math.min(index, BUCKETS - 1);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    this.#maxMs = Math.max(this.#maxMs, ms);
  }

  get count(): number {
    return this.#count;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  /** The value that `fraction` of all do not exceed; 0 when there are none. */
  percentileMs(fraction: number): number {
    const rank = Math.ceil(this.#count * fraction);
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (count > 0 && seen >= rank) return Math.min(MIN_MS * GROWTH ** bucket, this.#maxMs);
    }
    return 0;
  }
}
