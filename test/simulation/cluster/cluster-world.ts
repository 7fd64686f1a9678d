import { assert } from '../../../common/assert.ts';
import { isDiskError, isStoreError } from '../../../broker/store/store-error.ts';
import { isMqError } from '../../../common/errors/mq-error.ts';
import { optionsWith } from '../../../common/options/resolve-options.ts';
import type { NodeOptions } from '../../../common/options/node-options.ts';
import type { RpcChannel } from '../../../common/rpc/rpc-channel.ts';
import type { ServiceTable } from '../../../common/rpc/service-table.ts';
import type { GroupRecord } from '../../../operator/failover/core/group-record.ts';
import type { SimNode } from '../sim-node.ts';
import { SimRpcChannel } from '../sim-rpc-channel.ts';
import { SimRpcServer } from '../sim-rpc-server.ts';
import type { World } from '../world.ts';
import { ClusterClient } from './cluster-client.ts';
import { ClusterLedger } from './cluster-ledger.ts';
import { PATIENCE, TIMES, type ClusterPlan } from './cluster-plan.ts';
import { ClusterProbe } from './cluster-probe.ts';
import { Consumer, Producer, TOPIC } from './cluster-workers.ts';
import { GroupStoreNode } from './group-store-node.ts';
import { startMember, type RunningMember } from './member-node.ts';
import { startNameServer } from './name-server-node.ts';
import { startController } from './controller-node.ts';
import { SimWitness } from './sim-witness.ts';
import { SimLog } from './sim-logger.ts';

export const PORT = 8081;
const RECONNECT = { reconnectMinMs: 10, reconnectMaxMs: 100 };
/** A supervisor starts a process again that has ended by itself. */
const RESTART_MS = 50;
const STORE = 'store';

/** All processes of a cluster, each on a node of its own. */
export class ClusterWorld {
  readonly world: World;
  readonly plan: ClusterPlan;
  readonly ledger: ClusterLedger;
  readonly probe: ClusterProbe;
  readonly store: GroupStoreNode;
  readonly log: SimLog;
  readonly witness: SimWitness;
  readonly producers: Producer[] = [];
  readonly consumers: Consumer[] = [];
  /** Of the present lives. */
  readonly members = new Map<string, RunningMember>();
  readonly #nodes = new Map<string, SimNode>();
  readonly #groupOf = new Map<string, string>();
  failure: unknown;

  constructor(world: World, plan: ClusterPlan) {
    this.world = world;
    this.plan = plan;
    world.useFaultPlan(plan.faults);
    world.network.patience = PATIENCE;
    this.log = new SimLog(() => world.scheduler.nowMs);
    const groups = plan.groups.map(({ name }) => name);
    const isRetained = plan.retentionBytes === 0;
    this.ledger = new ClusterLedger(groups, plan.replication === 'async', isRetained);
    for (const { name, members } of plan.groups)
      for (const member of members) this.#groupOf.set(member, name);
    this.probe = new ClusterProbe(world, this.ledger, this.#groupOf);
    this.store = new GroupStoreNode(world);
    this.witness = new SimWitness(world, plan.witnessDelayMs);
    world.scheduler.addCheck(() => {
      const failure = this.failure ?? this.probe.failure;
      if (failure !== undefined) throw failure as Error;
    });
  }

  start(): void {
    const { plan, world } = this;
    const names = [...plan.nameServers, ...this.#groupOf.keys(), STORE];
    for (const name of [...names, ...plan.controllers, ...plan.clients])
      this.#nodes.set(name, world.addNode(name));
    for (const node of this.#nodes.values()) this.#schedule(node);
  }

  node(name: string): SimNode {
    const node = this.#nodes.get(name);
    assert(node !== undefined, `no node ${name}`);
    return node;
  }

  groupOf(member: string): string {
    const group = this.#groupOf.get(member);
    assert(group !== undefined, `no member ${member}`);
    return group;
  }

  /** A new life for a node that is dead. */
  boot(node: SimNode): void {
    // Nobody may take the member that died for the one that starts: whoever waits for it would wait for ever.
    this.members.delete(node.name);
    node.restart();
    this.#schedule(node);
  }

  /** Name of the member that takes writes, as it says itself. */
  masterOf(group: string): string | undefined {
    const members = this.plan.groups.find(({ name }) => name === group)?.members ?? [];
    return members.find((name) => this.running(name)?.isWritable() === true);
  }

  /** All members follow the master, are in its set, and have folded everything. */
  isWhole(group: string): boolean {
    const members = this.plan.groups.find(({ name }) => name === group)?.members ?? [];
    const master = this.running(this.masterOf(group) ?? '');
    const broker = master?.broker();
    if (master === undefined || broker === undefined) return false;
    const { syncStateSet } = master.member.status();
    return members.every((name) => {
      const own = this.running(name)?.broker();
      const isInSet = syncStateSet.includes(name);
      return (
        isInSet &&
        own?.foldedOffset === broker.log.endOffset &&
        own.log.endOffset === broker.log.endOffset
      );
    });
  }

  /** Some messages of the topic below this queue offset may be gone. */
  deletedBelow(group: string): number {
    const services = this.running(this.masterOf(group) ?? '')?.broker()?.services;
    const queueNos = services?.state.topics.get(TOPIC)?.queueNos ?? [];
    return Math.max(0, ...queueNos.map((no) => services?.state.index.minOffset(no) ?? 0));
  }

  isAnybodyFenced(): boolean {
    return this.plan.groups.some(({ name }) => {
      const text = this.store.text(name);
      if (text === undefined) return false;
      const { fencedMembers, phase } = JSON.parse(text) as GroupRecord;
      return phase === 'fenced' || fencedMembers.length > 0;
    });
  }

  /** How everything stands, for the story of a failure. */
  describe(): string {
    const lines = this.plan.groups.map(
      ({ name }) => `stored ${this.store.text(name) ?? 'nothing'}`,
    );
    for (const [name] of this.#groupOf) {
      const status = this.running(name)?.member.status();
      lines.push(`${name} ${status === undefined ? 'is dead' : JSON.stringify(status)}`);
    }
    return lines.join('\n');
  }

  running(name: string): RunningMember | undefined {
    return this.#nodes.get(name)?.isAlive === true ? this.members.get(name) : undefined;
  }

  connect(node: SimNode): (address: string) => RpcChannel {
    const { host, environment } = node;
    return (address) => new SimRpcChannel(host, address, environment, RECONNECT);
  }

  options(changes: Partial<NodeOptions>): NodeOptions {
    const { plan } = this;
    return optionsWith('broker', {
      ...TIMES,
      clusterName: 'c',
      dataDir: '/data',
      flush: plan.flush,
      flushIntervalMs: 50,
      segmentBytes: plan.segmentBytes,
      snapshotIntervalBytes: plan.snapshotIntervalBytes,
      snapshotIntervalMs: 1_000,
      replicationWindowBytes: plan.windowBytes,
      replicationBatchBytes: Math.max(500, plan.windowBytes / 4),
      batchBytes: 16 * 1024,
      cacheBytes: 8 * 1024,
      indexBufferBytes: 16 * 1024,
      retentionBytes: plan.retentionBytes,
      diskCleanPercent: 98,
      diskForceCleanPercent: 100,
      diskRejectPercent: 100,
      retentionIntervalMs: 1_000,
      autoCreateTopics: true,
      autoCreateGroups: true,
      defaultQueueCount: 2,
      groupStartPosition: 'earliest',
      namesrv: plan.nameServers.map((host) => ({ host, port: PORT })),
      ...changes,
    });
  }

  /** Whatever the product calls unexpected is a bug. */
  readonly onUnexpected = (where: string, error: unknown): void => {
    if (isMqError(error) || isDiskError(error) || isStoreError(error))
      this.log.add(where, 'warn', 'failed', { error });
    else this.failure ??= new Error(`unexpected in ${where}`, { cause: error });
  };

  /** Within the life that it starts, so that everything it does is that life's. */
  #schedule(node: SimNode): void {
    const { scheduler } = this.world;
    scheduler.schedule(0, 'boot', () => void this.#run(node), node.process);
  }

  async #run(node: SimNode): Promise<void> {
    const { process } = node;
    try {
      const table = await this.#program(node);
      if (table !== undefined) this.#serve(node, table);
    } catch (error) {
      this.log.add(node.name, 'ERROR', 'did not start', { error });
      this.onUnexpected(`the start of ${node.name}`, error);
      if (process.isAlive) this.exit(node);
    }
  }

  /** The process ends by itself, and is started again. */
  exit(node: SimNode): void {
    if (!node.isAlive) return;
    const { scheduler } = this.world;
    this.log.add(node.name, 'ERROR', 'exits');
    scheduler.schedule(0, 'exit', () => {
      node.kill();
      scheduler.schedule(RESTART_MS, 'supervisor', () => {
        if (!node.isAlive) this.boot(node);
      });
    });
  }

  #serve(node: SimNode, table: ServiceTable): void {
    new SimRpcServer(node.host, PORT, node.environment.timers, table, {
      onHandlerFailed: this.onUnexpected,
    });
  }

  async #program(node: SimNode): Promise<ServiceTable | undefined> {
    const { plan, log, onUnexpected } = this;
    const { name, environment } = node;
    if (name === STORE) return this.store.table();
    if (plan.clients.includes(name)) {
      this.#startClient(node);
      return undefined;
    }
    const ports = { environment, logger: log.logger(name), connect: this.connect(node) };
    if (plan.nameServers.includes(name)) {
      const options = this.options({});
      return startNameServer({ ...ports, options, onUnexpected });
    }
    const group = this.#groupOf.get(name);
    if (group !== undefined) {
      const options = this.options({ brokerName: group, memberName: name });
      const running = await startMember({
        ...ports,
        options,
        name,
        onUnexpected,
        onFatal: (error) => {
          log.add(name, 'ERROR', 'fatal', { error });
          onUnexpected(name, error);
          this.exit(node);
        },
        onRun: (runId) => this.witness.started(name, runId, node.process),
      });
      this.members.set(name, running);
      return running.table;
    }
    const { witness } = this;
    const storeAddress = `${STORE}:${PORT}`;
    return startController({ ...ports, plan, name, witness, storeAddress, onUnexpected });
  }

  #startClient(node: SimNode): void {
    const { plan, world, ledger } = this;
    const { name, environment } = node;
    const index = plan.clients.indexOf(name);
    const workers = (kind: string, count: number) =>
      Array.from({ length: count }, (_, i) => i)
        .filter((i) => i % plan.clients.length === index)
        .map((i) => {
          const client = new ClusterClient(`${kind}${i}`, this.connect(node));
          const random = world.random.fork(`${kind}${i}`);
          const onFailure = (error: unknown): void => void (this.failure ??= error);
          const own = { client, environment, random, name: `${kind}${i}` };
          return { world, plan, ledger, onFailure, ...own };
        });
    for (const parts of workers('p', plan.producers)) this.producers.push(new Producer(parts));
    for (const parts of workers('c', plan.consumers)) this.consumers.push(new Consumer(parts));
  }
}
