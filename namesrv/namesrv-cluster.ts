import type { Clock } from '../common/environment/clock.ts';
import { MqError } from '../common/errors/mq-error.ts';
import { defaultConsumerGroup, type ConsumerGroupConfig } from '../common/model/consumer-group.ts';
import type { TopicConfig } from '../common/model/topic.ts';
import type { BrokerAccess, BrokerRoute, Cluster } from '../gateway/broker-access.ts';
import type { BrokerLink, BrokerLinks } from './broker-links.ts';
import type { BrokerGroup } from './registry/core/broker-group.ts';
import type { RegistryService } from './registry/registry-service.ts';

/** A topic that no broker wanted to create is not asked for again for so long. */
const MISSING_MS = 1_000;
const MISSING_MAX = 10_000;

/** The cluster as the brokers have registered it: routes and groups are answered from memory. */
export class NamesrvCluster implements Cluster {
  readonly #service: RegistryService;
  readonly #links: BrokerLinks;
  readonly #clock: Clock;
  /** First uses under way, by topic. */
  readonly #firstUses = new Map<string, Promise<readonly BrokerRoute[]>>();
  /** Until when a topic is taken to be missing; oldest first. */
  readonly #missing = new Map<string, number>();

  constructor(service: RegistryService, links: BrokerLinks, clock: Clock) {
    this.#service = service;
    this.#links = links;
    this.#clock = clock;
  }

  async routes(topic: string): Promise<readonly BrokerRoute[]> {
    const known = this.#service.registry.routes(topic);
    if (known.length === 0) return this.#onFirstUse(topic);
    return known.flatMap(({ group, topic: config }) => routeTo(group, config));
  }

  group(name: string): Promise<ConsumerGroupConfig> {
    return Promise.resolve(
      this.#service.registry.consumerGroup(name) ?? defaultConsumerGroup(name),
    );
  }

  /** Throws while a broker of that name may still register: a handle of it must not be called invalid. */
  broker(brokerName: string): BrokerAccess | undefined {
    const link = this.#links.link(brokerName);
    if (link === undefined) this.#requireWarm();
    return link?.access;
  }

  brokers(): readonly BrokerAccess[] {
    return this.#links.up().map(({ access }) => access);
  }

  onMoved(listener: () => void): () => void {
    return this.#service.watchProcesses(listener);
  }

  /** Each broker decides for itself whether the first use of a topic creates it there. */
  #onFirstUse(topic: string): Promise<readonly BrokerRoute[]> {
    this.#requireWarm();
    this.#requireKnown();
    const missingUntilMs = this.#missing.get(topic) ?? -Infinity;
    if (missingUntilMs > this.#clock.monotonicMs()) return Promise.resolve([]);
    const underWay = this.#firstUses.get(topic);
    if (underWay !== undefined) return underWay;
    const created = this.#askAll(topic).finally(() => this.#firstUses.delete(topic));
    this.#firstUses.set(topic, created);
    return created;
  }

  async #askAll(topic: string): Promise<readonly BrokerRoute[]> {
    const links = this.#links.up();
    const answers = await Promise.allSettled(links.map((link) => this.#ask(link, topic)));
    const routes = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (routes.length > 0) return routes;
    const failed = answers.find((answer) => answer.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    this.#noteMissing(topic);
    return [];
  }

  async #ask({ brokerName, access }: BrokerLink, name: string): Promise<BrokerRoute[]> {
    const topic = await access.autoCreateTopic(name);
    const group = this.#service.registry.broker(brokerName);
    return topic === undefined || group === undefined ? [] : routeTo(group, topic);
  }

  #noteMissing(topic: string): void {
    this.#missing.delete(topic);
    this.#missing.set(topic, this.#clock.monotonicMs() + MISSING_MS);
    if (this.#missing.size <= MISSING_MAX) return;
    const [oldest] = this.#missing.keys();
    if (oldest !== undefined) this.#missing.delete(oldest);
  }

  /** While a group fails over that no master has told of here, the topic may be one of its own. */
  #requireKnown(): void {
    const unknown = this.#service.registry.unknownGroup;
    if (unknown === undefined) return;
    const reason = `the master of ${unknown.name} has not told yet which topics it has`;
    throw new MqError('not-ready', { reason });
  }

  #requireWarm(): void {
    const reason = this.#service.warmUpReason();
    if (reason !== undefined) throw new MqError('not-ready', { reason });
  }
}

/** Always to the group's stable address: a failover changes no route. */
function routeTo(group: BrokerGroup, topic: TopicConfig): BrokerRoute[] {
  const { name: brokerName, advertised } = group;
  return advertised === undefined ? [] : [{ brokerName, ...advertised, topic }];
}
