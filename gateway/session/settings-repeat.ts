/**
 * Sends a Settings answer again to clients that may have lost the first one. See docs/adr for the race in the Node client: it
 * begins to wait for Settings only after it has fetched the routes of all its topics, and drops what came before.
 */
import type { TimerHandle, Timers } from '../../common/environment/timers.ts';

/** Since the first answer. The early ones make starts quick, the later ones cover slow route queries and busy machines. */
const REPEAT_AFTER_MS: readonly number[] = [
  50, 150, 400, 1_000, 2_500, 5_000, 9_000, 15_000, 30_000,
];

export class SettingsRepeat {
  readonly #timers: Timers;
  readonly #send: () => void;
  #next = 0;
  #timer: TimerHandle | undefined;
  #isSettled = false;

  constructor(timers: Timers, send: () => void) {
    this.#timers = timers;
    this.#send = send;
  }

  /** The first answer has been sent. Later answers on the same stream start nothing anew. */
  start(): void {
    if (this.#timer !== undefined || this.#next > 0 || this.#isSettled) return;
    this.#schedule(0);
  }

  /**
   * The client has sent a heartbeat. It sets the timer for that in the same turn in which it begins to wait, so one more answer
   * surely meets a waiting client, and no other is needed.
   */
  settle(): void {
    if (this.#isSettled) return;
    this.stop();
    this.#send();
  }

  /** The stream is over. */
  stop(): void {
    this.#isSettled = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #schedule(afterMs: number): void {
    const atMs = REPEAT_AFTER_MS[this.#next];
    if (atMs === undefined) return;
    this.#next += 1;
    this.#timer = this.#timers.after(atMs - afterMs, () => {
      this.#send();
      this.#schedule(atMs);
    });
  }
}
