/**
 * Keeps DIR/checkpoint near the durable end: one write at a time, at most one per interval, none while nothing moves. A
 * failed write costs only evidence, never data; it is told to the listener and tried again after the next interval.
 */
import type { PhysicalOffset } from '../../common/model/offsets.ts';
import type { Clock } from '../../common/environment/clock.ts';
import type { TimerHandle, Timers } from '../../common/environment/timers.ts';
import type { Checkpoint } from './checkpoint.ts';
import { isDiskError } from './store-error.ts';

/** How much of the log a restart may have to write again (recovery.ts), in time. */
const CHECKPOINT_INTERVAL_MS = 1000;

export interface LogEnds {
  durableOffset: PhysicalOffset;
  confirmOffset: PhysicalOffset;
}

export class CheckpointWriter {
  readonly #checkpoint: Checkpoint;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #ends: () => LogEnds;
  readonly #onFailure: (error: { code: string; message: string }) => void;
  #timer: TimerHandle | undefined;
  #writing: Promise<void> | undefined;
  #isStopped = false;

  constructor(
    checkpoint: Checkpoint,
    environment: { clock: Clock; timers: Timers },
    ends: () => LogEnds,
    onFailure: (error: { code: string; message: string }) => void,
  ) {
    this.#checkpoint = checkpoint;
    this.#clock = environment.clock;
    this.#timers = environment.timers;
    this.#ends = ends;
    this.#onFailure = onFailure;
  }

  /**
   * The durable end may have moved. Nobody says when the confirmed end does: while it is behind the durable one, the timer
   * looks for it.
   */
  poke(): void {
    if (this.#isStopped || this.#timer !== undefined || this.#writing !== undefined) return;
    const { durableOffset, confirmOffset } = this.#checkpoint;
    if (durableOffset === this.#ends().durableOffset && confirmOffset === durableOffset) return;
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
    const { durableOffset, confirmOffset } = this.#ends();
    const isWritten =
      this.#checkpoint.durableOffset === durableOffset &&
      this.#checkpoint.confirmOffset === Math.min(confirmOffset, durableOffset);
    if (isWritten) return;
    try {
      await this.#checkpoint.write(durableOffset, confirmOffset, this.#clock.nowMs());
    } catch (error) {
      if (!isDiskError(error)) throw error;
      this.#onFailure(error);
    }
  }
}
