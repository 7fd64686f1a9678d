import type { Address } from '../common/options/option-definition.ts';
import { formatAddress } from '../common/options/parse-value.ts';
import type { RpcChannel } from '../common/rpc/rpc-channel.ts';
import { RemoteBrokerAccess } from '../gateway/remote-broker-access.ts';
import { RemoteConfiguration } from '../gateway/remote-configuration.ts';
import type { BrokerRegistry } from './registry/core/broker-registry.ts';
import type { Member } from './registry/core/member.ts';

/** For an ordinary request to a broker; official clients give up after 3 s, administration after 10. */
const REQUEST_TIMEOUT_MS = 10_000;
/** A broker answers a receive with 8 MiB at most, and one message more. */
const RECEIVE_BYTES_MAX = 16 * 1024 * 1024;

/** The way to one broker group. */
export interface BrokerLink {
  readonly brokerName: string;
  readonly address: string;
  readonly channel: RpcChannel;
  readonly access: RemoteBrokerAccess;
}

/** Channels to the brokers of a registry: made when first used, one for each, replaced when a broker moves. */
export class BrokerLinks {
  readonly #registry: BrokerRegistry;
  readonly #connect: (broker: Address) => RpcChannel;
  readonly #links = new Map<string, BrokerLink>();

  constructor(registry: BrokerRegistry, connect: (broker: Address) => RpcChannel) {
    this.#registry = registry;
    this.#connect = connect;
  }

  /** Links to the brokers in the routes, in their order. */
  up(): readonly BrokerLink[] {
    return this.#registry.up.map((member) => this.#linkTo(member));
  }

  /** Also to a broker that is away: what names it must fail as unreachable, not as unknown. */
  link(brokerName: string): BrokerLink | undefined {
    const member = this.#registry.member(brokerName);
    return member === undefined ? undefined : this.#linkTo(member);
  }

  close(): void {
    for (const { channel } of this.#links.values()) channel.close();
    this.#links.clear();
  }

  #linkTo(member: Member): BrokerLink {
    const address = formatAddress(member.hello.advertised);
    const existing = this.#links.get(member.name);
    if (existing?.address === address) return existing;
    existing?.channel.close();
    this.#closeForgotten();
    const channel = this.#connect(member.hello.advertised);
    const configuration = new RemoteConfiguration(channel, REQUEST_TIMEOUT_MS);
    const access = new RemoteBrokerAccess(member.name, channel, configuration, {
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      receiveBytesMax: RECEIVE_BYTES_MAX,
    });
    const link = { brokerName: member.name, address, channel, access };
    this.#links.set(member.name, link);
    return link;
  }

  #closeForgotten(): void {
    for (const [name, { channel }] of this.#links) {
      if (this.#registry.member(name) !== undefined) continue;
      channel.close();
      this.#links.delete(name);
    }
  }
}
