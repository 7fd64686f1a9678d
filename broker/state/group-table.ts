import type { ConsumerGroupConfig } from '../../common/model/consumer-group.ts';
import { QueueProgress } from '../consume/core/queue-progress.ts';
import { parseTagFilter, type TagFilter } from '../consume/core/tag-filter.ts';
import type { GroupChange, SubscriptionChange } from './payload/change-record.ts';
import { tagHash } from './hash.ts';
import type { Topic } from './topic-table.ts';

/** A consumer group's standing on one topic. */
export interface GroupTopic {
  readonly group: Group;
  readonly topic: Topic;
  /** By queue id. */
  readonly queues: QueueProgress[];
}

export interface Group {
  readonly id: number;
  config: ConsumerGroupConfig;
  /** Filters in use by topic name, then by filter key: a message is skipped only when none of them wants it. */
  readonly filters: Map<string, Map<string, TagFilter>>;
  /** By topic id. */
  readonly topics: Map<number, GroupTopic>;
  /** Records below this log offset are already contained. */
  asOf: number;
}

/** Consumer groups by name and by id, folded from GroupChange and Subscription records. */
export class GroupTable {
  readonly #byName = new Map<string, Group>();
  readonly #byId = new Map<number, Group>();
  #nextId = 1;

  get count(): number {
    return this.#byId.size;
  }

  /** What the next group will be numbered; part of a snapshot, so that no number is ever used twice. */
  get nextId(): number {
    return this.#nextId;
  }

  /** Numbers below are taken. */
  reserveBelow(nextId: number): void {
    this.#nextId = Math.max(this.#nextId, nextId);
  }

  get(name: string): Group | undefined {
    return this.#byName.get(name);
  }

  byId(id: number): Group | undefined {
    return this.#byId.get(id);
  }

  all(): Iterable<Group> {
    return this.#byId.values();
  }

  planCreate(config: ConsumerGroupConfig): GroupChange {
    return { groupId: this.#nextId++, config, created: true };
  }

  /** Returns the group as it was created, changed or removed; undefined when there is none or it contains the change. */
  apply(change: GroupChange, offset: number): Group | undefined {
    this.reserveBelow(change.groupId + 1);
    const existing = this.#byId.get(change.groupId);
    if (change.deleted === true) {
      if (existing === undefined) return undefined;
      this.#byId.delete(existing.id);
      if (this.#byName.get(existing.config.name) === existing)
        this.#byName.delete(existing.config.name);
      return existing;
    }
    if (existing !== undefined) {
      if (offset < existing.asOf) return undefined;
      existing.config = change.config;
      return existing;
    }
    if (change.created !== true) return undefined;
    const group: Group = {
      id: change.groupId,
      config: change.config,
      filters: new Map(),
      topics: new Map(),
      asOf: offset,
    };
    this.#byId.set(group.id, group);
    this.#byName.set(group.config.name, group);
    return group;
  }

  applySubscription(change: SubscriptionChange, offset: number): Group | undefined {
    const group = this.#byId.get(change.groupId);
    if (group === undefined || offset < group.asOf) return undefined;
    const filters = group.filters.get(change.topic) ?? new Map<string, TagFilter>();
    if (change.dropped === true) {
      filters.delete(change.filterKey);
      if (filters.size === 0) group.filters.delete(change.topic);
      return group;
    }
    const filter = parseTagFilter(change.filterKey, tagHash);
    if ('refused' in filter) return undefined;
    filters.set(filter.key, filter);
    group.filters.set(change.topic, filters);
    return group;
  }
}

/** Adds what a topic has grown by; new queues are consumed from their beginning. */
export function growQueues(standing: GroupTopic): void {
  const { group, queues, topic } = standing;
  for (let id = queues.length; id < topic.queueNos.length; id++) {
    const place = {
      groupId: group.id,
      topicId: topic.id,
      queueId: id,
      queueNo: topic.queueNos[id] ?? 0,
    };
    queues.push(new QueueProgress(place, 0));
  }
}
