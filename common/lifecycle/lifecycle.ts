import { assert } from '../assert.ts';
import type { Clock } from '../environment/clock.ts';
import type { Timers } from '../environment/timers.ts';
import { MqError } from '../errors/mq-error.ts';
import type { Logger } from '../log/logger.ts';

/** A part of a node that is started once and stopped once. */
export interface Component {
  /** As a person would call it: "commit log". */
  readonly name: string;
  /** Why it starts after the one before it, and so stops before it. */
  readonly order: string;
  start(): Promise<void>;
  /** Ends what it does and releases what it holds. Called only after `start` has succeeded. */
  stop(): Promise<void>;
}

export interface LifecyclePorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  /** Time that all stops together may take. */
  readonly graceMs: number;
}

/**
 * Starts components in the order in which they are given and stops them in the opposite one. A start that fails stops
 * what had started. Stopping never takes longer than the grace: what is still open then is named and left.
 */
export class Lifecycle {
  readonly #ports: LifecyclePorts;
  readonly #started: Component[] = [];
  #stopping: Promise<void> | undefined;

  constructor(ports: LifecyclePorts) {
    this.#ports = ports;
  }

  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  async start(components: readonly Component[]): Promise<void> {
    for (const component of components) {
      if (this.isStopping) return;
      try {
        const startMs = this.#ports.clock.monotonicMs();
        await component.start();
        this.#started.push(component);
        const tookMs = Math.round(this.#ports.clock.monotonicMs() - startMs);
        this.#ports.logger.debug(`${component.name} started`, { tookMs, order: component.order });
      } catch (error) {
        await this.stop();
        throw error;
      }
    }
  }

  /** Idempotent; all callers wait for the same stop. Rejects with `stop-timeout` when the grace is over. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopWithin(this.#ports.graceMs);
    return this.#stopping;
  }

  async #stopWithin(graceMs: number): Promise<void> {
    const stopped = this.#stopAll();
    let giveUp: () => void = () => undefined;
    const timedOut = new Promise<'timeout'>((resolve) => {
      giveUp = (): void => resolve('timeout');
    });
    const timer = this.#ports.timers.after(graceMs, () => giveUp());
    const outcome = await Promise.race([stopped, timedOut]);
    timer.cancel();
    if (outcome === 'timeout') {
      const what = this.#started.map(({ name }) => name).join(', ');
      throw new MqError('stop-timeout', { graceMs, what });
    }
    if (outcome !== undefined) throw outcome;
  }

  /** Stops everything, also when a stop fails: the first failure is the result. Never rejects. */
  async #stopAll(): Promise<Error | undefined> {
    let failure: Error | undefined;
    for (let component = this.#started.at(-1); component; component = this.#started.at(-1)) {
      try {
        await component.stop();
      } catch (error) {
        this.#ports.logger.error(`${component.name} did not stop cleanly`, { error });
        failure ??= error as Error;
      }
      assert(this.#started.pop() === component, 'components stop one after the other');
    }
    return failure;
  }
}
