import { MqError } from '../../../common/errors/mq-error.ts';
import { groupToWire } from '../../../common/wire/configuration-codec.ts';
import type { ServiceMethod } from '../../../common/rpc/service-table.ts';
import { validateGroupName } from '../../../gateway/validation/group-name.ts';
import {
  AdminMethods,
  type IDescribeConsumerGroupResponse,
  type IGroupClient,
  type IQueueProgress,
  type ISubscriptionConflict,
  type IUpdateConsumerGroupRequest,
} from '../../../proto/generated/orbitmq.ts';
import { ClientType, FilterType } from '../../../proto/generated/v2.ts';
import type { QueueProgress } from '../../consume/core/queue-progress.ts';
import type { Group, GroupTopic } from '../../state/group-table.ts';
import type { BrokerServices } from '../broker-services.ts';
import { adminMethod } from '../../../gateway/admin/admin-method.ts';
import {
  attemptsFromWire,
  backoffFromWire,
  groupFromWire,
  startPositionFromWire,
} from './admin-model.ts';
import { pageOf } from '../../../gateway/admin/page.ts';

export function groupMethods(services: BrokerServices): [string, ServiceMethod][] {
  const { state, admin, options } = services;
  return [
    adminMethod(services, AdminMethods.CreateConsumerGroup, async ({ group }) => {
      const config = groupFromWire(group ?? {}, options);
      validateGroupName(config.name, options);
      return { group: groupToWire((await admin.createGroup(config)).config) };
    }),
    adminMethod(services, AdminMethods.ListConsumerGroups, (request) => {
      const names = [...state.groups.all()].map((group) => group.config.name);
      const { page, nextPageToken } = pageOf(names, request);
      return {
        groups: page.map((name) => groupToWire(requireGroup(services, name).config)),
        nextPageToken,
      };
    }),
    adminMethod(services, AdminMethods.DescribeConsumerGroup, ({ name }) =>
      describeGroup(services, requireGroup(services, name)),
    ),
    adminMethod(services, AdminMethods.UpdateConsumerGroup, async (request) => {
      const group = requireGroup(services, request.name);
      return { group: groupToWire((await admin.updateGroup(updated(group, request))).config) };
    }),
    adminMethod(services, AdminMethods.DeleteConsumerGroup, async ({ name }) => {
      await admin.deleteGroup(name);
      return {};
    }),
    adminMethod(services, AdminMethods.ListGroupClients, ({ group }) => ({
      clients: members(services, group),
      conflicts: conflicts(services, group),
    })),
  ];
}

function requireGroup(services: BrokerServices, name: string): Group {
  const group = services.state.groups.get(name);
  if (group === undefined) throw new MqError('group-not-found', { group: name });
  return group;
}

function updated({ config }: Group, request: IUpdateConsumerGroupRequest): Group['config'] {
  return {
    name: config.name,
    maxAttempts: request.maxAttempts ? attemptsFromWire(request.maxAttempts) : config.maxAttempts,
    ordered: request.ordered ?? config.ordered,
    backoff: request.backoff ? backoffFromWire(request.backoff) : config.backoff,
    startPosition: request.startPosition
      ? startPositionFromWire(request.startPosition)
      : config.startPosition,
    paused: request.paused ?? config.paused,
  };
}

async function describeGroup(
  services: BrokerServices,
  group: Group,
): Promise<IDescribeConsumerGroupResponse> {
  const queues: IQueueProgress[] = [];
  const standings = [...group.topics.values()].sort((a, b) =>
    compare(a.topic.config.name, b.topic.config.name),
  );
  for (const standing of standings) {
    for (const queue of standing.queues)
      queues.push(await describeProgress(services, standing, queue));
  }
  const { name } = group.config;
  return {
    group: groupToWire(group.config),
    queues,
    members: members(services, name),
    conflicts: conflicts(services, name),
  };
}

async function describeProgress(
  services: BrokerServices,
  standing: GroupTopic,
  queue: QueueProgress,
): Promise<IQueueProgress> {
  const maxOffset = services.state.index.endOffset(queue.queueNo);
  const committedOffset = Math.max(queue.committed, services.state.index.minOffset(queue.queueNo));
  const states = [...queue.allPending()].map((pending) => pending.state);
  const oldest =
    committedOffset < maxOffset
      ? await services.locator.entry(queue.queueNo, committedOffset)
      : undefined;
  return {
    topic: standing.topic.config.name,
    brokerName: services.options.brokerName,
    queueId: queue.queueId,
    committedOffset,
    maxOffset,
    lag: Math.max(0, maxOffset - committedOffset - queue.finishedAhead),
    inflight: states.filter((state) => state === 'in-flight' || state === 'settling').length,
    waitingForRetry: states.filter((state) => state === 'waiting' || state === 'ready').length,
    oldestStoreTimeMs:
      oldest === undefined ? undefined : (await services.reader.record(oldest)).storeTimeMs,
  };
}

function members(services: BrokerServices, group: string): IGroupClient[] {
  return [...services.clients.members(group)]
    .map((client) => ({
      clientId: client.clientId,
      clientType: ClientType[client.clientType as keyof typeof ClientType],
      language: client.language,
      version: client.version,
      peer: client.peer,
      subscriptions: [...client.filters].map(([topic, filter]) => ({
        topic,
        filter: tagExpression(filter.key),
      })),
      lastSeenTimeMs: client.lastSeenWallMs,
    }))
    .sort((a, b) => compare(a.clientId, b.clientId));
}

function conflicts(services: BrokerServices, group: string): ISubscriptionConflict[] {
  return services.clients.conflicts(group).map(({ topic, variants }) => ({
    topic,
    variants: variants.map(({ filterKey, clientIds }) => ({
      filter: filterKey === undefined ? null : tagExpression(filterKey),
      clientIds: [...clientIds],
    })),
  }));
}

function tagExpression(expression: string): { type: FilterType; expression: string } {
  return { type: FilterType.TAG, expression };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
