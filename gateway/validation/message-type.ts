import { MqError } from '../../common/errors/mq-error.ts';
import {
  DELIVERY_TIMESTAMP,
  LITE_TOPIC,
  MESSAGE_GROUP,
  PRIORITY,
} from '../../common/wire/message-fields.ts';
import type { SystemPropertiesView } from '../../common/wire/system-properties-view.ts';
import {
  acceptedMessageTypes,
  type MessageType,
  type TopicType,
} from '../../common/model/topic.ts';
import { MessageType as WireType } from '../../proto/generated/v2.ts';

/** Fields that make a message more than NORMAL; they exclude each other. */
const MARKS: readonly (readonly [field: number, type: MessageType])[] = [
  [MESSAGE_GROUP, 'FIFO'],
  [DELIVERY_TIMESTAMP, 'DELAY'],
  [LITE_TOPIC, 'LITE'],
  [PRIORITY, 'PRIORITY'],
];

/**
 * The type of a message from the fields that it has set, as clients derive it; only TRANSACTION has to be declared. Throws
 * `message-type-mixed` for two types at once.
 */
export function messageTypeOf(system: SystemPropertiesView): MessageType {
  let type: MessageType = system.messageType === WireType.TRANSACTION ? 'TRANSACTION' : 'NORMAL';
  for (const [field, marked] of MARKS) {
    if (!system.has(field)) continue;
    if (type !== 'NORMAL') throw new MqError('message-type-mixed', { first: type, second: marked });
    type = marked;
  }
  return type;
}

/** Throws `message-type-conflict` when the topic does not take messages of that type. */
export function validateTypeForTopic(type: MessageType, topic: string, topicType: TopicType): void {
  const accepted = acceptedMessageTypes(topicType);
  if (accepted.includes(type)) return;
  throw new MqError('message-type-conflict', {
    topic,
    accepted: accepted.join(', '),
    messageType: type,
  });
}
