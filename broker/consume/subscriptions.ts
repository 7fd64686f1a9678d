import type { Clock } from '../../common/environment/clock.ts';
import type { Logger } from '../../common/log/logger.ts';
import { defaultConsumerGroup, type StartPosition } from '../../common/model/consumer-group.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import type { BrokerState } from '../state/broker-state.ts';
import type { CommitPipeline } from '../state/commit-pipeline.ts';
import type { Group } from '../state/group-table.ts';
import {
  encodeChange,
  type OffsetReset,
  type SubscriptionChange,
} from '../state/payload/change-record.ts';
import type { TopicAdmin } from '../state/topic-admin.ts';
import type { Topic } from '../state/topic-table.ts';
import { RecordType } from '../store/record-type.ts';
import type { ClientRegistry } from './client-registry.ts';
import type { Consumption } from './consumption.ts';
import type { TagFilter } from './core/tag-filter.ts';
import type { GroupRuntime } from './group-runtime.ts';

/** A filter that no live member has asked for in this time is dropped from its group. */
const FILTER_FORGET_MS = 15 * 60 * 1_000;
/** Different filters of one group on one topic. */
const FILTERS_PER_TOPIC_MAX = 32;

export interface SubscriptionsPorts {
  readonly state: BrokerState;
  readonly pipeline: CommitPipeline;
  readonly topics: TopicAdmin;
  readonly consumption: Consumption;
  readonly clients: ClientRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface SubscriptionOptions {
  readonly autoCreateGroups: boolean;
  readonly groupStartPosition: StartPosition;
}

interface Announcement {
  /** Next offset by queue id; empty for a topic that was not there. */
  readonly ends: readonly number[];
  /** Registrations that still need it. */
  count: number;
}

/** Names hold no line feed. */
function announcementKey(group: string, topic: string): string {
  return `${group}\n${topic}`;
}

/**
 * Which groups consume which topics with which filters; durable, because it decides what a group may skip. A message is
 * passed over for good only when no filter of the group wants it, so members that subscribe differently lose nothing.
 */
export class Subscriptions {
  readonly #ports: SubscriptionsPorts;
  readonly #options: SubscriptionOptions;
  /** Groups whose disagreement has been logged, with its description, so that each one is said once. */
  readonly #reported = new Map<string, string>();
  /** Ends of topics when a member of a group that has no position there announced itself; as many as registrations under way. */
  readonly #announced = new Map<string, Announcement>();

  constructor(ports: SubscriptionsPorts, options: SubscriptionOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** The group, created with defaults on first use where that is allowed. */
  async group(name: string): Promise<Group> {
    const existing = this.#ports.state.groups.get(name);
    if (existing !== undefined) return existing;
    if (!this.#options.autoCreateGroups) throw new MqError('group-not-found', { group: name });
    const startPosition = this.#options.groupStartPosition;
    return this.#ports.topics.ensureGroup({ ...defaultConsumerGroup(name), startPosition });
  }

  /**
   * A member has just announced itself and is told so at once, before its group's position is stored: what is sent from this
   * moment on must reach it. Remembers where each topic ends now; `forgetAnnouncement` when the subscriptions are made.
   */
  announce(groupName: string, topicNames: readonly string[]): void {
    for (const topicName of topicNames) {
      const topic = this.#ports.state.topics.get(topicName);
      const group = this.#ports.state.groups.get(groupName);
      if (topic !== undefined && group?.topics.has(topic.id) === true) continue;
      const key = announcementKey(groupName, topicName);
      const known = this.#announced.get(key);
      if (known !== undefined) known.count++;
      else this.#announced.set(key, { ends: [...(topic?.nextOffsets ?? [])], count: 1 });
    }
  }

  forgetAnnouncement(groupName: string, topicNames: readonly string[]): void {
    for (const topicName of topicNames) {
      const key = announcementKey(groupName, topicName);
      const known = this.#announced.get(key);
      if (known !== undefined && --known.count <= 0) this.#announced.delete(key);
    }
  }

  /** Makes sure that the group has a position on the topic and is known to use the filter. */
  async subscribe(
    groupName: string,
    topicName: string,
    filter: TagFilter,
  ): Promise<GroupRuntime | undefined> {
    const group = this.#ports.state.groups.get(groupName) ?? (await this.group(groupName));
    if (group.filters.get(topicName)?.has(filter.key) !== true)
      await this.#addFilter(group, topicName, filter);
    const topic = this.#ports.state.topics.get(topicName);
    if (topic === undefined) return undefined;
    const standing = group.topics.get(topic.id) ?? (await this.#addStanding(group, topic));
    const runtime = this.#ports.consumption.runtime(standing);
    runtime.filterUsedMs.set(filter.key, this.#ports.clock.monotonicMs());
    return runtime;
  }

  /** Says once, when it begins and when it ends, that the members of a group subscribe differently. */
  checkConsistency(group: string): void {
    const conflicts = this.#ports.clients.conflicts(group);
    const description = conflicts
      .map(
        ({ topic, variants }) =>
          `${topic}: ${variants.map((v) => v.filterKey ?? 'not subscribed').join(' | ')}`,
      )
      .join('; ');
    const before = this.#reported.get(group) ?? '';
    if (description === before) return;
    if (description === '') {
      this.#reported.delete(group);
      this.#ports.logger.info('members of the consumer group subscribe alike again', { group });
      return;
    }
    this.#reported.set(group, description);
    this.#ports.logger.warn(
      'members of one consumer group subscribe differently; each gets what it asks for',
      {
        group,
        subscriptions: description,
      },
    );
  }

  /** Groups whose live members disagree now. */
  get inconsistentGroups(): number {
    return this.#reported.size;
  }

  /**
   * Drops filters that nobody has used for long, so that they no longer hold messages back. The time passes only while
   * somebody of the group is there: the first member that comes back would otherwise pass by what the others want.
   */
  forgetUnused(): void {
    const nowMs = this.#ports.clock.monotonicMs();
    for (const runtime of this.#ports.consumption.all()) {
      const { group, topic } = runtime.standing;
      if (runtime.filters.size < 2) continue;
      const members = [...this.#ports.clients.members(group.config.name)];
      const live = new Set(members.map((member) => member.filters.get(topic.config.name)?.key));
      for (const key of runtime.filters.keys()) {
        const usedMs = runtime.filterUsedMs.get(key);
        if (usedMs === undefined || members.length === 0) runtime.filterUsedMs.set(key, nowMs);
        else if (usedMs < nowMs - FILTER_FORGET_MS && !live.has(key)) this.#drop(group, topic, key);
      }
    }
  }

  async #addFilter(group: Group, topic: string, filter: TagFilter): Promise<void> {
    if ((group.filters.get(topic)?.size ?? 0) >= FILTERS_PER_TOPIC_MAX) {
      throw new MqError('limit-reached', {
        what: `different filters of group ${group.config.name} on topic ${topic}`,
        count: FILTERS_PER_TOPIC_MAX,
        limit: FILTERS_PER_TOPIC_MAX,
      });
    }
    const change: SubscriptionChange = { groupId: group.id, topic, filterKey: filter.key };
    this.#ports.pipeline.appendBytes(RecordType.Subscription, encodeChange(change));
    await this.#ports.pipeline.whenFolded();
  }

  async #addStanding(group: Group, topic: Topic): Promise<Parameters<Consumption['runtime']>[0]> {
    const { state, pipeline } = this.#ports;
    const atEnd = group.config.startPosition === 'latest';
    const announced = this.#announced.get(announcementKey(group.config.name, topic.config.name));
    // A topic that was not there when the member announced itself is consumed from its first message.
    const end = (id: number): number =>
      (announced === undefined ? topic.nextOffsets[id] : announced.ends[id]) ?? 0;
    const to = topic.queueNos.map((queueNo, id) =>
      atEnd ? end(id) : state.index.minOffset(queueNo),
    );
    const reset: OffsetReset = { groupId: group.id, topicId: topic.id, to, initial: true };
    pipeline.appendBytes(RecordType.OffsetReset, encodeChange(reset));
    await pipeline.whenFolded();
    const standing = group.topics.get(topic.id);
    if (standing === undefined) throw new MqError('topic-not-found', { topic: topic.config.name });
    return standing;
  }

  #drop(group: Group, topic: Topic, filterKey: string): void {
    const change: SubscriptionChange = {
      groupId: group.id,
      topic: topic.config.name,
      filterKey,
      dropped: true,
    };
    try {
      this.#ports.pipeline.appendBytes(RecordType.Subscription, encodeChange(change));
    } catch (error) {
      // The log takes nothing now; the next sweep tries again.
      this.#ports.logger.debug('an unused filter could not be dropped yet', {
        group: group.config.name,
        error,
      });
    }
  }
}
