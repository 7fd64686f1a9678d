import type { Environment } from '../../common/environment/environment.ts';
import type { TimerHandle } from '../../common/environment/timers.ts';
import type { Component } from '../../common/lifecycle/lifecycle.ts';
import { RateLimitedLog } from '../../common/log/rate-limited-log.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { BrokerReportAck, NumberedReport } from '../../common/model/broker-report.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import { BrokerRegistry } from './core/broker-registry.ts';
import type { ConfigurationCopy } from './core/configuration-copy.ts';
import type { Absence, Member } from './core/member.ts';

/** Looks for silent brokers so often per expiry: they leave at most this fraction of it too late. */
const SCANS_PER_EXPIRY = 10;
const RUN_ID_BYTES = 8;
const REGISTERED_WITHIN_MS = 1_000;
const WAITERS_MAX = 1_000;

const DOWN_TEXT: Readonly<Record<Absence, string>> = {
  gone: 'broker left: it is stopping',
  silent: 'broker left the routes: no heartbeat',
  unknown: 'broker left the routes: its configuration is not known',
};

/** The registry over real time, with its lines in the log. */
export class RegistryService implements Component {
  readonly name = 'registry';
  readonly order = 'brokers register as soon as the port is open';
  readonly registry: BrokerRegistry;
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  readonly #options: Pick<NodeOptions, 'clusterName' | 'heartbeatExpiryMs'>;
  readonly #startMs: number;
  readonly #waiters = new Set<() => void>();
  #streamCount = 0;
  #scan: TimerHandle | undefined;

  constructor(
    options: Pick<NodeOptions, 'clusterName' | 'heartbeatExpiryMs'>,
    environment: Pick<Environment, 'clock' | 'timers' | 'random'>,
    logger: Logger,
  ) {
    this.#options = options;
    this.#environment = environment;
    this.#startMs = environment.clock.monotonicMs();
    const refusals = new RateLimitedLog(logger, environment.clock);
    this.registry = new BrokerRegistry(
      {
        clusterName: options.clusterName,
        heartbeatExpiryMs: options.heartbeatExpiryMs,
        runId: environment.random.bytes(RUN_ID_BYTES).toString('hex'),
      },
      {
        brokerUp: (member) => {
          logger.info('broker joined the routes', { ...identity(member), ...counts(member) });
        },
        brokerDown: (member, absence) => {
          const level = absence === 'gone' ? 'info' : 'warn';
          const silentMs = Math.round(this.#nowMs() - member.lastHeardMs);
          logger[level](DOWN_TEXT[absence], { ...identity(member), silentMs });
        },
        brokerForgotten: (member) => {
          logger.info('broker forgotten: it was away for too long', identity(member));
        },
        brokerRefused: (brokerName, reason) => {
          refusals.log('warn', `${brokerName} ${reason}`, 'broker refused', { brokerName, reason });
        },
      },
    );
  }

  /**
   * Why what is not known here may exist all the same: a NameServer keeps nothing on disk, and until one expiry has passed a
   * broker may live that has not found it yet. Undefined from then on.
   */
  warmUpReason(): string | undefined {
    const leftMs = this.#startMs + this.#options.heartbeatExpiryMs - this.#nowMs();
    if (leftMs <= 0) return undefined;
    return `started just now, brokers may still register for ${Math.ceil(leftMs)} ms`;
  }

  /** A new stream of a broker. */
  openStream(): number {
    return ++this.#streamCount;
  }

  report(stream: number, report: NumberedReport): BrokerReportAck {
    const ack = this.registry.report(stream, report, this.#nowMs());
    if (report.report.kind === 'delta') this.#wakeWaiters();
    return ack;
  }

  /**
   * Resolves when what is registered of all these brokers satisfies `isDone`, and after a short while in any case: a broker
   * tells within milliseconds, and who waits has already been served.
   */
  whenRegistered(
    brokerNames: readonly string[],
    isDone: (configuration: ConfigurationCopy) => boolean,
  ): Promise<void> {
    const isSatisfied = (): boolean =>
      brokerNames.every((name) => {
        const member = this.registry.member(name);
        return member === undefined || isDone(member.configuration);
      });
    if (isSatisfied() || this.#waiters.size >= WAITERS_MAX) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiters.delete(waiter);
        timer.cancel();
        resolve();
      };
      const timer = this.#environment.timers.after(REGISTERED_WITHIN_MS, done);
      const waiter = (): void => {
        if (isSatisfied()) done();
      };
      this.#waiters.add(waiter);
    });
  }

  closed(stream: number): void {
    this.registry.closed(stream);
  }

  start(): Promise<void> {
    this.#scheduleScan();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#scan?.cancel();
    return Promise.resolve();
  }

  #wakeWaiters(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  #scheduleScan(): void {
    const afterMs = this.#options.heartbeatExpiryMs / SCANS_PER_EXPIRY;
    this.#scan = this.#environment.timers.after(afterMs, () => {
      this.registry.expire(this.#nowMs());
      this.#scheduleScan();
    });
  }

  #nowMs(): number {
    return this.#environment.clock.monotonicMs();
  }
}

function identity({ name, hello }: Member): Readonly<Record<string, unknown>> {
  const { host, port } = hello.advertised;
  return { broker: name, address: `${host}:${port}`, epoch: hello.epoch };
}

function counts({ configuration, hello }: Member): Readonly<Record<string, unknown>> {
  const { topics, groups } = configuration;
  return { topics: topics.size, groups: groups.size, version: hello.version };
}
