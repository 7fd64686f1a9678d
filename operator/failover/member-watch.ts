import type { Clock } from '../../common/environment/clock.ts';
import type { Timers } from '../../common/environment/timers.ts';
import type { RateLimitedLog } from '../../common/log/rate-limited-log.ts';
import type { MemberStatus } from '../../common/model/broker-group.ts';
import { retryMs } from './controller-timings.ts';
import type { MemberClient } from './member-client.ts';
import type { ProcessWitness } from './process-witness.ts';
import { Wake } from './wake.ts';

export interface MemberWatchPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: RateLimitedLog;
  readonly witness: ProcessWitness;
  readonly longPollMs: number;
  /** Something new is known. */
  readonly onSeen: () => void;
}

interface Answer {
  readonly status: MemberStatus;
  readonly sequence: number;
}

/** Between two questions: bounds what a member costs that changes, or answers, all the time. */
const GAP_MS = 20;
/** A member that comes back is seen within this. */
const RETRY_CAP_MS = 500;

/** Asks one member again and again how it is, and the witness which of its runs are over. */
export class MemberWatch {
  readonly client: MemberClient;
  answer: Answer | undefined;
  /** On the monotonic clock of this process. */
  answeredMs = -Infinity;
  hasFailed = false;
  endedRuns: readonly string[] = [];
  readonly #brokerName: string;
  readonly #ports: MemberWatchPorts;
  readonly #sequence: () => number;
  readonly #wake: Wake;
  #failures = 0;
  #isStopped = false;

  constructor(
    brokerName: string,
    client: MemberClient,
    sequence: () => number,
    ports: MemberWatchPorts,
  ) {
    this.#brokerName = brokerName;
    this.client = client;
    this.#sequence = sequence;
    this.#ports = ports;
    this.#wake = new Wake(ports.timers);
  }

  /** Resolves after `stop`; never rejects. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      const isAnswered = await this.ask(this.#ports.longPollMs);
      if (!isAnswered) await this.lookForEnd();
      const pauseMs = Math.min(retryMs(this.#failures), RETRY_CAP_MS);
      await this.#wake.sleep(isAnswered ? GAP_MS : pauseMs);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#wake.signal();
    this.client.close();
  }

  /** With `waitMs` 0 it is answered at once. False: it did not answer, or it is not whom we mean. */
  async ask(waitMs: number): Promise<boolean> {
    const question = this.begin();
    // A failure may be the end of a run, and the next one counts from the start.
    const knownVersion = waitMs === 0 || this.hasFailed ? 0 : this.#knownVersion();
    try {
      return this.take(question, await this.client.status({ knownVersion, waitMs }));
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  /** Place of a question that is sent now. */
  begin(): number {
    return this.#sequence();
  }

  /** What it said in answer to anything. An answer to an older question never replaces one to a newer one. */
  take(sequence: number, status: MemberStatus): boolean {
    const { name, address } = this.client.member;
    if (status.brokerName !== this.#brokerName || status.memberName !== name) {
      const is = `${status.memberName} of group ${status.brokerName}`;
      const message = 'another member answers at this address: it is ignored';
      const fields = { group: this.#brokerName, member: name, ...address, is };
      this.#ports.log.log('error', `identity ${name}`, message, fields);
      this.hasFailed = true;
      return false;
    }
    this.hasFailed = false;
    this.#failures = 0;
    this.answeredMs = this.#ports.clock.monotonicMs();
    if (this.#isNewer(sequence, status)) this.answer = { status, sequence };
    this.#ports.onSeen();
    return true;
  }

  failed(error: unknown): void {
    this.hasFailed = true;
    this.#failures += 1;
    if (!this.#isStopped) {
      const { name } = this.client.member;
      const fields = { group: this.#brokerName, member: name, error };
      this.#ports.log.log(
        'warn',
        `member ${name}`,
        'a member does not answer; it is asked again',
        fields,
      );
    }
    this.#ports.onSeen();
  }

  async lookForEnd(): Promise<void> {
    const { name } = this.client.member;
    try {
      const ended = await this.#ports.witness.endedRuns(this.#brokerName, name);
      const isNew = ended.some((run) => !this.endedRuns.includes(run));
      this.endedRuns = ended;
      if (isNew) this.#ports.onSeen();
    } catch (error) {
      const fields = { group: this.#brokerName, member: name, error };
      this.#ports.log.log('warn', `witness ${name}`, 'the witness of processes fails', fields);
    }
  }

  /** Within a run the version tells; a long poll that waits is answered later than it was sent. */
  #isNewer(sequence: number, status: MemberStatus): boolean {
    const known = this.answer;
    if (known === undefined) return true;
    if (known.status.runId !== status.runId) return sequence > known.sequence;
    if (known.status.statusVersion !== status.statusVersion) {
      return status.statusVersion > known.status.statusVersion;
    }
    return sequence >= known.sequence;
  }

  #knownVersion(): number {
    return this.answer?.status.statusVersion ?? 0;
  }
}
