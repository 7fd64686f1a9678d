import { MqError } from '../../../common/errors/mq-error.ts';
import type { ServiceMethod } from '../../../common/rpc/service-table.ts';
import { composeMessage } from '../../../common/wire/delivered-message.ts';
import {
  AdminMethods,
  type IBrokerDescription,
  type IPeekMessagesRequest,
  type IPeekMessagesResponse,
} from '../../../proto/generated/orbitmq.ts';
import { Message, type IMessage } from '../../../proto/generated/v2.ts';
import { matches } from '../../consume/core/tag-filter.ts';
import { tagOf } from '../../consume/stored-tag.ts';
import type { Topic } from '../../state/topic-table.ts';
import type { BrokerServices } from '../broker-services.ts';
import { deadLetterFields } from '../dead-letter-fields.ts';
import { tagFilter } from '../receive-message.ts';
import { adminMethod } from '../../../gateway/admin/admin-method.ts';

const PEEK_MESSAGES_MAX = 32;
const PEEK_BYTES_MAX = 3 * 1024 * 1024;
/** Messages looked at for one answer when a filter passes over most of them. */
const PEEK_LOOKED_MAX = 10_000;

export function clusterMethods(services: BrokerServices, describeNode: () => IBrokerDescription): [string, ServiceMethod][] {
  return [
    adminMethod(services, AdminMethods.DescribeCluster, () => ({
      clusterName: services.options.clusterName,
      brokers: [describeBroker(services, describeNode())],
    })),
    adminMethod(services, AdminMethods.PeekMessages, (request) => peekMessages(services, request)),
  ];
}

function describeBroker(services: BrokerServices, node: IBrokerDescription): IBrokerDescription {
  const { state, health, clients, options } = services;
  const refusal = health.refusal();
  let queueCount = 0;
  for (const topic of state.topics.all()) queueCount += topic.queueNos.length;
  return {
    ...node,
    brokerName: options.brokerName,
    writable: refusal === undefined,
    notWritableReason: refusal?.message ?? '',
    confirmOffset: state.foldedOffset,
    topicCount: state.topics.count,
    groupCount: state.groups.count,
    queueCount,
    clientCount: [...clients.consumers()].length + [...clients.producers()].length,
  };
}

/** Walks the wanted queues from the wanted offset; bounded by count, bytes and messages looked at. */
async function peekMessages(services: BrokerServices, request: IPeekMessagesRequest): Promise<IPeekMessagesResponse> {
  const topic = services.state.topics.get(request.topic ?? '');
  if (topic === undefined) throw new MqError('topic-not-found', { topic: request.topic ?? '' });
  const wanted = request.maxMessages ?? 0;
  const count = wanted === 0 ? PEEK_MESSAGES_MAX : Math.min(Math.max(wanted, 1), PEEK_MESSAGES_MAX);
  const queueIds = wantedQueues(services, topic, request);
  const filter = tagFilter(request.filter);
  const messages: IMessage[] = [];
  let bytes = 0;
  let looked = 0;
  let nextOffset: number | undefined;
  for (const queueId of queueIds) {
    const queueNo = topic.queueNos[queueId] ?? 0;
    const end = services.state.index.endOffset(queueNo);
    let offset = Math.max(request.offset ?? 0, services.state.index.minOffset(queueNo));
    for (; offset < end && messages.length < count && looked < PEEK_LOOKED_MAX; offset++, looked++) {
      const found = await services.locator.entry(queueNo, offset);
      if (found === undefined) continue;
      if (messages.length > 0 && bytes + found.bytes > PEEK_BYTES_MAX) break;
      const [message] = await services.reader.read([found]);
      if (message === undefined || !matches(filter, tagOf(message))) continue;
      const fields = {
        queueId,
        queueOffset: offset,
        storeTimestampMs: message.storeTimeMs,
        storeHost: services.storeHost,
        ...deadLetterFields(topic, message),
      };
      messages.push(Message.decode(composeMessage(message, fields)));
      bytes += found.bytes;
    }
    if (queueIds.length === 1) nextOffset = offset;
    if (messages.length >= count || looked >= PEEK_LOOKED_MAX) break;
  }
  return { messages, nextOffset };
}

function wantedQueues(services: BrokerServices, topic: Topic, request: IPeekMessagesRequest): number[] {
  const { queueId, offset, brokerName } = request;
  const own = services.options.brokerName;
  if (brokerName && brokerName !== own) throw new MqError('broker-not-found', { broker: brokerName });
  if (queueId === null || queueId === undefined) {
    if (offset) throw new MqError('field-illegal', { field: 'offset', reason: 'needs a queue_id' });
    return topic.queueNos.map((_, id) => id);
  }
  if (queueId >= 0 && queueId < topic.queueNos.length) return [queueId];
  throw new MqError('queue-not-found', { topic: topic.config.name, queueId, broker: own });
}
