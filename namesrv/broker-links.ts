import type { Environment } from '../common/environment/environment.ts';
import type { Address } from '../common/options/option-definition.ts';
import { formatAddress } from '../common/options/parse-value.ts';
import type { RpcChannel } from '../common/rpc/rpc-channel.ts';
import { RemoteBrokerAccess } from '../gateway/remote-broker-access.ts';
import { RemoteConfiguration } from '../gateway/remote-configuration.ts';
import { HeldChannel, type HoldLimits } from './forwarding/held-channel.ts';
import type { BrokerGroup } from './registry/core/broker-group.ts';
import type { RegistryService } from './registry/registry-service.ts';

/** For an ordinary request to a broker; official clients give up after 3 s, administration after 10. */
const REQUEST_TIMEOUT_MS = 10_000;
/** A broker answers a receive with 8 MiB at most, and one message more. */
const RECEIVE_BYTES_MAX = 16 * 1024 * 1024;

/** Official clients give up after 3 s by default: they are to get an answer before. */
const HOLD: HoldLimits = {
  holdMs: 2_000,
  heldMax: 2_048,
  requestTimeoutMs: REQUEST_TIMEOUT_MS,
};

/** The way to one broker group. */
export interface BrokerLink {
  readonly brokerName: string;
  readonly channel: RpcChannel;
  readonly access: RemoteBrokerAccess;
}

interface Made {
  readonly link: BrokerLink;
  /** Where the channel leads to: an address, or to the master whoever that is. */
  readonly way: string;
  /** Whom the clients were announced to: another process knows none of them. */
  readonly announcedTo: string;
}

/**
 * Channels to the broker groups of a registry: made when first used, one for each. That of a group of one leads to its address;
 * that of a replicated group follows the master.
 */
export class BrokerLinks {
  readonly #service: RegistryService;
  readonly #connect: (member: Address) => RpcChannel;
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  readonly #made = new Map<string, Made>();
  readonly #unwatch: () => void;

  constructor(
    service: RegistryService,
    connect: (member: Address) => RpcChannel,
    environment: Pick<Environment, 'clock' | 'timers'>,
  ) {
    this.#service = service;
    this.#connect = connect;
    this.#environment = environment;
    this.#unwatch = service.watchMasters((brokerName) => {
      const channel = this.#made.get(brokerName)?.link.channel;
      if (channel instanceof HeldChannel) channel.changed();
    });
  }

  /** Requests that wait for a master, of all groups; receives are not counted. */
  get held(): number {
    let held = 0;
    for (const { link } of this.#made.values()) {
      if (link.channel instanceof HeldChannel) held += link.channel.held;
    }
    return held;
  }

  /** Links to the groups in the routes, in their order. */
  up(): readonly BrokerLink[] {
    return this.#service.registry.up.map((group) => this.#linkTo(group));
  }

  /** Also to a group that is away: what names it must fail as unreachable, not as unknown. */
  link(brokerName: string): BrokerLink | undefined {
    const group = this.#service.registry.broker(brokerName);
    return group === undefined ? undefined : this.#linkTo(group);
  }

  close(): void {
    this.#unwatch();
    for (const { link } of this.#made.values()) link.channel.close();
    this.#made.clear();
  }

  #linkTo(group: BrokerGroup): BrokerLink {
    const made = this.#made.get(group.name);
    const way = wayTo(group);
    const announcedTo = processOf(group);
    if (made?.way === way && made.announcedTo === announcedTo) return made.link;
    const isSameWay = made?.way === way;
    if (!isSameWay) {
      made?.link.channel.close();
      this.#closeForgotten();
    }
    const channel = isSameWay ? made.link.channel : this.#channelTo(group);
    const configuration = new RemoteConfiguration(channel, REQUEST_TIMEOUT_MS);
    const access = new RemoteBrokerAccess(group.name, channel, configuration, {
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      receiveBytesMax: RECEIVE_BYTES_MAX,
    });
    const link = { brokerName: group.name, channel, access };
    this.#made.set(group.name, { link, way, announcedTo });
    return link;
  }

  #channelTo({ name, isReplicated, face }: BrokerGroup): RpcChannel {
    if (!isReplicated && face !== undefined) return this.#connect(face.hello.memberAddress);
    const ports = {
      brokerName: name,
      master: () => this.#service.registry.broker(name)?.chosenMaster,
      connect: this.#connect,
      environment: this.#environment,
    };
    return new HeldChannel(ports, HOLD);
  }

  #closeForgotten(): void {
    for (const [name, { link }] of this.#made) {
      if (this.#service.registry.broker(name) !== undefined) continue;
      link.channel.close();
      this.#made.delete(name);
    }
  }
}

function wayTo({ isReplicated, face }: BrokerGroup): string {
  return isReplicated || face === undefined ? 'master' : formatAddress(face.hello.memberAddress);
}

/** The process that the group's clients are known to; while there is no master, the one that was it last. */
function processOf({ face }: BrokerGroup): string {
  return face === undefined ? '' : `${face.name} ${face.hello.runId} ${face.epoch}`;
}
