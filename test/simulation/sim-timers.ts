import type { TimerHandle, Timers } from '../../common/environment/timers.ts';
import type { SimProcess } from './event-queue.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimClock } from './sim-clock.ts';

/** How late timers fire: an event loop is never exact. */
export interface TimerLateness {
  random: SeededRandom;
  meanMs: number;
}

/** Timers of one life of a node, measured by its own clock. */
export class SimTimers implements Timers {
  readonly #scheduler: Scheduler;
  readonly #clock: SimClock;
  readonly #process: SimProcess;
  readonly #lateness: TimerLateness | undefined;

  constructor(
    scheduler: Scheduler,
    clock: SimClock,
    process: SimProcess,
    lateness?: TimerLateness,
  ) {
    this.#scheduler = scheduler;
    this.#clock = clock;
    this.#process = process;
    this.#lateness = lateness;
  }

  after(delayMs: number, task: () => void): TimerHandle {
    if (!(delayMs >= 0 && delayMs < Number.MAX_SAFE_INTEGER)) {
      throw new RangeError(`timer delay ${delayMs} ms`);
    }
    const late = this.#lateness?.random.exponential(this.#lateness.meanMs) ?? 0;
    const dueInMs = this.#clock.trueDelayMs(delayMs) + late;
    const event = this.#scheduler.schedule(dueInMs, 'timer', task, this.#process);
    return { cancel: () => void (event.run = undefined) };
  }

  soon(task: () => void): void {
    this.#scheduler.schedule(0, 'soon', task, this.#process);
  }
}
