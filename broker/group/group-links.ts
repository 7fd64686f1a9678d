import type { GroupMember } from '../../common/model/broker-group.ts';
import type { Address } from '../../common/options/option-definition.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import type { RpcChannel } from '../../common/rpc/rpc-channel.ts';
import { RemoteBrokerAccess } from '../../gateway/remote-broker-access.ts';
import { RemoteConfiguration } from '../../gateway/remote-configuration.ts';

/** For an ordinary request to the master; the caller's deadline is nearer in most cases. */
const REQUEST_TIMEOUT_MS = 10_000;
/** A broker answers a receive with 8 MiB at most, and one message more. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** The way to one member. */
export interface MemberLink {
  readonly address: string;
  readonly channel: RpcChannel;
  readonly access: RemoteBrokerAccess;
}

/** Channels to other members of the group: made when first used, closed when another member is the master. */
export class GroupLinks {
  readonly #brokerName: string;
  readonly #connect: (address: Address, inboundMessageBytesMax: number) => RpcChannel;
  /** By address. Bound: the members that were master since the last `keepOnly`. */
  readonly #links = new Map<string, MemberLink>();

  constructor(
    brokerName: string,
    connect: (address: Address, inboundMessageBytesMax: number) => RpcChannel,
  ) {
    this.#brokerName = brokerName;
    this.#connect = connect;
  }

  get count(): number {
    return this.#links.size;
  }

  to(member: GroupMember): MemberLink {
    const address = formatAddress(member.address);
    const existing = this.#links.get(address);
    if (existing !== undefined) return existing;
    const channel = this.#connect(member.address, ANSWER_BYTES_MAX);
    const configuration = new RemoteConfiguration(channel, REQUEST_TIMEOUT_MS);
    const access = new RemoteBrokerAccess(this.#brokerName, channel, configuration, {
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      receiveBytesMax: ANSWER_BYTES_MAX,
    });
    const link = { address, channel, access };
    this.#links.set(address, link);
    return link;
  }

  /** Closes all channels but the one to `member`; all of them without one. */
  keepOnly(member: GroupMember | undefined): void {
    const kept = member === undefined ? undefined : formatAddress(member.address);
    for (const [address, { channel }] of this.#links) {
      if (address === kept) continue;
      this.#links.delete(address);
      channel.close();
    }
  }
}
