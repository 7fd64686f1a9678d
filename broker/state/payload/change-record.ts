/**
 * Payloads of the rare records (TopicChange, GroupChange, Subscription, OffsetReset, Progress, Epoch): JSON in UTF-8. They carry every
 * id that the fold would otherwise have to count, so that a replay from a fuzzy snapshot gives the same ids.
 */
import type { ConsumerGroupConfig } from '../../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../../common/model/topic.ts';

/** The topic as it is from now on; `deleted` ends it with all its messages and every group's position on it. */
export interface TopicChange {
  readonly topicId: number;
  readonly config: TopicConfig;
  /** Index number of each queue, by queue id. */
  readonly queueNos: readonly number[];
  /** The first change of this id. Any other change of an id that is not there comes after its end, and means nothing. */
  readonly created?: true;
  readonly deleted?: true;
}

/** The group as it is from now on; `deleted` ends it with all its positions. */
export interface GroupChange {
  readonly groupId: number;
  readonly config: ConsumerGroupConfig;
  /** As for topics. */
  readonly created?: true;
  readonly deleted?: true;
}

/** A filter with which members of a group consume a topic; `dropped` when nobody has used it for long. */
export interface SubscriptionChange {
  readonly groupId: number;
  /** By name: a group may subscribe before the topic exists. */
  readonly topic: string;
  readonly filterKey: string;
  readonly dropped?: true;
}

/** Sets a group's position on a topic. */
export interface OffsetReset {
  readonly groupId: number;
  readonly topicId: number;
  /** One offset per queue id; resolved by the writer, since a replay may see the index further ahead. */
  readonly to: readonly number[];
  /** Only where the group has no position yet: two first receives at once must not move it twice. */
  readonly initial?: true;
}

/** Everything below `offset` is finished for the group although no acknowledgement says so (no filter matches it). */
export interface Progress {
  readonly groupId: number;
  readonly topicId: number;
  readonly queueId: number;
  readonly offset: number;
}

/** First record of a new master. */
export interface EpochChange {
  /** Member name of the master. */
  readonly master: string;
  /** Key of the group's receipt handles, base64: the same for every master. */
  readonly receiptKey: string;
}

/** Undefined fields are written as null-free absences and come back as undefined. */
export function encodeChange(change: object): Buffer {
  return Buffer.from(JSON.stringify(change), 'utf8');
}

export function decodeChange(buffer: Buffer, start: number, end: number): unknown {
  return JSON.parse(buffer.toString('utf8', start, end));
}
