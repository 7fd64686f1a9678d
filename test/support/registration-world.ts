/**
 * The members of one broker group and their NameServers on manual time, the real registration and registry at both ends, with
 * a network between them that delays, loses, doubles and reorders what a real one would deliver, and cuts connections.
 */
import { ConfigurationFeed } from '../../broker/configuration-feed.ts';
import { Registration, type BrokerIdentity } from '../../broker/registration.ts';
import { ChangeJournal } from '../../broker/registration/core/change-journal.ts';
import type { ConsumerGroupConfig } from '../../common/model/consumer-group.ts';
import { defaultConsumerGroup } from '../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../common/model/topic.ts';
import { Metrics } from '../../common/metrics/metrics.ts';
import type { Address } from '../../common/options/option-definition.ts';
import { CollectingLogger } from './collecting-logger.ts';
import type { RpcChannel, RpcStream, RpcStreamListener } from '../../common/rpc/rpc-channel.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import type { BidiListener, CallContext } from '../../common/rpc/service-table.ts';
import { REGISTER_BROKER_PATH } from '../../common/wire/broker-report-codec.ts';
import { NameServerService } from '../../namesrv/activity/name-server-service.ts';
import { RegistryService } from '../../namesrv/registry/registry-service.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { ManualTime } from './manual-time.ts';

export const INTERVAL_MS = 1_000;
export const EXPIRY_MS = 5_000;
const LATENCY_MS = 2;

/** What happens to the next message, whichever way it goes. */
export type MessageFault = 'none' | 'lose' | 'double' | 'delay';

export interface WorldOptions {
  /** Changes that a broker remembers. */
  readonly keptChanges?: number;
  /** What the brokers are told of NameServers; without it the addresses of all. */
  readonly namesrv?: readonly Address[];
}

export class RegistrationWorld {
  readonly time = new ManualTime();
  readonly random = new SeededRandom(1);
  readonly brokerLog = new CollectingLogger();
  readonly nameServers: NameServerEnd[] = [];
  /** Addresses by name; a name that is missing cannot be resolved. */
  readonly dns = new Map<string, readonly string[]>();
  /** Asks `dns`, unless a test wants something else. */
  resolve = (name: string): Promise<readonly string[]> => {
    const found = this.dns.get(name);
    const isUnknown = found === undefined;
    return isUnknown ? Promise.reject(new Error(`${name} is not known`)) : Promise.resolve(found);
  };
  readonly namesrv: readonly Address[];
  readonly #keptChanges: number | undefined;
  broker: BrokerEnd;

  /** With a broker of its own in the beginning: a group of one. */
  constructor(nameServers = 1, options: WorldOptions = {}) {
    for (let i = 0; i < nameServers; i++) this.addNameServer();
    this.namesrv = options.namesrv ?? this.nameServers.map(({ address }) => address);
    this.#keptChanges = options.keptChanges;
    this.broker = this.addMember({});
  }

  get environment(): { clock: ManualTime; timers: ManualTime; random: SeededRandom } {
    return { clock: this.time, timers: this.time, random: this.random };
  }

  addNameServer(): NameServerEnd {
    const address = { host: `10.0.0.${this.nameServers.length + 1}`, port: 8081 };
    const end = new NameServerEnd(this, address);
    this.nameServers.push(end);
    return end;
  }

  addMember(identity: Partial<BrokerIdentity>, topics?: Topics, groups?: Groups): BrokerEnd {
    return new BrokerEnd(this, identity, this.#keptChanges, topics, groups);
  }

  /** Kills the process and starts another one on the same data. */
  restartBroker(): void {
    const { topics, groups, identity } = this.broker;
    this.broker.kill();
    this.broker = this.addMember(identity, topics, groups);
  }
}

type Topics = Map<string, { config: TopicConfig }>;
type Groups = Map<string, { config: ConsumerGroupConfig }>;

export class NameServerEnd {
  readonly log = new CollectingLogger();
  readonly faults: MessageFault[] = [];
  /** While set, nothing gets through and nobody is told. */
  isPartitioned = false;
  /** Bytes of every message from the broker. */
  readonly receivedBytes: number[] = [];
  service: RegistryService | undefined;
  #server: NameServerService | undefined;
  #connections = new Set<Connection>();
  readonly #world: RegistrationWorld;
  readonly address: Address;

  constructor(world: RegistrationWorld, address: Address) {
    this.#world = world;
    this.address = address;
    this.start();
  }

  start(): void {
    const options = { clusterName: 'c', heartbeatExpiryMs: EXPIRY_MS };
    this.service = new RegistryService(options, this.#world.environment, this.log);
    this.#server = new NameServerService(this.service, (where, error) => {
      throw new Error(`unexpected in ${where}`, { cause: error });
    });
    void this.service.start();
  }

  kill(): void {
    void this.service?.stop();
    this.service = undefined;
    this.cut();
  }

  /** Every connection breaks; both ends notice. */
  cut(): void {
    for (const connection of [...this.#connections]) connection.break();
  }

  topics(): string[] {
    const topics = this.service?.registry.broker('b')?.configuration.topics ?? new Map();
    return [...topics.values()].map((topic) => JSON.stringify(topic)).sort();
  }

  groups(): string[] {
    const groups = this.service?.registry.broker('b')?.configuration.groups ?? new Map();
    return [...groups.values()].map((group) => JSON.stringify(group)).sort();
  }

  get isBrokerUp(): boolean {
    return this.service?.registry.broker('b')?.isUp === true;
  }

  connect(listener: RpcStreamListener): RpcStream {
    const connection = new Connection(this.#world.time, this, listener, () => {
      this.#connections.delete(connection);
    });
    this.#connections.add(connection);
    const server = this.service === undefined ? undefined : this.#server;
    connection.open(server?.table()[REGISTER_BROKER_PATH]);
    return connection;
  }
}

/** One stream: messages take a while each way; a message lost on the way is lost for good, unlike on a real one. */
class Connection implements RpcStream {
  readonly #time: ManualTime;
  readonly #end: NameServerEnd;
  readonly #client: RpcStreamListener;
  readonly #onClosed: () => void;
  #server: BidiListener | undefined;
  #isOver = false;

  constructor(
    time: ManualTime,
    end: NameServerEnd,
    client: RpcStreamListener,
    onClosed: () => void,
  ) {
    this.#time = time;
    this.#end = end;
    this.#client = client;
    this.#onClosed = onClosed;
  }

  open(method: unknown): void {
    const bidi = method as
      | {
          handle(
            call: CallContext,
            stream: { send(bytes: Uint8Array): undefined; end(error?: Error): void },
          ): BidiListener;
        }
      | undefined;
    if (bidi === undefined) {
      this.#time.after(LATENCY_MS, () => this.break());
      return;
    }
    this.#server = bidi.handle({ method: REGISTER_BROKER_PATH } as CallContext, {
      send: (bytes) => {
        this.#carry(() => this.#client.message(Buffer.from(bytes)));
        return undefined;
      },
      end: (error) => {
        this.#time.after(LATENCY_MS, () => this.break(error));
      },
    });
  }

  send(message: Uint8Array): void {
    this.#carry(() => {
      this.#end.receivedBytes.push(message.length);
      this.#server?.message(Buffer.from(message));
    });
  }

  end(): void {
    this.#carry(() => this.#server?.halfClosed());
  }

  cancel(): void {
    this.#over();
  }

  break(error: Error = new RpcError('unavailable', 'the connection broke')): void {
    if (this.#isOver) return;
    this.#over();
    this.#client.closed(error);
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onClosed();
    this.#server?.closed();
  }

  #carry(arrive: () => void): void {
    const fault = this.#end.faults.shift();
    const deliver = (afterMs: number): void => {
      this.#time.after(afterMs, () => {
        if (!this.#isOver && !this.#end.isPartitioned) arrive();
      });
    };
    if (fault === 'lose') return;
    deliver(fault === 'delay' ? 3 * LATENCY_MS : LATENCY_MS);
    if (fault === 'double') deliver(LATENCY_MS);
  }
}

export class BrokerEnd {
  readonly topics: Topics;
  readonly groups: Groups;
  readonly registration: Registration;
  identity: BrokerIdentity;
  /** Grants and the like, in words. */
  readonly heard: string[] = [];
  readonly #feed: ConfigurationFeed;
  readonly #open = new Set<RpcStream>();
  #isDead = false;

  constructor(
    world: RegistrationWorld,
    identity: Partial<BrokerIdentity>,
    keptChanges?: number,
    topics: Topics = new Map(),
    groups: Groups = new Map(),
  ) {
    this.topics = topics;
    this.groups = groups;
    const host = `${identity.memberName ?? 'broker'}.example`;
    const alone = { epoch: 0, isSlave: false, memberName: '', memberAddress: { host, port: 8081 } };
    this.identity = { ...alone, ...identity };
    this.#feed = new ConfigurationFeed(
      { topics: new Table(topics), groups: new Table(groups) },
      new ChangeJournal(keptChanges),
    );
    this.registration = new Registration({
      environment: world.environment,
      logger: world.brokerLog,
      metrics: new Metrics({ cluster: 'c', node_type: 'broker', node_id: 'b' }, 100),
      version: '1.2.3',
      advertised: { host: 'group.example', port: 8081 },
      options: {
        ...{ clusterName: 'c', brokerName: 'b', namesrv: world.namesrv },
        ...{ heartbeatIntervalMs: INTERVAL_MS, heartbeatExpiryMs: EXPIRY_MS },
      },
      identity: () => this.identity,
      feed: () => this.#feed,
      heartbeat: () => ({
        ...{ epoch: this.identity.epoch, isWritable: !this.identity.isSlave },
        ...{ logEndOffset: 2 ** 45, confirmOffset: 2 ** 45 },
      }),
      connect: ({ host: place }) =>
        this.#channelTo(world.nameServers.find(({ address }) => address.host === place)),
      resolve: (name) => world.resolve(name),
      events: {
        onGranted: (index, sentMs) => this.heard.push(`granted ${index} ${sentMs}`),
        onWithdrawn: (index) => this.heard.push(`withdrawn ${index}`),
        onEpochOver: (epoch) => this.heard.push(`over ${epoch}`),
        onNameServerCount: (count) => this.heard.push(`count ${count}`),
      },
    });
    void this.registration.start();
  }

  get isRegistered(): boolean[] {
    return this.registration.nameServers.map(({ isRegistered }) => isRegistered);
  }

  become(identity: Partial<BrokerIdentity>): void {
    this.identity = { ...this.identity, ...identity };
    this.registration.roleChanged();
  }

  setTopic(name: string, queueCount: number): void {
    const config = {
      name,
      type: 'NORMAL',
      queueCount,
      permission: 'READ_WRITE',
      retentionMs: undefined,
    } as const;
    this.topics.set(name, { config });
    this.#feed.changed('topic', name);
  }

  removeTopic(name: string): void {
    this.topics.delete(name);
    this.#feed.changed('topic', name);
  }

  setGroup(name: string, maxAttempts: number): void {
    this.groups.set(name, { config: { ...defaultConsumerGroup(name), maxAttempts } });
    this.#feed.changed('group', name);
  }

  removeGroup(name: string): void {
    this.groups.delete(name);
    this.#feed.changed('group', name);
  }

  /** The process is gone: nothing is said and nothing is sent. */
  kill(): void {
    this.#isDead = true;
    for (const connection of [...this.#open]) connection.cancel();
  }

  topicTexts(): string[] {
    return [...this.topics.values()].map(({ config }) => JSON.stringify(config)).sort();
  }

  groupTexts(): string[] {
    return [...this.groups.values()].map(({ config }) => JSON.stringify(config)).sort();
  }

  #channelTo(end: NameServerEnd | undefined): RpcChannel {
    const unused = (): never => {
      throw new Error('only streams are opened here');
    };
    return {
      address: 'namesrv',
      unary: unused,
      serverStream: unused,
      exchange: unused,
      close: () => undefined,
      openStream: (_path, _metadata, listener) => {
        if (this.#isDead || end === undefined)
          return { send: () => undefined, end: () => undefined, cancel: () => undefined };
        const stream = end.connect({
          message: (message) => {
            if (!this.#isDead) listener.message(message);
          },
          closed: (error) => {
            this.#open.delete(stream);
            if (!this.#isDead) listener.closed(error);
          },
        });
        this.#open.add(stream);
        return stream;
      },
    };
  }
}

/** A map as the state of a broker shows its tables. */
class Table<Config> {
  readonly #map: ReadonlyMap<string, { readonly config: Config }>;

  constructor(map: ReadonlyMap<string, { readonly config: Config }>) {
    this.#map = map;
  }

  get(name: string): { readonly config: Config } | undefined {
    return this.#map.get(name);
  }

  all(): Iterable<{ readonly config: Config }> {
    return this.#map.values();
  }
}
