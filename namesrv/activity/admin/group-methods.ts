import type { ServiceMethod } from '../../../common/rpc/service-table.ts';
import { groupFromWire, groupToWire } from '../../../common/wire/configuration-codec.ts';
import { adminMethod } from '../../../gateway/admin/admin-method.ts';
import { pageOf } from '../../../gateway/admin/page.ts';
import {
  AdminMethods,
  type IDescribeConsumerGroupResponse,
  type IQueueProgress,
} from '../../../proto/generated/orbitmq.ts';
import { linksForChange, type AdminParts } from './admin-parts.ts';
import {
  askAll,
  compareText,
  foundIn,
  isOk,
  outcomeOf,
  saysCode,
  type BrokerReply,
} from './broker-replies.ts';
import { mergedClients, mergedConflicts } from './group-clients.ts';
import { GROUPS, hasAlready, registered, union } from './registered.ts';

export function groupMethods(parts: AdminParts): [string, ServiceMethod][] {
  const { CreateConsumerGroup, ListConsumerGroups, DescribeConsumerGroup } = AdminMethods;
  const { UpdateConsumerGroup, DeleteConsumerGroup, ListGroupClients } = AdminMethods;
  return [
    adminMethod(parts, CreateConsumerGroup, async (request) => {
      const replies = await askAll(linksForChange(parts), CreateConsumerGroup, request);
      const created = groupFromWire(replies.find(isOk)?.response?.group);
      const { status, response } = outcomeOf(replies, (reply) =>
        hasAlready(parts, GROUPS, reply, created),
      );
      if (created !== undefined) await registered(parts, GROUPS, replies, created.name, created);
      return { status, group: response?.group ?? null };
    }),
    adminMethod(parts, ListConsumerGroups, (request) => {
      const groups = union(parts, GROUPS);
      const { page, nextPageToken } = pageOf(groups.keys(), request);
      const found = page.flatMap((name) => groups.get(name) ?? []);
      return { groups: found.map(groupToWire), nextPageToken };
    }),
    adminMethod(parts, DescribeConsumerGroup, async (request) =>
      merged(await askAll(parts.links.up(), DescribeConsumerGroup, request)),
    ),
    adminMethod(parts, UpdateConsumerGroup, async (request) => {
      const replies = await askAll(linksForChange(parts), UpdateConsumerGroup, request);
      const { status, response } = outcomeOf(replies, isMissing);
      const updated = groupFromWire(response?.group);
      if (updated !== undefined) await registered(parts, GROUPS, replies, updated.name, updated);
      return { status, group: response?.group ?? null };
    }),
    adminMethod(parts, DeleteConsumerGroup, async (request) => {
      const replies = await askAll(linksForChange(parts), DeleteConsumerGroup, request);
      await registered(parts, GROUPS, replies, request.name, undefined);
      return { status: outcomeOf(replies, isMissing).status };
    }),
    adminMethod(parts, ListGroupClients, async (request) => {
      const replies = await askAll(parts.links.up(), ListGroupClients, request);
      const { found, refusal } = foundIn(replies, 'group-not-found');
      if (refusal !== undefined) return { status: refusal };
      return {
        clients: mergedClients(found.map(({ response }) => response.clients)),
        conflicts: mergedConflicts(found.map(({ response }) => response.conflicts)),
      };
    }),
  ];
}

function isMissing(reply: BrokerReply<unknown>): boolean {
  return saysCode(reply, 'group-not-found');
}

function merged(
  replies: readonly BrokerReply<IDescribeConsumerGroupResponse>[],
): IDescribeConsumerGroupResponse {
  const { found, refusal } = foundIn(replies, 'group-not-found');
  if (refusal !== undefined) return { status: refusal };
  return {
    group: found[0]?.response.group ?? null,
    queues: found.flatMap(({ response }) => response.queues ?? []).sort(byPlace),
    members: mergedClients(found.map(({ response }) => response.members)),
    conflicts: mergedConflicts(found.map(({ response }) => response.conflicts)),
    unreachableBrokers: replies
      .filter((reply) => !isOk(reply) && !isMissing(reply))
      .map(({ brokerName }) => brokerName),
  };
}

function byPlace(a: IQueueProgress, b: IQueueProgress): number {
  return (
    compareText(a.topic, b.topic) ||
    compareText(a.brokerName, b.brokerName) ||
    (a.queueId ?? 0) - (b.queueId ?? 0)
  );
}
