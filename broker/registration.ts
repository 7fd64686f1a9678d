import type { Environment } from '../common/environment/environment.ts';
import type { Component } from '../common/lifecycle/lifecycle.ts';
import type { Logger } from '../common/log/logger.ts';
import type { Metrics } from '../common/metrics/metrics.ts';
import type { BrokerHeartbeat, BrokerHello } from '../common/model/broker-report.ts';
import type { NodeOptions } from '../common/options/node-options.ts';
import type { Address } from '../common/options/option-definition.ts';
import { formatAddress, isSameAddress } from '../common/options/parse-value.ts';
import type { RpcChannel } from '../common/rpc/rpc-channel.ts';
import type { ConfigurationFeed } from './configuration-feed.ts';
import { NameServerDirectory, type NameServerPlace } from './registration/name-server-directory.ts';
import { NameServerLink } from './registration/name-server-link.ts';

/** Who this process is at the moment. */
export type BrokerIdentity = Pick<
  BrokerHello,
  'epoch' | 'isSlave' | 'memberName' | 'memberAddress'
>;

export interface RegistrationPorts {
  readonly options: Pick<
    NodeOptions,
    'clusterName' | 'brokerName' | 'namesrv' | 'heartbeatIntervalMs' | 'heartbeatExpiryMs'
  >;
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly version: string;
  readonly advertised: Address;
  /** Of this process, where others know it by one already. */
  readonly runId?: string;
  /** Asked for again with each `roleChanged`. */
  readonly identity: () => BrokerIdentity;
  /** Asked for on a master only, when registration starts and with each `roleChanged`: the broker is open by then. */
  readonly feed: () => ConfigurationFeed;
  readonly heartbeat: () => BrokerHeartbeat;
  /** `serverName`: how the NameServer is called in its certificate. */
  readonly connect: (nameServer: Address, serverName: string) => RpcChannel;
  /** All addresses of a name. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  readonly events?: RegistrationEvents;
}

/** What the write lease is made of. NameServers have numbers from 0 to below `nameServerCount`. */
export interface RegistrationEvents {
  /** NameServer `index` grants the lease from when the report was sent, on the monotonic clock. */
  onGranted(index: number, sentMs: number): void;
  /** What NameServer `index` granted before counts no more. */
  onWithdrawn(index: number): void;
  /** A NameServer knows a higher epoch of the group than the one told. */
  onEpochOver(epoch: number): void;
  /** There are so many NameServers from now on; no grant of before counts, and numbers are given anew. */
  onNameServerCount(count: number): void;
}

const RUN_ID_BYTES = 8;

interface Registrar {
  readonly place: NameServerPlace;
  readonly link: NameServerLink;
  /** Undefined: it is no longer one of the NameServers, but is told until it goes away. */
  index: number | undefined;
}

/** Makes the member known to every NameServer, one stream each, for as long as it runs. */
export class Registration implements Component {
  readonly name = 'registration';
  readonly order = 'clients are sent here only when requests are taken';
  readonly #ports: RegistrationPorts;
  /** Drawn at the start of the process; the same in all roles. */
  readonly runId: string;
  readonly #directory: NameServerDirectory;
  /** By address. */
  readonly #registrars = new Map<string, Registrar>();
  #count: number;
  #unsubscribe: () => void = () => undefined;
  #isTelling = false;
  #isRunning = false;
  /** As the NameServers were told last. */
  #identity: BrokerIdentity | undefined;

  constructor(ports: RegistrationPorts) {
    this.#ports = ports;
    const { environment, logger, options, resolve } = ports;
    this.runId = ports.runId ?? environment.random.bytes(RUN_ID_BYTES).toString('hex');
    const onChange = (): void => {
      this.#reconcile();
    };
    this.#directory = new NameServerDirectory({ environment, logger, resolve, onChange }, options);
    this.#count = this.#directory.count;
  }

  /** NameServers of which a lease needs the majority, found or not. */
  get nameServerCount(): number {
    return this.#count;
  }

  /** For tests and metrics: where this member is registered, as far as is known here. */
  get nameServers(): readonly { readonly address: string; readonly isRegistered: boolean }[] {
    return [...this.#registrars].map(([address, { link }]) => ({
      address,
      isRegistered: link.isRegistered,
    }));
  }

  start(): Promise<void> {
    this.#ports.metrics.collect('nameServerRegistered', () => [
      ...this.nameServers.map(({ address, isRegistered }): [Record<'namesrv', string>, number] => [
        { namesrv: address },
        Number(isRegistered),
      ]),
      ...this.#directory.unresolved.map((name): [Record<'namesrv', string>, number] => [
        { namesrv: formatAddress(name) },
        0,
      ]),
    ]);
    this.#isRunning = true;
    this.#subscribe();
    this.#directory.start();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#unsubscribe();
    this.#directory.stop();
    await Promise.all([...this.#registrars.values()].map(({ link }) => link.stop()));
  }

  /**
   * To be called when role or epoch may be others: then every NameServer is told at once, and what they granted before counts
   * no more, since it was for what we were.
   */
  roleChanged(): void {
    if (!this.#isRunning || isSame(this.#identity, this.#ports.identity())) return;
    this.#subscribe();
    for (const { link, index } of this.#registrars.values()) {
      if (index !== undefined) this.#ports.events?.onWithdrawn(index);
      link.roleChanged();
    }
  }

  /** Replaces the configured NameServers while the process runs. Those that are left are told goodbye. */
  setNameServers(names: readonly Address[]): void {
    this.#directory.set(names);
  }

  #subscribe(): void {
    this.#unsubscribe();
    this.#identity = this.#ports.identity();
    this.#unsubscribe = this.#identity.isSlave
      ? () => undefined
      : this.#ports.feed().subscribe(() => {
          this.#tellSoon();
        });
  }

  /** Changes of one turn of the event loop go out together. */
  #tellSoon(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#ports.environment.timers.soon(() => {
      this.#isTelling = false;
      for (const { link } of this.#registrars.values()) link.configurationChanged();
    });
  }

  /** One stream to each place that the names lead to now. */
  #reconcile(): void {
    const places = new Map(
      this.#directory.places.map((place) => [formatAddress(place.address), place]),
    );
    for (const [address, registrar] of this.#registrars) {
      if (!places.has(address)) this.#leave(address, registrar);
    }
    this.#renumber(new Set(places.keys()));
    const added: NameServerLink[] = [];
    for (const [address, place] of places) {
      if (this.#registrars.has(address)) continue;
      const registrar = this.#registrarOf(place);
      this.#registrars.set(address, registrar);
      added.push(registrar.link);
    }
    for (const link of added) link.start();
  }

  /**
   * A name that leads elsewhere is no reason to leave a NameServer that still answers, since its clients need the routes; it is
   * left when it goes away. One that is no longer configured is told goodbye.
   */
  #leave(address: string, registrar: Registrar): void {
    const { link, place, index } = registrar;
    if (index !== undefined) this.#ports.events?.onWithdrawn(index);
    registrar.index = undefined;
    if (this.#directory.has(place.name) && link.isRegistered) return;
    this.#registrars.delete(address);
    void link.stop();
  }

  /** Numbers stay as they are, unless there is another number of NameServers. */
  #renumber(present: ReadonlySet<string>): void {
    const { count } = this.#directory;
    if (count !== this.#count) {
      this.#count = count;
      for (const registrar of this.#registrars.values()) registrar.index = undefined;
      this.#ports.events?.onNameServerCount(count);
    }
    for (const [address, registrar] of this.#registrars) {
      if (present.has(address)) registrar.index ??= this.#freeIndex();
    }
  }

  /** There are as many numbers as NameServers, and each place counts as one at least. */
  #freeIndex(): number | undefined {
    const taken = new Set([...this.#registrars.values()].map(({ index }) => index));
    for (let index = 0; index < this.#count; index += 1) if (!taken.has(index)) return index;
    return undefined;
  }

  #registrarOf(place: NameServerPlace): Registrar {
    const { options, environment, logger, feed, heartbeat, connect, events } = this.#ports;
    const { address, name } = place;
    const text = formatAddress(address);
    const link = new NameServerLink(
      {
        ...{ environment, logger, feed, heartbeat },
        address: name.host === address.host ? text : `${text} (${name.host})`,
        hello: () => this.#hello(),
        connect: () => connect(address, name.host),
        events: {
          granted: (sentMs) => {
            if (registrar.index !== undefined) events?.onGranted(registrar.index, sentMs);
          },
          withdrawn: () => {
            if (registrar.index !== undefined) events?.onWithdrawn(registrar.index);
          },
          epochOver: (epoch) => {
            events?.onEpochOver(epoch);
          },
          lost: () => {
            this.#directory.refreshSoon();
          },
        },
      },
      options,
    );
    const registrar: Registrar = { place, link, index: this.#freeIndex() };
    return registrar;
  }

  #hello(): BrokerHello {
    const { options, version, advertised, identity } = this.#ports;
    const { clusterName, brokerName, heartbeatIntervalMs } = options;
    return {
      ...{ clusterName, brokerName, advertised, version, heartbeatIntervalMs },
      ...identity(),
      runId: this.runId,
    };
  }
}

function isSame(known: BrokerIdentity | undefined, now: BrokerIdentity): boolean {
  return (
    known?.epoch === now.epoch &&
    known.isSlave === now.isSlave &&
    known.memberName === now.memberName &&
    isSameAddress(known.memberAddress, now.memberAddress)
  );
}
