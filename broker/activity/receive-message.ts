import { STATUS_OK } from '../../common/errors/status.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import { queueOffset } from '../../common/model/offsets.ts';
import {
  composeMessageResponse,
  type DeliveryFields,
} from '../../common/wire/delivered-message.ts';
import type { ClientContext, ReceiveOutcome } from '../../gateway/broker-access.ts';
import { wholeMs } from '../../gateway/durations.ts';
import { isReadable } from '../../gateway/route.ts';
import {
  FilterType,
  type IFilterExpression,
  type IReceiveMessageRequest,
} from '../../proto/generated/v2.ts';
import { parseTagFilter, type TagFilter } from '../consume/core/tag-filter.ts';
import type { Delivery, ReceiveRequest } from '../consume/receiver.ts';
import type { GroupRuntime } from '../consume/group-runtime.ts';
import { tagHash } from '../state/hash.ts';
import { deadLetterFields } from './dead-letter-fields.ts';
import type { BrokerServices } from './broker-services.ts';

/** Hands out messages: at once, or when one arrives within the polling time that the gateway has worked out. */
export async function receiveMessage(
  services: BrokerServices,
  request: IReceiveMessageRequest,
  client: ClientContext,
): Promise<ReceiveOutcome> {
  const group = request.group?.name ?? '';
  const topic = request.messageQueue?.topic?.name ?? '';
  const filter = tagFilter(request.filterExpression);
  services.clients.touch(client.clientId);
  const runtime = await readableRuntime(services, group, topic, filter);
  const receive = receiveRequest(services, request, client, runtime, filter);
  const deliveries = await services.receiver.receive(receive);
  const nowMs = services.environment.clock.nowMs();
  if (deliveries.length === 0) {
    const { code, message } = services.status('message-not-found', {
      reason: 'arrived while the call was waiting',
    });
    return { status: { code, message }, messages: [], deliveryTimestampMs: nowMs };
  }
  const messages = deliveries.map((delivery) => compose(services, receive, delivery));
  services.traffic.messagesOut(runtime.standing, deliveries);
  return { status: STATUS_OK, messages, deliveryTimestampMs: nowMs };
}

async function readableRuntime(
  services: BrokerServices,
  group: string,
  topic: string,
  filter: TagFilter,
): Promise<GroupRuntime> {
  const known = services.state.topics.get(topic) ?? (await services.autoCreateTopic(topic));
  if (known === undefined) throw new MqError('topic-not-found', { topic });
  if (!isReadable(known.config.permission)) {
    throw new MqError('forbidden', { action: 'receiving', resource: `topic ${topic}` });
  }
  const runtime = await services.subscriptions.subscribe(group, topic, filter);
  if (runtime === undefined) throw new MqError('topic-not-found', { topic });
  return runtime;
}

function receiveRequest(
  services: BrokerServices,
  request: IReceiveMessageRequest,
  client: ClientContext,
  runtime: GroupRuntime,
  filter: TagFilter,
): ReceiveRequest {
  const { options } = services;
  const isRenewed = request.autoRenew === true;
  return {
    runtime,
    clientId: client.clientId,
    queueId: requestedQueue(services, request, runtime),
    filter,
    count: Math.min(Math.max(request.batchSize ?? 1, 1), options.receiveBatchMax),
    invisibleMs: isRenewed ? options.autoRenewInvisibleMs : wholeMs(request.invisibleDuration),
    renewMs: isRenewed ? options.autoRenewMaxMs : 0,
    pollMs: wholeMs(request.longPollingTimeout),
    signal: client.signal,
  };
}

function requestedQueue(
  services: BrokerServices,
  request: IReceiveMessageRequest,
  runtime: GroupRuntime,
): number {
  const queueId = request.messageQueue?.id ?? -1;
  const { queues, topic } = runtime.standing;
  if (queueId < queues.length) return Math.max(queueId, -1);
  throw new MqError('queue-not-found', {
    topic: topic.config.name,
    queueId,
    broker: services.options.brokerName,
  });
}

function compose(
  services: BrokerServices,
  request: ReceiveRequest,
  delivery: Delivery,
): Uint8Array {
  const { pending, message, attempt } = delivery;
  const { progress, offset } = pending;
  const fields: DeliveryFields = {
    queueId: progress.queueId,
    queueOffset: offset,
    storeTimestampMs: message.storeTimeMs,
    storeHost: services.storeHost,
    receiptHandle: services.receipts.encode({
      brokerName: services.options.brokerName,
      topicId: progress.topicId,
      groupId: progress.groupId,
      queueId: progress.queueId,
      queueOffset: queueOffset(offset),
      attempt,
      stamp: message.stamp,
    }),
    invisibleDurationMs: request.invisibleMs,
    deliveryAttempt: attempt,
    ...deadLetterFields(request.runtime.standing.topic, message),
  };
  return composeMessageResponse(message, fields);
}

/** The filter of a request or a subscription; SQL is not there yet. */
export function tagFilter(expression: IFilterExpression | null | undefined): TagFilter {
  if (expression?.type === FilterType.SQL)
    throw new MqError('not-implemented', { what: 'SQL filter' });
  const filter = parseTagFilter(expression?.expression ?? '', tagHash);
  if ('refused' in filter) throw new MqError('filter-illegal', { reason: filter.refused });
  return filter;
}
