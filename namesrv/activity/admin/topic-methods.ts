import type { ServiceMethod } from '../../../common/rpc/service-table.ts';
import { topicFromWire, topicToWire } from '../../../common/wire/configuration-codec.ts';
import { adminMethod } from '../../../gateway/admin/admin-method.ts';
import { pageOf } from '../../../gateway/admin/page.ts';
import { AdminMethods, type IDescribeTopicResponse } from '../../../proto/generated/orbitmq.ts';
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
import { hasAlready, registered, TOPICS, union } from './registered.ts';

export function topicMethods(parts: AdminParts): [string, ServiceMethod][] {
  const { CreateTopic, ListTopics, DescribeTopic, UpdateTopic, DeleteTopic } = AdminMethods;
  return [
    adminMethod(parts, CreateTopic, async (request) => {
      const replies = await askAll(linksForChange(parts), CreateTopic, request);
      const created = topicFromWire(replies.find(isOk)?.response?.topic);
      const { status, response } = outcomeOf(replies, (reply) =>
        hasAlready(parts, TOPICS, reply, created),
      );
      if (created !== undefined) await registered(parts, TOPICS, replies, created.name, created);
      return { status, topic: response?.topic ?? null };
    }),
    adminMethod(parts, ListTopics, (request) => {
      const topics = union(parts, TOPICS);
      const { page, nextPageToken } = pageOf(topics.keys(), request);
      const found = page.flatMap((name) => topics.get(name) ?? []);
      return { topics: found.map(topicToWire), nextPageToken };
    }),
    adminMethod(parts, DescribeTopic, async (request) =>
      merged(await askAll(parts.links.up(), DescribeTopic, request)),
    ),
    adminMethod(parts, UpdateTopic, async (request) => {
      const replies = await askAll(linksForChange(parts), UpdateTopic, request);
      const { status, response } = outcomeOf(replies, isMissing);
      const updated = topicFromWire(response?.topic);
      if (updated !== undefined) await registered(parts, TOPICS, replies, updated.name, updated);
      return { status, topic: response?.topic ?? null };
    }),
    adminMethod(parts, DeleteTopic, async (request) => {
      const replies = await askAll(linksForChange(parts), DeleteTopic, request);
      await registered(parts, TOPICS, replies, request.name, undefined);
      return { status: outcomeOf(replies, isMissing).status };
    }),
  ];
}

function isMissing(reply: BrokerReply<unknown>): boolean {
  return saysCode(reply, 'topic-not-found');
}

function merged(replies: readonly BrokerReply<IDescribeTopicResponse>[]): IDescribeTopicResponse {
  const { found, refusal } = foundIn(replies, 'topic-not-found');
  if (refusal !== undefined) return { status: refusal };
  return {
    topic: found[0]?.response.topic ?? null,
    queues: found.flatMap(({ response }) => response.queues ?? []),
    brokers: replies
      .filter((reply) => !isMissing(reply))
      .flatMap(({ brokerName, status, response }) =>
        response?.brokers?.length ? response.brokers : [{ brokerName, status }],
      ),
    groups: [...new Set(found.flatMap(({ response }) => response.groups ?? []))].sort(compareText),
  };
}
