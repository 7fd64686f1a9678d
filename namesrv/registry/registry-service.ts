import type { Environment } from '../../common/environment/environment.ts';
import type { TimerHandle } from '../../common/environment/timers.ts';
import type { Component } from '../../common/lifecycle/lifecycle.ts';
import { RateLimitedLog } from '../../common/log/rate-limited-log.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { BrokerReportAck, NumberedReport } from '../../common/model/broker-report.ts';
import type { EpochRevocation, HeardMembers } from '../../common/model/witness.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import type { Absence, BrokerGroup } from './core/broker-group.ts';
import { BrokerRegistry } from './core/broker-registry.ts';
import type { ConfigurationCopy } from './core/configuration-copy.ts';

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
  readonly #processListeners = new Set<() => void>();
  readonly #masterListeners = new Set<(brokerName: string) => void>();
  #streamCount = 0;
  #scan: TimerHandle | undefined;

  constructor(
    options: Pick<NodeOptions, 'clusterName' | 'heartbeatExpiryMs'>,
    environment: Pick<Environment, 'clock' | 'timers' | 'random'>,
    logger: Logger,
    onEpochRefused: (brokerName: string) => void = () => undefined,
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
        startMs: this.#startMs,
      },
      {
        groupUp: (group) => {
          logger.info('broker joined the routes', { ...identity(group), ...counts(group) });
        },
        groupDown: (group, absence) => {
          const level = absence === 'gone' ? 'info' : 'warn';
          const heardMs = Math.max(...[...group.members.values()].map((m) => m.lastHeardMs));
          const silentMs = Math.round(this.#nowMs() - heardMs);
          logger[level](DOWN_TEXT[absence], { ...identity(group), silentMs });
        },
        groupForgotten: (group) => {
          logger.info('broker forgotten: it was away for too long', identity(group));
        },
        memberRefused: (broker, member, reason) => {
          const fields = { broker, ...(member === '' ? {} : { member }), reason };
          refusals.log('warn', `${broker} ${member} ${reason}`, 'broker refused', fields);
        },
        epochRefused: onEpochRefused,
        newMaster: (group, master) => {
          if (group.isReplicated) {
            logger.info('broker group has a master', { ...identity(group), member: master.name });
          }
          for (const listener of [...this.#processListeners]) listener();
        },
        masterChanged: ({ name }) => {
          for (const listener of [...this.#masterListeners]) listener(name);
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
        const group = this.registry.broker(name);
        return group === undefined || isDone(group.configuration);
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

  /** What the failover controller is told of these groups, or of all. */
  heardMembers(brokerNames: readonly string[]): HeardMembers {
    const nowMs = this.#nowMs();
    const isAsked = (name: string): boolean =>
      brokerNames.length === 0 || brokerNames.includes(name);
    const members = this.registry.groups
      .filter(({ name }) => isAsked(name))
      .flatMap((group) => [...group.members.values()]);
    return {
      nameServerRunId: this.registry.runId,
      upMs: Math.round(nowMs - this.#startMs),
      heartbeatExpiryMs: this.#options.heartbeatExpiryMs,
      members: members.map((member) => ({
        brokerName: member.hello.brokerName,
        memberName: member.name,
        runId: member.hello.runId,
        epoch: member.epoch,
        isSlave: member.isSlave,
        memberAddress: member.hello.memberAddress,
        silentMs: Math.round(nowMs - member.lastHeardMs),
        isConnected: member.stream !== undefined,
        isGone: member.presence === 'gone',
        logEndOffset: member.heartbeat?.logEndOffset ?? 0,
        confirmOffset: member.heartbeat?.confirmOffset ?? 0,
      })),
    };
  }

  /** By the failover controller: lower epochs of the group are over. */
  revokeEpoch(brokerName: string, epoch: number): EpochRevocation {
    return this.registry.revoke(brokerName, epoch, this.#nowMs());
  }

  /** The listener is called when requests of a group may have to go elsewhere. Returns what ends that. */
  watchMasters(listener: (brokerName: string) => void): () => void {
    this.#masterListeners.add(listener);
    return () => this.#masterListeners.delete(listener);
  }

  /** The listener is called when another process serves a group: a new master, or a broker that has started anew. */
  watchProcesses(listener: () => void): () => void {
    this.#processListeners.add(listener);
    return () => this.#processListeners.delete(listener);
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

function identity({ name, epoch, advertised }: BrokerGroup): Readonly<Record<string, unknown>> {
  const address = advertised === undefined ? '' : `${advertised.host}:${advertised.port}`;
  return { broker: name, address, epoch };
}

function counts({ configuration, face }: BrokerGroup): Readonly<Record<string, unknown>> {
  const { topics, groups } = configuration;
  return { topics: topics.size, groups: groups.size, version: face?.hello.version };
}
