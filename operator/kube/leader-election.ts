import type { Clock } from '../../common/environment/clock.ts';
import type { Random } from '../../common/environment/random.ts';
import type { Timers } from '../../common/environment/timers.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Metrics } from '../../common/metrics/metrics.ts';
import { LeaseView } from './core/lease-view.ts';
import type { KubeClient } from './kube-client.ts';
import { isKubeError } from './kube-error.ts';
import { pause } from './pause.ts';
import { RESOURCES, type Lease } from './resource.ts';

export interface LeaderElectionPorts {
  /** Of its own: no other call may use up its rate. */
  readonly client: Pick<KubeClient, 'find' | 'create' | 'replace'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  /** Not kept beyond `stop`: give a scope. */
  readonly metrics: Metrics;
  /** Ends the process: a leader that is none any more must not go on. */
  readonly onFatal: (error: unknown) => void;
}

export interface LeaseTimings {
  /** How long others wait for a holder that does not renew. */
  readonly leaseDurationMs: number;
  /** How long the holder tries to renew before it gives up; less than the lease, so that it knows first. */
  readonly renewDeadlineMs: number;
  /** Between two renewals. */
  readonly retryPeriodMs: number;
  /** Between two looks of a candidate. It is for so long that nobody leads after a leader has given the lease back. */
  readonly lookPeriodMs: number;
}

const LEASE_TIMINGS: LeaseTimings = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
  lookPeriodMs: 500,
};

export interface LeaderElectionOptions {
  readonly namespace: string;
  /** Name of the Lease. */
  readonly name: string;
  /** Unique for each process, also for two with the same pod name. */
  readonly identity: string;
  readonly timings?: LeaseTimings;
}

/** Candidates that wait do so for the period and up to this part more, so that they do not ask together. */
const WAIT_JITTER = 1.2;
const GIVE_BACK_ATTEMPTS_MAX = 3;

/**
 * One leader among several processes, by a Lease, with the rules of client-go; candidates look more often than there. It is no
 * fence: a leader that was frozen may act for a moment after another one has begun, so that writes that matter need a
 * precondition of their own (a version or an epoch). Whoever loses the lease aborts all work by `signal` and ends the process.
 */
export class LeaderElection {
  readonly #ports: LeaderElectionPorts;
  readonly #options: LeaderElectionOptions;
  readonly #timings: LeaseTimings;
  readonly #view: LeaseView;
  /** Aborted when this process is not the leader any more. */
  readonly #leadership = new AbortController();
  readonly #stop = new AbortController();
  #lease: Lease | undefined;
  /** When the renewal began that was the last to succeed; undefined: not the leader. */
  #renewedMs: number | undefined;
  #running: Promise<void> | undefined;
  #onElected: (() => void)[] = [];

  constructor(options: LeaderElectionOptions, ports: LeaderElectionPorts) {
    this.#options = options;
    this.#timings = options.timings ?? LEASE_TIMINGS;
    this.#ports = ports;
    this.#view = new LeaseView(options.identity, this.#timings.leaseDurationMs);
    const lease = options.name;
    ports.metrics.collect('leader', () => [[{ lease }, this.isLeader ? 1 : 0]]);
  }

  /** Whether the lease is held and was renewed within the deadline: by this clock nobody else can have it. */
  get isLeader(): boolean {
    const { clock } = this.#ports;
    return (
      this.#renewedMs !== undefined &&
      !this.#leadership.signal.aborted &&
      clock.monotonicMs() - this.#renewedMs <= this.#timings.renewDeadlineMs
    );
  }

  /** Aborted when leadership ends, for whatever reason. All work of a leader must be given it. */
  get signal(): AbortSignal {
    return this.#leadership.signal;
  }

  #isStopped(): boolean {
    return this.#stop.signal.aborted;
  }

  start(): void {
    this.#running ??= this.#run().catch((error: unknown) => {
      this.#leadership.abort();
      this.#ports.onFatal(error);
    });
  }

  /** Resolves when this process is the leader, or when the election is stopped before: see `isLeader`. */
  async elected(): Promise<void> {
    if (this.isLeader || this.#isStopped()) return;
    await new Promise<void>((resolve) => this.#onElected.push(resolve));
  }

  /** Gives the lease back. The work of the leader must have ended before. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#leadership.abort();
    for (const resolve of this.#onElected.splice(0)) resolve();
    if (this.#renewedMs !== undefined) await this.#giveBack();
    this.#renewedMs = undefined;
  }

  async #run(): Promise<void> {
    const { timers, random, logger } = this.#ports;
    const { lookPeriodMs } = this.#timings;
    const { identity, name: lease } = this.#options;
    while (!this.#isStopped()) {
      if (await this.#tryOnce()) break;
      const jitter = 1 + WAIT_JITTER * (random.uint32() / 2 ** 32);
      await pause(timers, lookPeriodMs * jitter, this.#stop.signal);
    }
    if (this.#isStopped()) return;
    logger.info('this process leads', { lease, identity });
    for (const resolve of this.#onElected.splice(0)) resolve();
    await this.#keep();
  }

  /** Renews until it is stopped, or until it could not for the deadline. */
  async #keep(): Promise<void> {
    const { timers, onFatal } = this.#ports;
    const { retryPeriodMs } = this.#timings;
    while (!this.#isStopped()) {
      await pause(timers, Math.min(retryPeriodMs, this.#leftMs()), this.#stop.signal);
      await this.#tryOnce();
      if (this.#leftMs() > 0) continue;
      if (this.#isStopped()) return;
      this.#renewedMs = undefined;
      this.#leadership.abort();
      onFatal(new MqError('leadership-lost', { lease: this.#options.name }));
      return;
    }
  }

  /** Time that the leader has to renew; nothing when it has lost the lease. */
  #leftMs(): number {
    if (this.#renewedMs === undefined) return 0;
    const untilMs = this.#renewedMs + this.#timings.renewDeadlineMs;
    return Math.max(0, untilMs - this.#ports.clock.monotonicMs());
  }

  /** Gets or renews the lease. False: somebody else has it, or the server did not answer. */
  async #tryOnce(): Promise<boolean> {
    if (this.#isStopped()) return false;
    const { clock, metrics, logger } = this.#ports;
    const lease = this.#options.name;
    const renewals = metrics.counter('leaseRenewals');
    const startMs = clock.monotonicMs();
    try {
      const isHeld = await this.#claim();
      renewals.cell({ lease, result: isHeld ? 'held' : 'taken' }).add();
      // Another holder: what is left of the deadline does not matter.
      this.#renewedMs = isHeld ? startMs : undefined;
      return isHeld;
    } catch (error) {
      if (!isKubeError(error)) throw error;
      renewals.cell({ lease, result: 'failed' }).add();
      this.#lease = undefined;
      logger.warn('the lease could not be had or renewed', { lease, error: error.message });
      return false;
    }
  }

  async #claim(): Promise<boolean> {
    const { client, clock } = this.#ports;
    const { namespace, name } = this.#options;
    const options = this.#callOptions();
    const now = microTime(clock.nowMs());
    // The holder writes without reading: nobody else may have changed the object, and the version shows it.
    const isHolder = this.#renewedMs !== undefined && this.#lease !== undefined;
    const lease = isHolder
      ? this.#lease
      : await client.find(RESOURCES.leases, { namespace, name }, options);
    if (lease === undefined) {
      const spec = this.#view.claim({}, now);
      const { apiVersion, kind } = RESOURCES.leases;
      const fresh = { apiVersion, kind, metadata: { namespace, name }, spec };
      this.#remember(await client.create(RESOURCES.leases, fresh, options));
      return true;
    }
    const record = lease.spec ?? {};
    const verdict = this.#view.observe(record, clock.monotonicMs());
    if (verdict.kind === 'taken') return false;
    const next = { ...lease, spec: this.#view.claim(record, now) };
    this.#remember(await client.replace(RESOURCES.leases, next, options));
    return true;
  }

  #remember(lease: Lease): void {
    this.#lease = lease;
    this.#view.observe(lease.spec ?? {}, this.#ports.clock.monotonicMs());
  }

  /** Others need not wait for the lease to run out. That it did not work is no reason not to stop. */
  async #giveBack(): Promise<void> {
    const { logger } = this.#ports;
    for (let attempt = 1; ; attempt++) {
      try {
        const isReleased = await this.#release();
        if (isReleased) logger.info('the lease is given back', { lease: this.#options.name });
        return;
      } catch (error) {
        // A renewal that was given up half-way may arrive between our look and our write.
        if (isKubeError(error, 'conflict') && attempt < GIVE_BACK_ATTEMPTS_MAX) continue;
        logger.warn('the lease could not be given back: the next leader waits for its end', {
          error,
        });
        return;
      }
    }
  }

  /** False: it is not ours any more. What is stored counts, since a renewal may have been given up half-way. */
  async #release(): Promise<boolean> {
    const { client, clock } = this.#ports;
    const { namespace, name, identity } = this.#options;
    const { retryPeriodMs: timeoutMs } = this.#timings;
    const lease = await client.find(RESOURCES.leases, { namespace, name }, { timeoutMs });
    if (lease?.spec?.holderIdentity !== identity) return false;
    const spec = this.#view.release(lease.spec, microTime(clock.nowMs()));
    await client.replace(RESOURCES.leases, { ...lease, spec }, { timeoutMs });
    return true;
  }

  /** A call must end early enough for another try before the deadline, and with the deadline. */
  #callOptions(): { readonly timeoutMs: number; readonly signal: AbortSignal } {
    const halfMs = this.#timings.renewDeadlineMs / 2;
    const timeoutMs = this.#renewedMs === undefined ? halfMs : Math.min(halfMs, this.#leftMs());
    return { timeoutMs, signal: this.#stop.signal };
  }
}

/** RFC 3339 with microseconds, as meta/v1 MicroTime wants it. */
function microTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace('Z', '000Z');
}
