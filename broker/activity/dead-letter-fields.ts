import { DLQ_PREFIX, fullName } from '../../common/model/topic.ts';
import type { DeliveryFields } from '../../common/wire/delivered-message.ts';
import { MessageView } from '../../common/wire/message-view.ts';
import { storedMessageFields } from '../../common/wire/stored-message.ts';
import type { MessageInLog } from '../state/message-reader.ts';
import type { Topic } from '../state/topic-table.ts';

/** What a message says of its origin when it is delivered from a dead-letter topic; nothing for all others. */
export function deadLetterFields(
  topic: Topic,
  message: MessageInLog,
): Pick<DeliveryFields, 'topic' | 'deadLetter'> {
  if (!topic.config.name.startsWith(DLQ_PREFIX)) return {};
  const head = new MessageView(message.buffer, message.headStart, message.headEnd);
  const { messageId } = storedMessageFields(message.buffer, message.systemStart, message.systemEnd);
  return {
    topic: { namespace: '', name: topic.config.name },
    deadLetter: { topic: fullName(head.topicNamespace, head.topicName), messageId },
  };
}
