export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Pauses between tries that fail: each twice the one before, up to a limit, and up to as much again by chance so that many
 * do not come back together. `draw` is uniform in [0, 2^32).
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  next(draw: number): number {
    const { firstMs, maxMs } = this.#options;
    const baseMs = Math.min(maxMs, firstMs * 2 ** this.#failures);
    if (baseMs < maxMs) this.#failures++;
    return Math.min(maxMs, baseMs * (1 + draw / 2 ** 32));
  }

  reset(): void {
    this.#failures = 0;
  }
}
