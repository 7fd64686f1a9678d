/** What kind of messages a topic takes. `MIXED` takes all of the first four, as in RocketMQ. */
export const TOPIC_TYPES = ['NORMAL', 'FIFO', 'DELAY', 'TRANSACTION', 'MIXED'] as const;
export type TopicType = (typeof TOPIC_TYPES)[number];

/** The type that a client derives for one message from the fields it has set. */
export type MessageType = 'NORMAL' | 'FIFO' | 'DELAY' | 'TRANSACTION' | 'LITE' | 'PRIORITY';

export const PERMISSIONS = ['NONE', 'READ', 'WRITE', 'READ_WRITE'] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** What an administrator can say of a topic; the same on every broker group of a cluster. */
export interface TopicConfig {
  /** Full name: `namespace%name` when the resource has a namespace, else the bare name. */
  readonly name: string;
  readonly type: TopicType;
  /** Queues on each broker group, ids 0..queueCount-1. Can grow, never shrink. */
  readonly queueCount: number;
  readonly permission: Permission;
  /** Messages older than this may be deleted; undefined = the broker's default. */
  readonly retentionMs: number | undefined;
}

/** Types of message that a topic of `type` accepts, in the order in which routes list them. */
export function acceptedMessageTypes(type: TopicType): readonly MessageType[] {
  return type === 'MIXED' ? ['NORMAL', 'FIFO', 'DELAY', 'TRANSACTION'] : [type];
}

const NAMESPACE_SEPARATOR = '%';

/** Joins a protobuf Resource into the one name by which a topic or group is known inside. */
export function fullName(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}${NAMESPACE_SEPARATOR}${name}`;
}

export const DLQ_PREFIX = '%DLQ%';

/** The dead-letter topic of a consumer group. */
export function deadLetterTopic(group: string): string {
  return `${DLQ_PREFIX}${group}`;
}
