import type { Clock } from '../../common/environment/clock.ts';
import type { Scheduler } from './scheduler.ts';

/** 2026-01-01T00:00:00Z: where virtual time zero lies on an exact wall clock. */
export const SIM_EPOCH_MS = Date.UTC(2026, 0, 1);

export interface ClockSkew {
  /** Wall clock minus true time. */
  wallOffsetMs: number;
  /** Gain per unit of true time: 0.0001 gains 100 µs each second. Applies to both clocks, which share one crystal. */
  drift: number;
}

/** The clocks of one machine: wrong by an offset, and running a little too fast or too slow. */
export class SimClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #drift: number;
  #wallOffsetMs: number;

  constructor(scheduler: Scheduler, skew: ClockSkew = { wallOffsetMs: 0, drift: 0 }) {
    this.#scheduler = scheduler;
    this.#drift = skew.drift;
    this.#wallOffsetMs = skew.wallOffsetMs;
  }

  nowMs(): number {
    return Math.floor(SIM_EPOCH_MS + this.#wallOffsetMs + this.monotonicMs());
  }

  monotonicMs(): number {
    return this.#scheduler.nowMs * (1 + this.#drift);
  }

  /** Someone sets the wall clock. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** True milliseconds until this clock shows at least `durationMs` more. */
  trueDelayMs(durationMs: number): number {
    const dueMs = this.monotonicMs() + durationMs;
    const nowMs = this.#scheduler.nowMs;
    let delayMs = durationMs / (1 + this.#drift);
    // The product and the sum round; "at least" must hold on this clock to the last bit.
    for (let stepMs = ROUNDING_MS; (nowMs + delayMs) * (1 + this.#drift) < dueMs; stepMs *= 2) {
      delayMs += stepMs;
    }
    return delayMs;
  }
}

const ROUNDING_MS = 1e-6;
