import type { ConsumerGroupConfig } from '../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../common/model/topic.ts';
import { AdminRefusal, type BrokerAdmin } from '../../operator/reconcile/admin/broker-admin.ts';

/** The topics and consumer groups of one broker group, as its administration answers. */
export class FakeBroker implements BrokerAdmin {
  readonly topics = new Map<string, TopicConfig>();
  readonly groups = new Map<string, ConsumerGroupConfig>();
  /** By consumer group. */
  readonly lags = new Map<string, number>();
  readonly calls: string[] = [];
  isAway = false;
  refusal: string | undefined;

  async listTopics(): Promise<readonly TopicConfig[]> {
    this.#answer('list topics');
    return [...this.topics.values()];
  }

  async createTopic(topic: TopicConfig): Promise<void> {
    this.#change(`create topic ${topic.name}`);
    this.topics.set(topic.name, topic);
  }

  async updateTopic(name: string, change: Partial<TopicConfig>): Promise<void> {
    this.#change(`update topic ${name}`);
    const topic = { ...this.topics.get(name)!, ...change };
    this.topics.set(name, {
      ...topic,
      retentionMs: topic.retentionMs === 0 ? undefined : topic.retentionMs,
    });
  }

  async deleteTopic(name: string): Promise<void> {
    this.#change(`delete topic ${name}`);
    this.topics.delete(name);
  }

  async listGroups(): Promise<readonly ConsumerGroupConfig[]> {
    this.#answer('list groups');
    const lagging = [...this.lags.keys()].map((name) => ({ name }) as ConsumerGroupConfig);
    return [...this.groups.values(), ...lagging];
  }

  async createGroup(group: ConsumerGroupConfig): Promise<void> {
    this.#change(`create group ${group.name}`);
    this.groups.set(group.name, group);
  }

  async updateGroup(whole: ConsumerGroupConfig): Promise<void> {
    this.#change(`update group ${whole.name}`);
    this.groups.set(whole.name, whole);
  }

  async deleteGroup(name: string): Promise<void> {
    this.#change(`delete group ${name}`);
    this.groups.delete(name);
  }

  async lagOf(group: string): Promise<number> {
    this.#answer(`lag ${group}`);
    return this.lags.get(group) ?? 0;
  }

  #answer(call: string): void {
    this.calls.push(call);
    if (this.isAway) throw new Error('nobody answers');
  }

  #change(call: string): void {
    this.#answer(call);
    if (this.refusal !== undefined) throw new AdminRefusal(this.refusal, 'refused');
  }
}
