/**
 * Keeps DIR/checkpoint near the durable end: one write at a time, at most one per interval, none while nothing moves. A
 * failed write costs only evidence, never data; it is told to the listener and tried again after the next interval.
 */
import type { Environment } from '../../common/environment/environment.ts';
import type { Clock } from '../../common/environment/clock.ts';
import type { TimerHandle, Timers } from '../../common/environment/timers.ts';
import type { Checkpoint, LogEnds } from './checkpoint.ts';
import { isDiskError } from './store-error.ts';

/** How much of the log a restart may have to write again (recovery.ts), in time. */
const CHECKPOINT_INTERVAL_MS = 1000;

export interface CheckpointSource {
  ends(): LogEnds;
  /** The confirmed end moves by itself, without anybody saying so. */
  readonly isConfirmMoving: boolean;
  onFailure(error: { code: string; message: string }): void;
}

export class CheckpointWriter {
  readonly #checkpoint: Checkpoint;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #source: CheckpointSource;
  #timer: TimerHandle | undefined;
  #writing: Promise<void> | undefined;
  #isStopped = false;

  constructor(checkpoint: Checkpoint, { clock, timers }: Environment, source: CheckpointSource) {
    this.#checkpoint = checkpoint;
    this.#clock = clock;
    this.#timers = timers;
    this.#source = source;
  }

  /** The durable end may have moved. While the confirmed one is behind it, the timer looks for it again and again. */
  poke(): void {
    if (this.#isStopped || this.#timer !== undefined || this.#writing !== undefined) return;
    const ends = this.#source.ends();
    const isBehind = this.#source.isConfirmMoving && ends.confirmOffset < ends.durableOffset;
    if (this.#isWritten(ends) && !isBehind) return;
    this.#timer = this.#timers.after(CHECKPOINT_INTERVAL_MS, () => {
      this.#timer = undefined;
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined;
        this.poke();
      });
    });
  }

  /** No timer fires after this; what is in flight is awaited. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#writing;
  }

  async #write(): Promise<void> {
    const ends = this.#source.ends();
    if (this.#isWritten(ends)) return;
    try {
      await this.#checkpoint.write(ends, this.#clock.nowMs());
    } catch (error) {
      if (!isDiskError(error)) throw error;
      this.#source.onFailure(error);
    }
  }

  #isWritten({ durableOffset, confirmOffset }: LogEnds): boolean {
    return (
      this.#checkpoint.durableOffset === durableOffset &&
      this.#checkpoint.confirmOffset === confirmOffset
    );
  }
}
