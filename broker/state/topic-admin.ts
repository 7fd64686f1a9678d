import { MqError } from '../../common/errors/mq-error.ts';
import type { ConsumerGroupConfig } from '../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../common/model/topic.ts';
import { RecordType } from '../store/record-type.ts';
import type { BrokerState } from './broker-state.ts';
import type { CommitPipeline } from './commit-pipeline.ts';
import type { Group } from './group-table.ts';
import { encodeChange, type GroupChange, type TopicChange } from './payload/change-record.ts';
import type { Topic } from './topic-table.ts';

export interface AdminLimits {
  readonly maxTopics: number;
  readonly maxQueues: number;
  readonly maxGroups: number;
}

/** Sees every creation under way and hands it on; for metrics. */
export type CreationListener = <T>(what: 'topic' | 'group', created: Promise<T>) => Promise<T>;

/** Changes topics and groups through the log. Concurrent creations of one name end in one topic. */
export class TopicAdmin {
  readonly #state: BrokerState;
  readonly #pipeline: CommitPipeline;
  readonly #limits: AdminLimits;
  readonly #onCreated: CreationListener;
  readonly #creatingTopics = new Map<string, Promise<Topic>>();
  readonly #creatingGroups = new Map<string, Promise<Group>>();
  /** Of creations and growth on their way through the log: the table does not count them yet. */
  #queuesUnderWay = 0;

  constructor(
    state: BrokerState,
    pipeline: CommitPipeline,
    limits: AdminLimits,
    onCreated: CreationListener,
  ) {
    this.#onCreated = onCreated;
    this.#state = state;
    this.#pipeline = pipeline;
    this.#limits = limits;
  }

  /** The topic of that name, created from `config` when it is not there. */
  ensureTopic(config: TopicConfig): Promise<Topic> {
    const existing = this.#state.topics.get(config.name);
    if (existing !== undefined) return Promise.resolve(existing);
    return once(this.#creatingTopics, config.name, () =>
      this.#onCreated('topic', this.#createTopic(config)),
    );
  }

  /** One queue, any message, nobody sends to it: what dead letters go to. */
  ensureSystemTopic(name: string): Promise<Topic> {
    return this.ensureTopic({
      name,
      type: 'NORMAL',
      queueCount: 1,
      permission: 'READ_WRITE',
      retentionMs: undefined,
    });
  }

  async createTopic(config: TopicConfig): Promise<Topic> {
    if (this.#state.topics.get(config.name) !== undefined)
      throw new MqError('topic-exists', { topic: config.name });
    return this.ensureTopic(config);
  }

  async updateTopic(config: TopicConfig): Promise<Topic> {
    const topic = this.#requireTopic(config.name);
    if (config.queueCount < topic.queueNos.length) {
      const current = topic.queueNos.length;
      throw new MqError('topic-shrink', {
        topic: config.name,
        current,
        requested: config.queueCount,
      });
    }
    if (config.type !== topic.config.type) {
      throw new MqError('topic-type-fixed', {
        topic: config.name,
        current: topic.config.type,
        requested: config.type,
      });
    }
    await this.#withQueues(config.queueCount - topic.queueNos.length, () =>
      this.#write(RecordType.TopicChange, this.#state.topics.planUpdate(topic, config)),
    );
    return topic;
  }

  async deleteTopic(name: string): Promise<void> {
    const topic = this.#requireTopic(name);
    await this.#write(RecordType.TopicChange, this.#state.topics.planDelete(topic));
  }

  ensureGroup(config: ConsumerGroupConfig): Promise<Group> {
    const existing = this.#state.groups.get(config.name);
    if (existing !== undefined) return Promise.resolve(existing);
    return once(this.#creatingGroups, config.name, () =>
      this.#onCreated('group', this.#createGroup(config)),
    );
  }

  async createGroup(config: ConsumerGroupConfig): Promise<Group> {
    if (this.#state.groups.get(config.name) !== undefined)
      throw new MqError('group-exists', { group: config.name });
    return this.ensureGroup(config);
  }

  async updateGroup(config: ConsumerGroupConfig): Promise<Group> {
    const group = this.#requireGroup(config.name);
    await this.#write(RecordType.GroupChange, { groupId: group.id, config });
    return group;
  }

  async deleteGroup(name: string): Promise<void> {
    const group = this.#requireGroup(name);
    await this.#write(RecordType.GroupChange, {
      groupId: group.id,
      config: group.config,
      deleted: true,
    });
  }

  async #createGroup(config: ConsumerGroupConfig): Promise<Group> {
    this.#require(
      this.#state.groups.count < this.#limits.maxGroups,
      'consumer groups',
      this.#limits.maxGroups,
    );
    const change = this.#state.groups.planCreate(config);
    await this.#write(RecordType.GroupChange, change);
    return present(this.#state.groups.byId(change.groupId), 'group-not-found', {
      group: config.name,
    });
  }

  async #createTopic(config: TopicConfig): Promise<Topic> {
    this.#require(
      this.#state.topics.count < this.#limits.maxTopics,
      'topics',
      this.#limits.maxTopics,
    );
    return this.#withQueues(config.queueCount, async () => {
      const change = this.#state.topics.planCreate(config);
      await this.#write(RecordType.TopicChange, change);
      return present(this.#state.topics.byId(change.topicId), 'topic-not-found', {
        topic: config.name,
      });
    });
  }

  async #write(
    type: typeof RecordType.TopicChange | typeof RecordType.GroupChange,
    change: TopicChange | GroupChange,
  ): Promise<void> {
    this.#pipeline.appendBytes(type, encodeChange(change));
    await this.#pipeline.whenFolded();
  }

  #requireTopic(name: string): Topic {
    return present(this.#state.topics.get(name), 'topic-not-found', { topic: name });
  }

  #requireGroup(name: string): Group {
    return present(this.#state.groups.get(name), 'group-not-found', { group: name });
  }

  /** Runs `change`, which makes `more` queues, unless they would be too many. */
  async #withQueues<T>(more: number, change: () => Promise<T>): Promise<T> {
    const { maxQueues } = this.#limits;
    const count = this.#state.topics.queueCount + this.#queuesUnderWay;
    this.#require(count + more <= maxQueues, 'queues', maxQueues);
    this.#queuesUnderWay += more;
    try {
      return await change();
    } finally {
      this.#queuesUnderWay -= more;
    }
  }

  #require(isWithin: boolean, what: string, limit: number): void {
    if (!isWithin) throw new MqError('limit-reached', { what, limit, count: limit });
  }
}

/** Runs `create` unless one for the same name is under way, whose result is shared. */
function once<T>(
  underWay: Map<string, Promise<T>>,
  name: string,
  create: () => Promise<T>,
): Promise<T> {
  const existing = underWay.get(name);
  if (existing !== undefined) return existing;
  const created = create().finally(() => underWay.delete(name));
  underWay.set(name, created);
  return created;
}

function present<T>(value: T | undefined, code: 'topic-not-found', fields: { topic: string }): T;
function present<T>(value: T | undefined, code: 'group-not-found', fields: { group: string }): T;
function present<T>(
  value: T | undefined,
  code: 'topic-not-found' | 'group-not-found',
  fields: object,
): T {
  if (value === undefined) throw new MqError(code, fields as { topic: string; group: string });
  return value;
}
