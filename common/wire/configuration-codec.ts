/**
 * Topics and groups between the model and orbitmq.v1, as one node tells another. Enum numbers are places in the model's lists,
 * counted from 1; what a newer node may have added reads as the usual value.
 */
import {
  defaultConsumerGroup,
  START_POSITIONS,
  type ConsumerGroupConfig,
} from '../model/consumer-group.ts';
import type { Backoff } from '../model/retry-policy.ts';
import { PERMISSIONS, TOPIC_TYPES, type TopicConfig } from '../model/topic.ts';
import type {
  IBackoff,
  IConsumerGroupConfig,
  ITopicConfig,
} from '../../proto/generated/orbitmq.ts';

export function topicToWire(topic: TopicConfig): ITopicConfig {
  return {
    name: topic.name,
    type: TOPIC_TYPES.indexOf(topic.type) + 1,
    queueCount: topic.queueCount,
    permission: PERMISSIONS.indexOf(topic.permission) + 1,
    retentionMs: topic.retentionMs,
  };
}

/** Undefined for a topic without a name. */
export function topicFromWire(topic: ITopicConfig | null | undefined): TopicConfig | undefined {
  if (!topic?.name) return undefined;
  return {
    name: topic.name,
    type: TOPIC_TYPES[(topic.type ?? 0) - 1] ?? 'NORMAL',
    queueCount: topic.queueCount ?? 1,
    permission: PERMISSIONS[(topic.permission ?? 0) - 1] ?? 'READ_WRITE',
    retentionMs: topic.retentionMs ?? undefined,
  };
}

export function groupToWire(group: ConsumerGroupConfig): IConsumerGroupConfig {
  return {
    name: group.name,
    maxAttempts: group.maxAttempts,
    ordered: group.ordered,
    backoff: backoffToWire(group.backoff),
    startPosition: START_POSITIONS.indexOf(group.startPosition) + 1,
    paused: group.paused,
  };
}

/** Undefined for a group without a name. */
export function groupFromWire(
  group: IConsumerGroupConfig | null | undefined,
): ConsumerGroupConfig | undefined {
  if (!group?.name) return undefined;
  const usual = defaultConsumerGroup(group.name);
  return {
    name: group.name,
    maxAttempts: group.maxAttempts ?? usual.maxAttempts,
    ordered: group.ordered ?? usual.ordered,
    backoff: backoffFromWire(group.backoff) ?? usual.backoff,
    startPosition: START_POSITIONS[(group.startPosition ?? 0) - 1] ?? usual.startPosition,
    paused: group.paused ?? usual.paused,
  };
}

function backoffToWire(backoff: Backoff): IBackoff {
  if (backoff.kind === 'customized') return { customized: { stepsMs: [...backoff.stepsMs] } };
  const { initialMs, maxMs, multiplier } = backoff;
  return { exponential: { initialMs, maxMs, multiplier } };
}

function backoffFromWire(backoff: IBackoff | null | undefined): Backoff | undefined {
  if (backoff?.customized) {
    return { kind: 'customized', stepsMs: backoff.customized.stepsMs ?? [] };
  }
  if (!backoff?.exponential) return undefined;
  const { initialMs, maxMs, multiplier } = backoff.exponential;
  return {
    kind: 'exponential',
    initialMs: initialMs ?? 0,
    maxMs: maxMs ?? 0,
    multiplier: multiplier ?? 1,
  };
}
