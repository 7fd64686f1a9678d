import type { Environment } from '../../common/environment/environment.ts';
import type { TimerHandle, Timers } from '../../common/environment/timers.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { HandOverOrder } from '../../common/model/member-orders.ts';
import type { MemberTerm } from './member-term.ts';
import type { Broker } from '../broker.ts';
import type { CommitPipeline } from '../state/commit-pipeline.ts';

export interface HandOverPorts {
  readonly timers: Timers;
  readonly logger: Logger;
  /** Writes are taken again. */
  onEnd(): void;
}

/** What it may last beyond its time: a controller that went away must not keep a group from writing. */
const GRACE_MS = 2_000;

/**
 * While it still serves: a master that hands over opens its data anew to follow, and with synchronous replication the next one
 * begins when it does. Returns what is left of the time.
 */
export async function prepareHandOver(
  broker: Broker,
  { timeoutMs }: HandOverOrder,
  { clock }: Pick<Environment, 'clock'>,
): Promise<number> {
  const startMs = clock.monotonicMs();
  await broker.shortenNextOpen(timeoutMs * PREPARATION_PART);
  return Math.max(0, timeoutMs - (clock.monotonicMs() - startMs));
}

/** Of the time that a hand-over may take. */
const PREPARATION_PART = 1 / 2;

/** A master takes no new writes from the moment this is made, until another one takes over or it ends. */
export class HandOver {
  readonly #term: MemberTerm;
  readonly #pipeline: CommitPipeline;
  readonly #ports: HandOverPorts;
  #timer: TimerHandle | undefined;

  constructor(of: { term: MemberTerm; pipeline: CommitPipeline }, ports: HandOverPorts) {
    this.#term = of.term;
    this.#pipeline = of.pipeline;
    this.#ports = ports;
    this.#term.phase = 'handing-over';
    this.#pipeline.pause();
  }

  /** Waits until the target has the whole log; answers why it has not. Ends by itself when nobody takes over then. */
  async targetHasAll({ targetMember, timeoutMs }: HandOverOrder): Promise<string | undefined> {
    this.#timer = this.#ports.timers.after(timeoutMs + GRACE_MS, () => {
      this.end('nobody came to take over');
    });
    if (await this.#term.replication.whenCaughtUp(targetMember, timeoutMs)) return undefined;
    this.end(`${targetMember} did not catch up`);
    return `${targetMember} did not catch up within ${timeoutMs} ms`;
  }

  /** The term is over: there is nothing to go back to. */
  cancel(): void {
    this.#timer?.cancel();
  }

  /** This member stays the master. */
  end(reason: string): void {
    this.#timer?.cancel();
    if (this.#term.phase !== 'handing-over') return;
    this.#term.phase = 'master';
    this.#pipeline.resume();
    this.#ports.logger.warn('hand-over ended, this member stays the master', { reason });
    this.#ports.onEnd();
  }
}
