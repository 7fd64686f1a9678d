import type { Component } from '../../common/lifecycle/lifecycle.ts';
import type { Logger } from '../../common/log/logger.ts';
import { RateLimitedLog } from '../../common/log/rate-limited-log.ts';
import type { Address } from '../../common/options/option-definition.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import type { ClusterSpec } from './cluster-spec.ts';
import { FailoverMetrics, type HeartbeatAge } from './failover-metrics.ts';
import type { FailoverPorts, SharedPorts } from './failover-ports.ts';
import { GroupFailover } from './group-failover.ts';
import { NameServerClient } from './name-server-client.ts';
import { NameServerWatch } from './name-server-watch.ts';
import { Wake } from './wake.ts';

/**
 * Decides who is the master of each broker group. Any number of controllers may run: each change is a compare-and-swap on what
 * is stored, and nothing is decided on anything older than that.
 */
export class FailoverController implements Component {
  readonly name = 'failover controller';
  readonly order = 'answers requests from what it has seen, so before its server';
  readonly #ports: SharedPorts;
  readonly #logger: Logger;
  readonly #metrics: FailoverMetrics;
  readonly #wake: Wake;
  readonly #groups = new Map<string, GroupFailover>();
  /** By address. */
  readonly #nameServers = new Map<string, NameServerWatch>();
  /** Ends of all loops, so that `stop` can wait for them. Bound: groups, NameServers, and those that have left. */
  readonly #loops = new Set<Promise<void>>();
  #isStopped = false;
  #lastProblem = '';

  constructor(ports: FailoverPorts) {
    const { environment } = ports;
    this.#logger = ports.logger.child('failover');
    let asked = 0;
    this.#ports = {
      ...ports,
      connect: (address) => ports.connect(address),
      floodLog: new RateLimitedLog(this.#logger, environment.clock),
      sequence: () => ++asked,
    };
    this.#metrics = new FailoverMetrics(ports.metrics, () => this.#heartbeatAges());
    this.#wake = new Wake(environment.timers);
  }

  /** Rejects when the first spec cannot be used; later ones are then ignored, loudly. */
  async start(): Promise<void> {
    this.#configure(await this.#ports.spec.read());
    this.#keep(this.#watchSpec());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake.signal();
    for (const group of this.#groups.values()) group.stop();
    for (const watch of this.#nameServers.values()) watch.stop();
    await Promise.all(this.#loops);
  }

  /** In the order of their names. */
  get groups(): readonly GroupFailover[] {
    return [...this.#groups.values()].toSorted((a, b) => (a.brokerName < b.brokerName ? -1 : 1));
  }

  /** Whether the master of some group is being changed. */
  get isChanging(): boolean {
    return this.groups.some((group) => group.isChanging);
  }

  group(brokerName: string): GroupFailover | undefined {
    return this.#groups.get(brokerName);
  }

  async #watchSpec(): Promise<void> {
    while (!this.#isStopped) {
      await this.#readSpec();
      await this.#wake.sleep(this.#ports.timings.specIntervalMs);
    }
  }

  /** Never rejects: the last good spec stays in force. */
  async #readSpec(): Promise<void> {
    try {
      const spec = await this.#ports.spec.read();
      if (this.#isStopped) return;
      this.#configure(spec);
      if (this.#lastProblem !== '') this.#logger.info('the cluster spec can be used again');
      this.#lastProblem = '';
    } catch (error) {
      const problem = String((error as { message?: unknown }).message);
      if (problem === this.#lastProblem) return;
      this.#lastProblem = problem;
      this.#logger.error('the cluster spec cannot be used; the last one stays in force', { error });
    }
  }

  #configure(spec: ClusterSpec): void {
    this.#watchNameServers(spec.nameServers);
    for (const group of spec.groups) {
      const known = this.#groups.get(group.brokerName);
      if (known === undefined) this.#add(group);
      else known.configure(group);
    }
    for (const [name, group] of this.#groups) {
      if (spec.groups.some(({ brokerName }) => brokerName === name)) continue;
      this.#logger.warn('a group is not in the cluster spec any more: it is left as it is', {
        group: name,
      });
      group.stop();
      this.#groups.delete(name);
      this.#metrics.forget(name);
    }
  }

  #add(spec: ClusterSpec['groups'][number]): void {
    const nameServers = (): readonly NameServerWatch[] => [...this.#nameServers.values()];
    const group = new GroupFailover(spec, nameServers, this.#metrics, this.#ports);
    this.#groups.set(spec.brokerName, group);
    this.#keep(group.run());
  }

  #watchNameServers(addresses: readonly Address[]): void {
    const wanted = new Map(addresses.map((address) => [formatAddress(address), address]));
    for (const [text, watch] of this.#nameServers) {
      if (wanted.has(text)) continue;
      watch.stop();
      this.#nameServers.delete(text);
    }
    for (const [text, address] of wanted) {
      if (this.#nameServers.has(text)) continue;
      const watch = this.#watchNameServer(text, address);
      this.#nameServers.set(text, watch);
      this.#keep(watch.run());
    }
  }

  #watchNameServer(text: string, address: Address): NameServerWatch {
    const { environment, floodLog, timings, connect, sequence } = this.#ports;
    const client = new NameServerClient(text, connect(address));
    return new NameServerWatch(client, () => sequence(), {
      ...{ clock: environment.clock, timers: environment.timers, log: floodLog },
      intervalMs: timings.intervalMs,
      onSeen: () => {
        for (const group of this.#groups.values()) group.wake();
      },
    });
  }

  /** Loops never reject: what goes wrong in one is its own affair. */
  #keep(loop: Promise<void>): void {
    this.#loops.add(loop);
    void loop.then(() => this.#loops.delete(loop));
  }

  /** The youngest of what the NameServers say of each member. */
  #heartbeatAges(): readonly HeartbeatAge[] {
    const ages = new Map<string, HeartbeatAge>();
    for (const { answer } of this.#nameServers.values()) {
      for (const { brokerName, memberName, silentMs } of answer?.heard.members ?? []) {
        if (!this.#groups.has(brokerName)) continue;
        const key = `${brokerName} ${memberName}`;
        const ageMs = Math.min(silentMs, ages.get(key)?.ageMs ?? Infinity);
        ages.set(key, { group: brokerName, member: memberName, ageMs });
      }
    }
    return [...ages.values()];
  }
}
