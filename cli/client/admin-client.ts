import { Code, FilterType, Permission } from '../../proto/generated/v2.ts';
import { AdminMethods as Rpc, StartPosition, TopicType } from '../../proto/generated/orbitmq.ts';
import type {
  Permission as PermissionName,
  TopicType as TopicTypeName,
} from '../../common/model/topic.ts';
import type { StartPosition as StartPositionName } from '../../common/model/consumer-group.ts';
import {
  clusterView,
  groupDetails,
  groupView,
  topicDetails,
  topicView,
  type ClusterView,
  type GroupDetails,
  type GroupView,
  type TopicDetails,
  type TopicView,
} from './admin-view.ts';
import type { Connection } from './connection.ts';
import { receivedMessage, type ReceivedMessage } from './received-message.ts';
import { throwRefusal } from './refusal.ts';

/** Names per page; the server allows no more. */
const PAGE_SIZE = 1_000;
/** A server that always has one more page is broken. */
const PAGES_MAX = 10_000;

export interface TopicChange {
  readonly type?: TopicTypeName | undefined;
  readonly queueCount?: number | undefined;
  readonly permission?: PermissionName | undefined;
  /** 0: back to the default of the broker. */
  readonly retentionMs?: number | undefined;
}

export interface GroupChange {
  readonly maxAttempts?: number | undefined;
  readonly ordered?: boolean | undefined;
  readonly startPosition?: StartPositionName | undefined;
  readonly paused?: boolean | undefined;
  /** Waits between deliveries in milliseconds, the last one repeated. */
  readonly backoffMs?: readonly number[] | undefined;
}

export interface PeekRequest {
  readonly topic: string;
  readonly queueId: number | undefined;
  readonly offset: number | undefined;
  readonly maxMessages: number;
  readonly filter: string;
}

/** The administration service of OrbitMQ. Every method throws what the server refuses. */
export class AdminClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async createTopic(name: string, change: TopicChange): Promise<TopicView> {
    const topic = { name, ...topicFields(change) };
    const response = await this.#connection.unary(Rpc.CreateTopic, { topic });
    throwRefusal(response.status);
    return topicView(response.topic);
  }

  async listTopics(prefix: string): Promise<TopicView[]> {
    return collectPages(async (pageToken) => {
      const request = { namePrefix: prefix, pageSize: PAGE_SIZE, pageToken };
      const response = await this.#connection.unary(Rpc.ListTopics, request);
      throwRefusal(response.status);
      return { items: response.topics.map(topicView), next: response.nextPageToken };
    });
  }

  async describeTopic(name: string): Promise<TopicDetails> {
    const response = await this.#connection.unary(Rpc.DescribeTopic, { name });
    throwRefusal(response.status);
    return topicDetails(response);
  }

  async updateTopic(name: string, change: TopicChange): Promise<TopicView> {
    const response = await this.#connection.unary(Rpc.UpdateTopic, {
      name,
      ...topicFields(change),
    });
    throwRefusal(response.status);
    return topicView(response.topic);
  }

  async deleteTopic(name: string): Promise<void> {
    throwRefusal((await this.#connection.unary(Rpc.DeleteTopic, { name })).status);
  }

  async createGroup(name: string, change: GroupChange): Promise<GroupView> {
    const group = { name, ...groupFields(change) };
    const response = await this.#connection.unary(Rpc.CreateConsumerGroup, { group });
    throwRefusal(response.status);
    return groupView(response.group);
  }

  /** Creates the group unless there is one of this name, whatever it is like. */
  async ensureGroup(name: string, change: GroupChange): Promise<void> {
    const known = await this.#connection.unary(Rpc.DescribeConsumerGroup, { name });
    const isMissing = known.status?.code === Code.CONSUMER_GROUP_NOT_FOUND;
    if (isMissing) await this.createGroup(name, change);
    else throwRefusal(known.status);
  }

  async listGroups(prefix: string): Promise<GroupView[]> {
    return collectPages(async (pageToken) => {
      const request = { namePrefix: prefix, pageSize: PAGE_SIZE, pageToken };
      const response = await this.#connection.unary(Rpc.ListConsumerGroups, request);
      throwRefusal(response.status);
      return { items: response.groups.map(groupView), next: response.nextPageToken };
    });
  }

  async describeGroup(name: string): Promise<GroupDetails> {
    const response = await this.#connection.unary(Rpc.DescribeConsumerGroup, { name });
    throwRefusal(response.status);
    return groupDetails(response);
  }

  async updateGroup(name: string, change: GroupChange): Promise<GroupView> {
    const request = { name, ...groupFields(change) };
    const response = await this.#connection.unary(Rpc.UpdateConsumerGroup, request);
    throwRefusal(response.status);
    return groupView(response.group);
  }

  async deleteGroup(name: string): Promise<void> {
    throwRefusal((await this.#connection.unary(Rpc.DeleteConsumerGroup, { name })).status);
  }

  async describeCluster(): Promise<ClusterView> {
    const response = await this.#connection.unary(Rpc.DescribeCluster, {});
    throwRefusal(response.status);
    return clusterView(response);
  }

  async peek(request: PeekRequest): Promise<ReceivedMessage[]> {
    const { topic, queueId, offset, maxMessages, filter } = request;
    const response = await this.#connection.unary(Rpc.PeekMessages, {
      topic,
      maxMessages,
      filter: { type: FilterType.TAG, expression: filter },
      ...(queueId !== undefined && { queueId }),
      ...(offset !== undefined && { offset }),
    });
    throwRefusal(response.status);
    return response.messages.map(receivedMessage);
  }
}

function topicFields({ type, queueCount, permission, retentionMs }: TopicChange): object {
  return {
    ...(type !== undefined && { type: TopicType[type] }),
    ...(queueCount !== undefined && { queueCount }),
    ...(permission !== undefined && { permission: Permission[permission] }),
    ...(retentionMs !== undefined && { retentionMs }),
  };
}

function groupFields(change: GroupChange): object {
  const { maxAttempts, ordered, startPosition, paused, backoffMs } = change;
  return {
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(ordered !== undefined && { ordered }),
    ...(paused !== undefined && { paused }),
    ...(startPosition !== undefined && {
      startPosition: startPosition === 'latest' ? StartPosition.LATEST : StartPosition.EARLIEST,
    }),
    ...(backoffMs !== undefined && { backoff: { customized: { stepsMs: [...backoffMs] } } }),
  };
}

async function collectPages<Item>(
  page: (token: string) => Promise<{ items: readonly Item[]; next: string }>,
): Promise<Item[]> {
  const all: Item[] = [];
  let token = '';
  for (let count = 0; count < PAGES_MAX; count++) {
    const { items, next } = await page(token);
    all.push(...items);
    if (next === '') break;
    token = next;
  }
  return all;
}
