/** What an administrator asks for, as model: checked, defaults filled in. Enum numbers are places in the model's lists, from 1. */
import { MqError } from '../../../common/errors/mq-error.ts';
import {
  defaultConsumerGroup,
  START_POSITIONS,
  type ConsumerGroupConfig,
} from '../../../common/model/consumer-group.ts';
import type { NodeOptions } from '../../../common/options/node-options.ts';
import { DEFAULT_CONSUMER_BACKOFF, type Backoff } from '../../../common/model/retry-policy.ts';
import {
  PERMISSIONS,
  TOPIC_TYPES,
  type Permission,
  type TopicConfig,
} from '../../../common/model/topic.ts';
import type {
  IBackoff,
  IConsumerGroupConfig,
  ITopicConfig,
} from '../../../proto/generated/orbitmq.ts';

const QUEUES_MAX = 1_024;
const ATTEMPTS_MAX = 10_000;
const BACKOFF_STEPS_MAX = 64;

export function topicFromWire(
  topic: ITopicConfig,
  defaults: Pick<NodeOptions, 'defaultQueueCount'>,
): TopicConfig {
  const queueCount = topic.queueCount ?? 0;
  return {
    name: topic.name ?? '',
    type: enumName(TOPIC_TYPES, topic.type ?? 0, 'NORMAL', 'topic type'),
    queueCount:
      queueCount === 0
        ? defaults.defaultQueueCount
        : inRange(queueCount, 1, QUEUES_MAX, 'queue count'),
    permission: permissionFromWire(topic.permission ?? 0, 'READ_WRITE'),
    retentionMs: positiveOrUndefined(topic.retentionMs, 'retention'),
  };
}

export function permissionFromWire(value: number, fallback: Permission): Permission {
  return enumName(PERMISSIONS, value, fallback, 'permission');
}

export function positiveOrUndefined(
  value: number | null | undefined,
  what: string,
): number | undefined {
  if (value === null || value === undefined || value === 0) return undefined;
  return inRange(value, 1, Number.MAX_SAFE_INTEGER, what);
}

export function groupFromWire(
  group: IConsumerGroupConfig,
  options: Pick<NodeOptions, 'groupStartPosition'>,
): ConsumerGroupConfig {
  const base = defaultConsumerGroup(group.name ?? '');
  const maxAttempts = group.maxAttempts ?? 0;
  return {
    name: base.name,
    maxAttempts: maxAttempts === 0 ? base.maxAttempts : attemptsFromWire(maxAttempts),
    ordered: group.ordered ?? false,
    backoff: backoffFromWire(group.backoff),
    startPosition: enumName(
      START_POSITIONS,
      group.startPosition ?? 0,
      options.groupStartPosition,
      'start position',
    ),
    paused: group.paused ?? false,
  };
}

export function attemptsFromWire(value: number): number {
  return inRange(value, 1, ATTEMPTS_MAX, 'max attempts');
}

export function startPositionFromWire(value: number): ConsumerGroupConfig['startPosition'] {
  return enumName(START_POSITIONS, value, 'latest', 'start position');
}

export function backoffFromWire(backoff: IBackoff | null | undefined): Backoff {
  if (backoff?.exponential) return exponentialFromWire(backoff.exponential);
  const stepsMs = backoff?.customized?.stepsMs ?? [];
  if (stepsMs.length === 0) return DEFAULT_CONSUMER_BACKOFF;
  inRange(stepsMs.length, 1, BACKOFF_STEPS_MAX, 'number of backoff steps');
  return {
    kind: 'customized',
    stepsMs: stepsMs.map((step) => inRange(step, 0, Number.MAX_SAFE_INTEGER, 'backoff step')),
  };
}

function exponentialFromWire(backoff: NonNullable<IBackoff['exponential']>): Backoff {
  const initialMs = backoff.initialMs ?? 0;
  return {
    kind: 'exponential',
    initialMs: inRange(initialMs, 1, Number.MAX_SAFE_INTEGER, 'initial backoff'),
    maxMs: inRange(backoff.maxMs ?? 0, initialMs, Number.MAX_SAFE_INTEGER, 'largest backoff'),
    multiplier: inRange(backoff.multiplier ?? 1, 1, 1_000, 'backoff multiplier'),
  };
}

function enumName<Name extends string>(
  names: readonly Name[],
  value: number,
  fallback: Name,
  what: string,
): Name {
  if (value === 0) return fallback;
  const name = names[value - 1];
  if (name === undefined)
    throw new MqError('field-illegal', { field: what, reason: `${value} is not known` });
  return name;
}

function inRange(value: number, min: number, max: number, what: string): number {
  if (value >= min && value <= max) return value;
  throw new MqError('field-illegal', {
    field: what,
    reason: `${value} is not between ${min} and ${max}`,
  });
}
