import { MqError } from '../../common/errors/mq-error.ts';
import { fullName, type MessageType } from '../../common/model/topic.ts';
import type { MessageView } from '../../common/wire/message-view.ts';
import { shown } from './text.ts';

/** Types that may share a request; the others get handles of their own and come one by one. */
const BATCHABLE: ReadonlySet<MessageType> = new Set(['NORMAL', 'FIFO']);

/** Throws unless the messages may travel together: there are some, not too many, all of one topic. Returns that topic. */
export function batchTopic(
  messages: readonly MessageView[],
  defaultNamespace: string,
  maxBatchMessages: number,
): string {
  const [first] = messages;
  if (first === undefined) throw new MqError('batch-empty', {});
  if (messages.length > maxBatchMessages) {
    throw new MqError('batch-too-large', { count: messages.length, limit: maxBatchMessages });
  }
  const topic = topicOf(first, defaultNamespace);
  for (const message of messages) {
    const other = topicOf(message, defaultNamespace);
    if (other === topic) continue;
    throw new MqError('batch-topics-differ', { first: shown(topic), second: shown(other) });
  }
  return topic;
}

/** Throws `batch-type-illegal` when one of several messages has to be sent alone. */
export function validateBatchTypes(types: readonly MessageType[]): void {
  if (types.length < 2) return;
  const alone = types.find((type) => !BATCHABLE.has(type));
  if (alone !== undefined) throw new MqError('batch-type-illegal', { messageType: alone });
}

function topicOf(message: MessageView, defaultNamespace: string): string {
  const namespace = message.topicNamespace;
  return fullName(namespace === '' ? defaultNamespace : namespace, message.topicName);
}
