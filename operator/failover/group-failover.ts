import { isMqError, MqError } from '../../common/errors/mq-error.ts';
import { thrown } from '../../common/errors/thrown.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { GroupMember } from '../../common/model/broker-group.ts';
import { isSameAddress } from '../../common/options/parse-value.ts';
import { retryMs } from './controller-timings.ts';
import { isChanging, type GroupRecord } from './core/group-record.ts';
import type { GroupSpec } from './core/group-spec.ts';
import type { GroupObservation } from './core/observation.ts';
import { allMembers } from './core/orders.ts';
import { planGroup, type Plan } from './core/plan-group.ts';
import { isRemark } from './core/record-change.ts';
import type { FailoverMetrics } from './failover-metrics.ts';
import type { SharedPorts } from './failover-ports.ts';
import { GroupEyes } from './group-eyes.ts';
import type { StoredGroup } from './group-store.ts';
import { tellChange } from './tell-change.ts';
import { MemberClient } from './member-client.ts';
import { MemberWatch } from './member-watch.ts';
import type { NameServerWatch } from './name-server-watch.ts';
import { OrderSender } from './order-sender.ts';
import { Wake, within } from './wake.ts';

/** Changes stored one right after the other; a failover has half as many. After that the group waits for its interval. */
const CHANGES_IN_A_ROW_MAX = 12;
const REMARK_INTERVAL_MS = 5_000;
/** For the answers of members when somebody asks about the group. */
const REFRESH_MS = 1_000;

interface Watched {
  readonly watch: MemberWatch;
  readonly ended: Promise<void>;
}

/** One group: looks, plans, and does one thing at a time, for as long as it is configured. */
export class GroupFailover {
  readonly brokerName: string;
  readonly #ports: SharedPorts;
  readonly #metrics: FailoverMetrics;
  readonly #logger: Logger;
  readonly #nameServers: () => readonly NameServerWatch[];
  readonly #eyes: GroupEyes;
  readonly #sender: OrderSender;
  readonly #wake: Wake;
  readonly #members = new Map<string, Watched>();
  #spec: GroupSpec;
  /** As it was last read or stored here. */
  #record: GroupRecord | undefined;
  #failures = 0;
  /** When this controller last stored nothing but what is in the way. */
  #remarkedMs = -Infinity;
  #changesInARow = 0;
  #isStopped = false;

  constructor(
    spec: GroupSpec,
    nameServers: () => readonly NameServerWatch[],
    metrics: FailoverMetrics,
    ports: SharedPorts,
  ) {
    const { environment, floodLog, timings, sequence } = ports;
    this.brokerName = spec.brokerName;
    this.#spec = spec;
    this.#ports = ports;
    this.#metrics = metrics;
    this.#logger = ports.logger.child('failover', { group: spec.brokerName });
    this.#nameServers = nameServers;
    this.#wake = new Wake(environment.timers);
    this.#eyes = new GroupEyes(environment.clock, timings, () => sequence());
    this.#sender = new OrderSender({
      clock: environment.clock,
      log: floodLog,
      eyes: this.#eyes,
      member: (name) => this.#members.get(name)?.watch,
      nameServer: (address) => nameServers().find(({ client }) => client.address === address),
      onSeen: () => this.wake(),
    });
    this.#watchMembers(spec.members);
  }

  /** Whether the master is being changed, as far as is known here. */
  get isChanging(): boolean {
    return this.#record !== undefined && isChanging(this.#record);
  }

  /** Something has happened that it should look at. */
  wake(): void {
    this.#wake.signal();
  }

  configure(spec: GroupSpec): void {
    this.#spec = spec;
    this.wake();
  }

  /** Resolves after `stop`; never rejects. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      const pauseMs = await this.#turn();
      if (pauseMs > 0) await this.#wake.sleep(pauseMs);
    }
    await Promise.all([...this.#members.values()].map(({ ended }) => ended));
  }

  stop(): void {
    this.#isStopped = true;
    for (const { watch } of this.#members.values()) watch.stop();
    this.wake();
  }

  /** What is stored now; undefined before the group was first looked at. */
  async read(): Promise<StoredGroup | undefined> {
    const stored = await this.#ofStore('read', this.#ports.store.read(this.brokerName));
    this.#eyes.recordSeen(stored);
    this.#record = stored?.record;
    this.#metrics.seen(this.brokerName, stored?.record);
    return stored;
  }

  /** What has been seen, as it looks to this record. */
  observe(stored: StoredGroup | undefined): GroupObservation {
    const watches = new Map([...this.#members].map(([name, { watch }]) => [name, watch]));
    return this.#eyes.observe(stored, this.#spec, watches, this.#nameServers());
  }

  /** Asks all members how they are now; one that does not answer is not waited for. */
  async refresh(): Promise<void> {
    const asked = [...this.#members.values()].map(({ watch }) => watch.ask(0));
    const { timers } = this.#ports.environment;
    const late = new Promise<void>((resolve) => timers.after(REFRESH_MS, resolve));
    await Promise.race([Promise.all(asked), late]);
  }

  /** Compare-and-swap, with its line in the log. */
  async store(before: StoredGroup | undefined, record: GroupRecord, why: string): Promise<boolean> {
    const write = this.#ports.store.write(this.brokerName, record, before?.version);
    const outcome = await this.#ofStore('stored', write);
    if (outcome === 'conflict') {
      this.#logger.info('another controller was faster', { why });
      return false;
    }
    this.#record = record;
    tellChange(this.#logger, before?.record, record, why);
    this.#metrics.stored(before?.record, record);
    this.wake();
    return true;
  }

  /** Bounded in time; what fails is told as a trouble of the store. */
  async #ofStore<Value>(action: 'read' | 'stored', work: Promise<Value>): Promise<Value> {
    const { environment, timings } = this.#ports;
    try {
      return await within(environment.timers, timings.storeTimeoutMs, work);
    } catch (error) {
      if (isMqError(error)) throw error;
      const fields = { group: this.brokerName, action, reason: thrown(error).message };
      throw new MqError('failover-store-unavailable', fields, error);
    }
  }

  /** Time until the next turn; 0 for at once. Never rejects: what fails is logged, and tried again after a pause. */
  async #turn(): Promise<number> {
    try {
      const pauseMs = await this.#step();
      this.#failures = 0;
      return pauseMs;
    } catch (error) {
      this.#failures += 1;
      const message = isMqError(error)
        ? `the group cannot be looked after: ${error.message}`
        : 'the group cannot be looked after';
      const fields = { group: this.brokerName, error };
      this.#ports.floodLog.log('error', `turn ${this.brokerName}`, message, fields);
      return retryMs(this.#failures);
    }
  }

  async #step(): Promise<number> {
    const { clock } = this.#ports.environment;
    const { timings } = this.#ports;
    const stored = await this.read();
    if (this.#isStopped) return 0;
    const observation = this.observe(stored);
    this.#watchMembers(
      stored === undefined ? this.#spec.members : allMembers(stored.record, observation),
    );
    const plan = this.#plan(stored?.record, observation);
    if (plan.kind === 'store') {
      await this.store(stored, plan.record, plan.why);
      this.#changesInARow += 1;
      return this.#changesInARow < CHANGES_IN_A_ROW_MAX ? 0 : timings.intervalMs;
    }
    this.#changesInARow = 0;
    if (stored !== undefined) this.#sender.send(stored.record, plan.orders);
    const repeatMs = this.#sender.nextMs() - clock.monotonicMs();
    return Math.max(1, Math.min(timings.intervalMs, repeatMs));
  }

  /**
   * The next step. Two controllers that see different things would write their remarks over each other for ever: what is in the
   * way is stored at once by the first, and then only now and then.
   */
  #plan(record: GroupRecord | undefined, observation: GroupObservation): Plan {
    const { clock } = this.#ports.environment;
    const { timings } = this.#ports;
    const plan = planGroup(record, observation, timings, clock.nowMs());
    if (plan.kind !== 'store' || record === undefined) return plan;
    if (!isRemark(record, plan.record)) return plan;
    const sinceMs = clock.monotonicMs() - this.#remarkedMs;
    if (sinceMs < REMARK_INTERVAL_MS)
      return planGroup(plan.record, observation, timings, clock.nowMs());
    this.#remarkedMs = clock.monotonicMs();
    return plan;
  }

  /** Watches these members at these addresses, and no others. */
  #watchMembers(members: readonly GroupMember[]): void {
    for (const [name, { watch }] of this.#members) {
      const now = members.find((member) => member.name === name);
      if (now !== undefined && isSameAddress(now.address, watch.client.member.address)) continue;
      watch.stop();
      this.#members.delete(name);
    }
    for (const member of members) {
      if (this.#members.has(member.name) || this.#isStopped) continue;
      const watch = this.#watch(member);
      this.#members.set(member.name, { watch, ended: watch.run() });
    }
  }

  #watch(member: GroupMember): MemberWatch {
    const { environment, floodLog, witness, timings, sequence, connect } = this.#ports;
    const client = new MemberClient(member, connect(member.address));
    return new MemberWatch(this.brokerName, client, () => sequence(), {
      ...{ clock: environment.clock, timers: environment.timers, log: floodLog, witness },
      longPollMs: timings.longPollMs,
      onSeen: () => this.wake(),
    });
  }
}
