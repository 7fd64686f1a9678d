import { performance } from 'node:perf_hooks';
import { LatencyHistogram } from './latency-histogram.ts';

/** What a bench came to; the form of `-o json`. */
export interface BenchResult {
  readonly messages: number;
  readonly errors: number;
  readonly seconds: number;
  readonly messagesPerSecond: number;
  readonly bytesPerSecond: number;
  readonly latencyMs: {
    readonly p50: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  /** The first error, '' when there was none. */
  readonly firstError: string;
}

export interface BenchLimits {
  /** Stop after so many messages. */
  readonly count: number;
  /** Stop after so long. */
  readonly durationMs: number;
  /** Operations at once. */
  readonly inflight: number;
}

/** Messages and bytes that one operation dealt with. */
export interface BenchStep {
  readonly messages: number;
  readonly bytes: number;
}

/** This many failures in a row of one worker: the server is gone, and going on would only fill the screen. */
const FAILURES_MAX = 20;
/** Nothing came for this long: there are fewer messages than were asked for. */
const IDLE_MS = 10_000;

/** Keeps a number of operations in flight until a limit is reached, and measures each. */
export class BenchRun {
  readonly #limits: BenchLimits;
  readonly #latencies = new LatencyHistogram();
  #claimed = 0;
  #messages = 0;
  #bytes = 0;
  #errors = 0;
  #firstError = '';
  #startMs = 0;
  #lastMessageMs = 0;

  constructor(limits: BenchLimits) {
    this.#limits = limits;
  }

  get messages(): number {
    return this.#messages;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  /** `claim`: messages that one operation intends. */
  async run(
    claim: number,
    operation: (worker: number) => Promise<BenchStep>,
  ): Promise<BenchResult> {
    this.#startMs = performance.now();
    this.#lastMessageMs = this.#startMs;
    const workers = Array.from({ length: this.#limits.inflight }, (_, worker) =>
      this.#work(claim, () => operation(worker)),
    );
    await Promise.all(workers);
    return this.#result();
  }

  async #work(claim: number, operation: () => Promise<BenchStep>): Promise<void> {
    let failuresInRow = 0;
    while (this.#hasMore() && failuresInRow < FAILURES_MAX) {
      this.#claimed += claim;
      const startMs = performance.now();
      try {
        const { messages, bytes } = await operation();
        if (messages > 0) this.#measured(startMs);
        this.#messages += messages;
        this.#bytes += bytes;
        this.#claimed += messages - claim;
        failuresInRow = 0;
      } catch (error) {
        this.#claimed -= claim;
        this.#errors++;
        failuresInRow++;
        if (this.#firstError === '') this.#firstError = (error as Error).message;
      }
    }
  }

  #measured(startMs: number): void {
    this.#lastMessageMs = performance.now();
    this.#latencies.add(this.#lastMessageMs - startMs);
  }

  #hasMore(): boolean {
    const isIdle = performance.now() - this.#lastMessageMs > IDLE_MS;
    const { count, durationMs } = this.#limits;
    return this.#claimed < count && this.elapsedMs < durationMs && !isIdle;
  }

  #result(): BenchResult {
    const seconds = this.elapsedMs / 1_000;
    const round = (value: number): number => Math.round(value * 1_000) / 1_000;
    return {
      messages: this.#messages,
      errors: this.#errors,
      seconds: round(seconds),
      messagesPerSecond: Math.round(this.#messages / seconds),
      bytesPerSecond: Math.round(this.#bytes / seconds),
      latencyMs: {
        p50: round(this.#latencies.percentileMs(0.5)),
        p99: round(this.#latencies.percentileMs(0.99)),
        p999: round(this.#latencies.percentileMs(0.999)),
        max: round(this.#latencies.maxMs),
      },
      firstError: this.#firstError,
    };
  }
}
