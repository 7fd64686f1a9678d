import { MqError } from '../../common/errors/mq-error.ts';
import { DLQ_PREFIX } from '../../common/model/topic.ts';
import { isBlank, shown } from './text.ts';

const ALLOWED = /^[%|a-zA-Z0-9_-]+$/;

/** Names that RocketMQ uses inside; nobody may send to or receive from them by accident. */
const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'TBW102',
  'SCHEDULE_TOPIC_XXXX',
  'TRANS_CHECK_MAX_TIME_TOPIC',
  'SELF_TEST_TOPIC',
  'OFFSET_MOVED_EVENT',
]);
const RESERVED_PREFIX = /^(rmq_sys_|%RETRY%)/i;

export interface NameLimits {
  readonly maxTopicNameLength: number;
  readonly maxGroupNameLength: number;
}

/** Throws `topic-illegal` unless `topic` (full name) may be routed, assigned and received from. */
export function validateTopicName(topic: string, limits: NameLimits): void {
  const reason = illegalTopic(topic, limits);
  if (reason !== undefined) throw new MqError('topic-illegal', { topic: shown(topic), reason });
}

/** As `validateTopicName`; refuses dead-letter topics too, since only the broker writes to them. */
export function validateSendTopic(topic: string, limits: NameLimits): void {
  validateTopicName(topic, limits);
  if (!topic.startsWith(DLQ_PREFIX)) return;
  throw new MqError('topic-illegal', {
    topic: shown(topic),
    reason: 'is a dead-letter topic, which only the broker writes to',
  });
}

function illegalTopic(topic: string, limits: NameLimits): string | undefined {
  if (isBlank(topic)) return 'is blank';
  // A dead-letter topic is named after its group, which may be longer than a topic.
  const lengthMax = topic.startsWith(DLQ_PREFIX)
    ? DLQ_PREFIX.length + limits.maxGroupNameLength
    : limits.maxTopicNameLength;
  if (topic.length > lengthMax) return `has more than ${lengthMax} characters`;
  if (!ALLOWED.test(topic)) return 'has a character that is not allowed';
  if (RESERVED_NAMES.has(topic) || RESERVED_PREFIX.test(topic)) return 'is reserved';
  return undefined;
}
