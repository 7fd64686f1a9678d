import { MqError } from '../../common/errors/mq-error.ts';
import { statusOf } from '../../common/errors/status.ts';
import type { MessageType } from '../../common/model/topic.ts';
import {
  parseSendMessageRequest,
  type SendMessageView,
} from '../../common/wire/send-message-view.ts';
import { SendMessageResponse, type ISendMessageResponse } from '../../proto/generated/v2.ts';
import { brokerForSend } from '../broker-choice.ts';
import type { BrokerRoute } from '../broker-access.ts';
import { isWritable } from '../route.ts';
import type { UnaryRpc } from '../unary-rpc.ts';
import { batchTopic, validateBatchTypes } from '../validation/batch.ts';
import { validateMessage } from '../validation/message.ts';
import { messageTypeOf, validateTypeForTopic } from '../validation/message-type.ts';
import { validateSendTopic } from '../validation/topic-name.ts';

/** What a broker can store and deliver so far; the others would be kept without what their senders rely on. */
const STORED_TYPES: ReadonlySet<MessageType> = new Set(['NORMAL']);

export const sendMessage: UnaryRpc<SendMessageView, ISendMessageResponse> = {
  name: 'SendMessage',
  decode: parseSendMessageRequest,
  encode: (response) => SendMessageResponse.encode(response).finish(),
  failure: (status) => ({ status }),
  async handle(request, client, gateway) {
    const { options } = gateway;
    const topic = batchTopic(request.messages, client.namespace, options.maxBatchMessages);
    validateSendTopic(topic, options);
    for (const message of request.messages) validateMessage(message, options);
    const types = request.messages.map((message) => messageTypeOf(message.system));
    validateBatchTypes(types);

    const routes = await gateway.cluster.routes(topic, client);
    const writable = checkTopic(topic, routes, types);
    const [type] = types;
    if (type !== undefined && !STORED_TYPES.has(type)) return notImplemented(type, request);

    const messageGroup = request.messages[0]?.system.messageGroup;
    return brokerForSend(writable, messageGroup, gateway).sendMessage(request, client);
  },
};

/** Brokers that take messages of the topic. Throws when there are none, or the topic does not take these types. */
function checkTopic(
  topic: string,
  routes: readonly BrokerRoute[],
  types: readonly MessageType[],
): readonly BrokerRoute[] {
  const [first] = routes;
  if (first === undefined) throw new MqError('topic-not-found', { topic });
  const writable = routes.filter((route) => isWritable(route.topic.permission));
  if (writable.length === 0) {
    throw new MqError('forbidden', { action: 'send', resource: `topic ${topic}` });
  }
  for (const type of types) validateTypeForTopic(type, topic, first.topic.type);
  return writable;
}

function notImplemented(type: MessageType, request: SendMessageView): ISendMessageResponse {
  const status = statusOf('not-implemented', { what: `sending messages of type ${type}` });
  const entries = request.messages.map((message) => ({
    status,
    messageId: message.system.messageId,
  }));
  return { status, entries };
}
