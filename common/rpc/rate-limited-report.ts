import type { Clock } from '../environment/clock.ts';

/**
 * Lets at most one report of a kind through per interval and counts the rest, so that a flood of bad input costs one log line.
 */
export class RateLimitedReport {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  #nextAtMs = Number.NEGATIVE_INFINITY;
  #suppressed = 0;

  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** Number of events since the last one let through when this one may be reported (0 for the first), else undefined. */
  admit(): number | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#nextAtMs) {
      this.#suppressed += 1;
      return undefined;
    }
    this.#nextAtMs = nowMs + this.#intervalMs;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed;
  }
}
