import type { SimEvent, SimProcess } from './event-queue.ts';
import type { Scheduler } from './scheduler.ts';

/** One life of a simulated node. After `kill` nothing that it started happens any more. */
export class SimProcessLife implements SimProcess {
  readonly name: string;
  readonly #scheduler: Scheduler;
  #deferred: SimEvent[] = [];
  #isAlive = true;
  #isStopped = false;

  constructor(name: string, scheduler: Scheduler) {
    this.name = name;
    this.#scheduler = scheduler;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  kill(): void {
    this.#isAlive = false;
    this.#deferred = [];
  }

  /** As SIGSTOP does: time goes on, the process does not notice until `continue`. */
  stop(): void {
    this.#isStopped = true;
  }

  continue(): void {
    this.#isStopped = false;
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const event of deferred) {
      this.#scheduler.schedule(0, event.label, () => event.run?.(), this);
    }
  }

  defer(event: SimEvent): void {
    this.#deferred.push(event);
  }
}
