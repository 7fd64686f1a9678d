import { MqError } from '../../common/errors/mq-error.ts';
import { STATUS_OK, type ProtocolStatus } from '../../common/errors/status.ts';
import { fullName } from '../../common/model/topic.ts';
import type { MessageView } from '../../common/wire/message-view.ts';
import type { SendMessageView } from '../../common/wire/send-message-view.ts';
import type { ClientContext } from '../../gateway/broker-access.ts';
import { combinedStatus } from '../../gateway/combined-status.ts';
import { isWritable } from '../../gateway/route.ts';
import type { ISendMessageResponse, ISendResultEntry } from '../../proto/generated/v2.ts';
import type { StoredReceipt } from '../state/message-writer.ts';
import type { Topic } from '../state/topic-table.ts';
import type { BrokerServices } from './broker-services.ts';

/** Stores the messages of one request; all in one queue, in their order. */
export async function sendMessage(
  services: BrokerServices,
  request: SendMessageView,
  client: ClientContext,
): Promise<ISendMessageResponse> {
  const [first] = request.messages;
  if (first === undefined) throw new MqError('batch-empty', {});
  const topic = await writableTopic(services, first, client);
  const queueId = nextQueue(topic);
  const entries = await Promise.all(
    request.messages.map((message) => sendOne(services, topic, queueId, message)),
  );
  return { status: combinedStatus(entries), entries };
}

async function writableTopic(
  services: BrokerServices,
  message: MessageView,
  client: ClientContext,
): Promise<Topic> {
  services.health.requireWritable();
  const name = fullName(
    message.topicNamespace === '' ? client.namespace : message.topicNamespace,
    message.topicName,
  );
  const topic = services.state.topics.get(name) ?? (await services.autoCreateTopic(name));
  if (topic === undefined) throw new MqError('topic-not-found', { topic: name });
  if (!isWritable(topic.config.permission)) {
    throw new MqError('forbidden', { action: 'sending', resource: `topic ${name}` });
  }
  return topic;
}

/** Clients disagree about the queue id that they put into a message (several leave it 0), so the broker takes turns. */
function nextQueue(topic: Topic): number {
  const queueId = topic.nextQueue % topic.queueNos.length;
  topic.nextQueue = queueId + 1;
  return queueId;
}

async function sendOne(
  services: BrokerServices,
  topic: Topic,
  queueId: number,
  message: MessageView,
): Promise<ISendResultEntry> {
  const { messageId } = message.system;
  try {
    const receipt = await services.confirmed(services.writer.write(topic, queueId, message));
    if (receipt.isDuplicate) services.traffic.duplicateSend();
    else services.traffic.messageIn(topic, message);
    return entryOf(STATUS_OK, messageId, receipt);
  } catch (error) {
    return entryOf(services.toStatus('SendMessage', error), messageId, undefined);
  }
}

function entryOf(
  status: ProtocolStatus,
  messageId: string,
  receipt: StoredReceipt | undefined,
): ISendResultEntry {
  return {
    status,
    messageId,
    transactionId: '',
    offset: receipt?.queueOffset ?? 0,
    recallHandle: '',
  };
}
