import { defaultConsumerGroup, type ConsumerGroupConfig } from '../common/model/consumer-group.ts';
import type { BrokerAccess, BrokerRoute, Cluster } from '../gateway/broker-access.ts';

/** A cluster of one broker, as its own gateway sees it. */
export class LocalCluster implements Cluster {
  readonly #access: BrokerAccess;
  readonly #advertised: { readonly host: string; readonly port: number };

  constructor(access: BrokerAccess, advertised: { readonly host: string; readonly port: number }) {
    this.#access = access;
    this.#advertised = advertised;
  }

  async routes(name: string): Promise<readonly BrokerRoute[]> {
    const topic = (await this.#access.topic(name)) ?? (await this.#access.autoCreateTopic(name));
    if (topic === undefined) return [];
    return [{ brokerName: this.#access.brokerName, ...this.#advertised, topic }];
  }

  async group(name: string): Promise<ConsumerGroupConfig> {
    return (await this.#access.group(name)) ?? defaultConsumerGroup(name);
  }

  broker(brokerName: string): BrokerAccess | undefined {
    return brokerName === this.#access.brokerName ? this.#access : undefined;
  }

  brokers(): readonly BrokerAccess[] {
    return [this.#access];
  }
}
