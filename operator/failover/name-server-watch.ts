import type { Clock } from '../../common/environment/clock.ts';
import type { Timers } from '../../common/environment/timers.ts';
import type { RateLimitedLog } from '../../common/log/rate-limited-log.ts';
import type { HeardMembers } from '../../common/model/witness.ts';
import type { NameServerClient } from './name-server-client.ts';
import { Wake } from './wake.ts';

export interface WatchPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: RateLimitedLog;
  readonly intervalMs: number;
  /** Something new is known. */
  readonly onSeen: () => void;
}

/** The last answer of a NameServer. */
export interface HeardAnswer {
  readonly heard: HeardMembers;
  /** Both on the monotonic clock of this process. */
  readonly askedMs: number;
  readonly answeredMs: number;
  /** Place of the question among all questions of this process. */
  readonly sequence: number;
}

/** Asks one NameServer again and again what it has heard of all groups. */
export class NameServerWatch {
  readonly client: NameServerClient;
  answer: HeardAnswer | undefined;
  readonly #ports: WatchPorts;
  readonly #sequence: () => number;
  readonly #wake: Wake;
  #isStopped = false;

  constructor(client: NameServerClient, sequence: () => number, ports: WatchPorts) {
    this.client = client;
    this.#sequence = sequence;
    this.#ports = ports;
    this.#wake = new Wake(ports.timers);
  }

  /** Resolves after `stop`; never rejects. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      await this.#ask();
      await this.#wake.sleep(this.#ports.intervalMs);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake.signal();
    this.client.close();
  }

  async #ask(): Promise<void> {
    const { clock, log, onSeen } = this.#ports;
    const sequence = this.#sequence();
    const askedMs = clock.monotonicMs();
    try {
      const heard = await this.client.listMembers([]);
      this.answer = { heard, askedMs, answeredMs: clock.monotonicMs(), sequence };
      onSeen();
    } catch (error) {
      const { address } = this.client;
      if (this.#isStopped) return;
      const message = 'a NameServer does not answer; it is asked again';
      log.log('warn', `namesrv ${address}`, message, { address, error });
    }
  }
}
