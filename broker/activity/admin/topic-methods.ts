import type { ServiceMethod } from '../../../common/rpc/service-table.ts';
import { MqError } from '../../../common/errors/mq-error.ts';
import { topicToWire } from '../../../common/wire/configuration-codec.ts';
import { STATUS_OK } from '../../../common/errors/status.ts';
import { DLQ_PREFIX } from '../../../common/model/topic.ts';
import { validateTopicName } from '../../../gateway/validation/topic-name.ts';
import {
  AdminMethods,
  type IDescribeTopicResponse,
  type IQueueDescription,
  type IUpdateTopicRequest,
} from '../../../proto/generated/orbitmq.ts';
import type { Topic } from '../../state/topic-table.ts';
import type { BrokerServices } from '../broker-services.ts';
import { adminMethod } from '../../../gateway/admin/admin-method.ts';
import { permissionFromWire, positiveOrUndefined, topicFromWire } from './admin-model.ts';
import { pageOf } from '../../../gateway/admin/page.ts';

export function topicMethods(services: BrokerServices): [string, ServiceMethod][] {
  const { state, admin, options } = services;
  return [
    adminMethod(services, AdminMethods.CreateTopic, async ({ topic }) => {
      const config = topicFromWire(topic ?? {}, options);
      validateTopicName(config.name, options);
      return { topic: topicToWire((await admin.createTopic(config)).config) };
    }),
    adminMethod(services, AdminMethods.ListTopics, (request) => {
      const names = [...state.topics.all()].map((topic) => topic.config.name);
      const { page, nextPageToken } = pageOf(names, request);
      return {
        topics: page.map((name) => topicToWire(requireTopic(services, name).config)),
        nextPageToken,
      };
    }),
    adminMethod(services, AdminMethods.DescribeTopic, ({ name }) =>
      describeTopic(services, requireTopic(services, name)),
    ),
    adminMethod(services, AdminMethods.UpdateTopic, async (request) => {
      const topic = requireTopic(services, request.name);
      return { topic: topicToWire((await admin.updateTopic(updated(topic, request))).config) };
    }),
    adminMethod(services, AdminMethods.DeleteTopic, async ({ name }) => {
      await admin.deleteTopic(name);
      return {};
    }),
  ];
}

function requireTopic(services: BrokerServices, name: string): Topic {
  const topic = services.state.topics.get(name);
  if (topic === undefined) throw new MqError('topic-not-found', { topic: name });
  return topic;
}

function updated(topic: Topic, request: IUpdateTopicRequest): Topic['config'] {
  const { config } = topic;
  if (config.name.startsWith(DLQ_PREFIX) && (request.queueCount ?? 1) !== 1) {
    throw new MqError('field-illegal', {
      field: 'queue count',
      reason: 'of a dead-letter topic stays 1',
    });
  }
  const wanted = topicFromWire(
    { ...topicToWire(config), ...present(request) },
    { defaultQueueCount: config.queueCount },
  );
  return {
    ...wanted,
    permission: permissionFromWire(request.permission ?? 0, config.permission),
    retentionMs:
      request.retentionMs === null || request.retentionMs === undefined
        ? config.retentionMs
        : positiveOrUndefined(request.retentionMs, 'retention'),
  };
}

function present(request: IUpdateTopicRequest): Partial<IUpdateTopicRequest> {
  return Object.fromEntries(
    Object.entries(request).filter(([, value]) => value !== null && value !== undefined),
  );
}

async function describeTopic(
  services: BrokerServices,
  topic: Topic,
): Promise<IDescribeTopicResponse> {
  const queues: IQueueDescription[] = [];
  for (const [queueId, queueNo] of topic.queueNos.entries()) {
    const minOffset = services.state.index.minOffset(queueNo);
    const maxOffset = services.state.index.endOffset(queueNo);
    const last =
      maxOffset > minOffset ? await services.locator.entry(queueNo, maxOffset - 1) : undefined;
    queues.push({
      brokerName: services.options.brokerName,
      queueId,
      minOffset,
      maxOffset,
      lastStoreTimeMs:
        last === undefined ? undefined : (await services.reader.record(last)).storeTimeMs,
    });
  }
  const groups = [...services.state.groups.all()]
    .filter((group) => group.topics.has(topic.id) || group.filters.has(topic.config.name))
    .map((group) => group.config.name)
    .sort();
  return {
    topic: topicToWire(topic.config),
    queues,
    brokers: [{ brokerName: services.options.brokerName, status: STATUS_OK }],
    groups,
  };
}
