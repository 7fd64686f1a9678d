import {
  defaultConsumerGroup,
  type ConsumerGroupConfig,
} from '../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../common/model/topic.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import type { Address } from '../../common/options/option-definition.ts';
import type { BrokerAccess, BrokerRoute, Caller, Cluster } from '../../gateway/broker-access.ts';
import type { FoldedConfiguration } from './group-leadership.ts';
import type { GroupRouting } from './group-routing.ts';

/**
 * The cluster as a member of a group sees it: one group, with one address for all clients. Topics and groups are answered from
 * what this member has folded, so that clients find their way also while there is no master; the master has the last word when
 * the request itself comes to it.
 */
export class GroupCluster implements Cluster {
  readonly #access: BrokerAccess;
  readonly #routing: GroupRouting;
  readonly #folded: () => FoldedConfiguration | undefined;
  readonly #advertised: Address;

  /** `folded`: undefined while the data of this member is not open. */
  constructor(
    access: BrokerAccess,
    routing: GroupRouting,
    folded: () => FoldedConfiguration | undefined,
    advertised: Address,
  ) {
    this.#access = access;
    this.#routing = routing;
    this.#folded = folded;
    this.#advertised = advertised;
  }

  async routes(name: string, caller?: Caller): Promise<readonly BrokerRoute[]> {
    const topic = await this.#topic(name, caller);
    if (topic === undefined) return [];
    return [{ brokerName: this.#access.brokerName, ...this.#advertised, topic }];
  }

  async group(name: string): Promise<ConsumerGroupConfig> {
    const folded = this.#folded();
    const known = folded === undefined ? await this.#access.group(name) : folded.group(name);
    return known ?? defaultConsumerGroup(name);
  }

  broker(brokerName: string): BrokerAccess | undefined {
    return brokerName === this.#access.brokerName ? this.#access : undefined;
  }

  brokers(): readonly BrokerAccess[] {
    return [this.#access];
  }

  own(): BrokerAccess | undefined {
    return this.#routing.ports.leadership.local();
  }

  onMoved(listener: () => void): () => void {
    let before = this.#server();
    return this.#routing.onChange(() => {
      const now = this.#server();
      if (now === undefined || now === before) return;
      before = now;
      listener();
    });
  }

  /** Something that stands for who serves the group now; undefined while nobody does. */
  #server(): BrokerAccess | string | undefined {
    const { leadership } = this.#routing.ports;
    const master = leadership.master();
    return leadership.local() ?? (master === undefined ? undefined : formatAddress(master.address));
  }

  /** What is not here may be at the master, which is ahead; there it is created where first uses create. */
  async #topic(name: string, caller: Caller | undefined): Promise<TopicConfig | undefined> {
    return this.#folded()?.topic(name) ?? (await this.#access.autoCreateTopic(name, caller));
  }
}
