/** orbitmq.v1.Admin as calls on bytes, with model types: for nodes that administer others. */
import type { ConsumerGroupConfig } from '../model/consumer-group.ts';
import type { TopicConfig } from '../model/topic.ts';
import { PERMISSIONS, TOPIC_TYPES } from '../model/topic.ts';
import { START_POSITIONS } from '../model/consumer-group.ts';
import { AdminMethods, type IQueueProgress } from '../../proto/generated/orbitmq.ts';
import { Code, type IStatus } from '../../proto/generated/v2.ts';
import { groupFromWire, groupToWire, topicFromWire, topicToWire } from './configuration-codec.ts';

/** What the node says to a request: fine, or why not, with the code of our catalogue when it gives one. */
export interface AdminStatus {
  readonly isOk: boolean;
  readonly message: string;
  /** Code of the error catalogue; empty when the answer has none. */
  readonly errorCode: string;
}

/** One request, ready to be sent, and how to read its answer. */
export interface AdminCall<Value> {
  readonly path: string;
  readonly request: Uint8Array;
  decode(bytes: Uint8Array): { readonly status: AdminStatus; readonly value: Value };
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Empty: this was the last one. */
  readonly nextToken: string;
}

/** How far a consumer group is on one broker group. */
export interface BrokerProgress {
  readonly brokerName: string;
  readonly topic: string;
  readonly queueId: number;
  /** Messages not yet consumed. */
  readonly lag: number;
}

interface Codec<Request, Response> {
  readonly path: string;
  readonly request: { encode(request: Request): { finish(): Uint8Array } };
  readonly response: { decode(bytes: Uint8Array): Response };
}

function call<Request, Response extends { status?: IStatus | null | undefined }, Value>(
  rpc: Codec<Request, Response>,
  request: Request,
  value: (response: Response) => Value,
): AdminCall<Value> {
  return {
    path: rpc.path,
    request: rpc.request.encode(request).finish(),
    decode: (bytes) => {
      const response = rpc.response.decode(bytes);
      return { status: statusFrom(response.status), value: value(response) };
    },
  };
}

/** Our servers put the code of their catalogue at the end: `topic x does not exist [topic-not-found]`. */
function statusFrom(status: IStatus | null | undefined): AdminStatus {
  const message = status?.message ?? '';
  const match = /^([\s\S]*) \[([a-z-]+)\]$/.exec(message);
  return {
    isOk: status?.code === Code.OK,
    message: match?.[1] ?? message,
    errorCode: match?.[2] ?? '',
  };
}

const PAGE_SIZE = 1_000;

export function createTopicCall(topic: TopicConfig): AdminCall<undefined> {
  return call(AdminMethods.CreateTopic, { topic: topicToWire(topic) }, () => undefined);
}

export function listTopicsCall(pageToken: string): AdminCall<Page<TopicConfig>> {
  return call(AdminMethods.ListTopics, { pageSize: PAGE_SIZE, pageToken }, (response) => ({
    items: response.topics.flatMap((topic) => topicFromWire(topic) ?? []),
    nextToken: response.nextPageToken,
  }));
}

/** Absent fields stay as they are; a retention of 0 is the default of the broker. */
export function updateTopicCall(
  name: string,
  change: Partial<Omit<TopicConfig, 'name'>>,
): AdminCall<undefined> {
  const { type, queueCount, permission, retentionMs } = change;
  const request = {
    name,
    ...(type !== undefined && { type: TOPIC_TYPES.indexOf(type) + 1 }),
    ...(queueCount !== undefined && { queueCount }),
    ...(permission !== undefined && { permission: PERMISSIONS.indexOf(permission) + 1 }),
    ...(retentionMs !== undefined && { retentionMs }),
  };
  return call(AdminMethods.UpdateTopic, request, () => undefined);
}

export function deleteTopicCall(name: string): AdminCall<undefined> {
  return call(AdminMethods.DeleteTopic, { name }, () => undefined);
}

export function createGroupCall(group: ConsumerGroupConfig): AdminCall<undefined> {
  return call(AdminMethods.CreateConsumerGroup, { group: groupToWire(group) }, () => undefined);
}

export function listGroupsCall(pageToken: string): AdminCall<Page<ConsumerGroupConfig>> {
  return call(AdminMethods.ListConsumerGroups, { pageSize: PAGE_SIZE, pageToken }, (response) => ({
    items: response.groups.flatMap((group) => groupFromWire(group) ?? []),
    nextToken: response.nextPageToken,
  }));
}

/** Absent fields stay as they are. */
export function updateGroupCall(
  name: string,
  change: Partial<Omit<ConsumerGroupConfig, 'name'>>,
  whole: ConsumerGroupConfig,
): AdminCall<undefined> {
  const { maxAttempts, ordered, backoff, startPosition, paused } = change;
  const request = {
    name,
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(ordered !== undefined && { ordered }),
    ...(backoff !== undefined && { backoff: groupToWire(whole).backoff }),
    ...(startPosition !== undefined && {
      startPosition: START_POSITIONS.indexOf(startPosition) + 1,
    }),
    ...(paused !== undefined && { paused }),
  };
  return call(AdminMethods.UpdateConsumerGroup, request, () => undefined);
}

export function deleteGroupCall(name: string): AdminCall<undefined> {
  return call(AdminMethods.DeleteConsumerGroup, { name }, () => undefined);
}

export function describeGroupCall(name: string): AdminCall<readonly BrokerProgress[]> {
  return call(AdminMethods.DescribeConsumerGroup, { name }, (response) =>
    response.queues.map(progressFrom),
  );
}

function progressFrom({ brokerName, topic, queueId, lag }: IQueueProgress): BrokerProgress {
  return {
    brokerName: brokerName ?? '',
    topic: topic ?? '',
    queueId: queueId ?? 0,
    lag: lag ?? 0,
  };
}
