import type { Clock } from '../environment/clock.ts';
import type { LogFields, Logger, LogLevel } from './logger.ts';

/** Distinct sources that are kept apart; beyond it the one that was silent longest is forgotten. */
const SOURCES_MAX = 1_000;

interface Source {
  lastLoggedMs: number;
  suppressed: number;
}

/**
 * One line per interval and source for what can come in floods (bad clients, refused sends): the first is written at once,
 * the next one after the interval with the number of those in between.
 */
export class RateLimitedLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #sources = new Map<string, Source>();

  constructor(logger: Logger, clock: Clock, intervalMs = 10_000) {
    this.#logger = logger;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  /** `source` names what is counted together, such as `bad-frame 10.0.0.7`. */
  log(level: LogLevel, source: string, message: string, fields: LogFields = {}): void {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#sources.get(source);
    if (known !== undefined && nowMs - known.lastLoggedMs < this.#intervalMs) {
      known.suppressed++;
      return;
    }
    const suppressed = known?.suppressed ?? 0;
    this.#sources.delete(source);
    this.#sources.set(source, { lastLoggedMs: nowMs, suppressed: 0 });
    this.#forgetOldest();
    this.#logger[level](message, suppressed === 0 ? fields : { ...fields, suppressed });
  }

  /** A Map keeps insertion order, and each logged source is inserted anew: the first one is the oldest. */
  #forgetOldest(): void {
    if (this.#sources.size <= SOURCES_MAX) return;
    const [oldest] = this.#sources.keys();
    if (oldest !== undefined) this.#sources.delete(oldest);
  }
}
