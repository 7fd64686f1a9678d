import { ClientType, Permission } from '../../proto/generated/v2.ts';
import {
  StartPosition,
  TopicType,
  type DescribeClusterResponse,
  type DescribeConsumerGroupResponse,
  type DescribeTopicResponse,
  type IBackoff,
  type IConsumerGroupConfig,
  type ISubscriptionConflict,
  type ITopicConfig,
} from '../../proto/generated/orbitmq.ts';
import { isoTime } from './proto-time.ts';

/**
 * What the administration service answers, in the words and the form of `-o json`. Times are ISO text, '' when not known;
 * absent fields are left out.
 */
export interface TopicView {
  readonly name: string;
  readonly type: string;
  readonly queueCount: number;
  readonly permission: string;
  /** Absent: the default of the broker. */
  readonly retentionMs?: number;
}

export interface TopicDetails extends TopicView {
  readonly messageCount: number;
  /** Absent: not counted. */
  readonly storedBytes?: number;
  readonly groups: readonly string[];
  readonly queues: readonly {
    readonly broker: string;
    readonly queueId: number;
    readonly minOffset: number;
    readonly maxOffset: number;
    readonly lastStoreTime: string;
  }[];
  /** Brokers that could not be asked. */
  readonly unreachableBrokers: readonly string[];
}

export interface GroupView {
  readonly name: string;
  readonly maxAttempts: number;
  readonly ordered: boolean;
  readonly startPosition: string;
  readonly paused: boolean;
  /** Waits between deliveries. */
  readonly backoff:
    | { readonly stepsMs: readonly number[] }
    | { readonly initialMs: number; readonly maxMs: number; readonly multiplier: number };
}

export interface GroupDetails extends GroupView {
  readonly lag: number;
  readonly queues: readonly {
    readonly topic: string;
    readonly broker: string;
    readonly queueId: number;
    readonly committedOffset: number;
    readonly maxOffset: number;
    readonly lag: number;
    readonly inflight: number;
    readonly waitingForRetry: number;
    readonly oldestTime: string;
  }[];
  readonly members: readonly {
    readonly clientId: string;
    readonly clientType: string;
    readonly language: string;
    readonly version: string;
    readonly peer: string;
    readonly subscriptions: Readonly<Record<string, string>>;
    readonly lastSeen: string;
  }[];
  /** Topics that the members subscribe to differently. */
  readonly conflicts: readonly {
    readonly topic: string;
    readonly variants: readonly {
      readonly filter: string;
      readonly clientIds: readonly string[];
    }[];
  }[];
  readonly unreachableBrokers: readonly string[];
}

export interface ClusterView {
  readonly clusterName: string;
  readonly brokers: readonly {
    readonly name: string;
    readonly address: string;
    readonly version: string;
    readonly epoch: number;
    readonly writable: boolean;
    readonly notWritableReason: string;
    readonly logBytes: number;
    /** Appended and not yet confirmed as durable as promised. */
    readonly unconfirmedBytes: number;
    /** Absent: not known. */
    readonly diskUsedPercent?: number;
    readonly topics: number;
    readonly queues: number;
    readonly groups: number;
    readonly clients: number;
    readonly startTime: string;
  }[];
}

export function topicView(topic: ITopicConfig | null | undefined): TopicView {
  const { name, type, queueCount, permission, retentionMs } = topic ?? {};
  return {
    name: name ?? '',
    type: TopicType[type ?? TopicType.TOPIC_TYPE_UNSPECIFIED],
    queueCount: queueCount ?? 0,
    permission: Permission[permission ?? Permission.PERMISSION_UNSPECIFIED],
    ...(isSet(retentionMs) && { retentionMs }),
  };
}

export function topicDetails({
  topic,
  queues,
  brokers,
  groups,
}: DescribeTopicResponse): TopicDetails {
  const counted = brokers.map(({ storedBytes }) => storedBytes).filter(isSet);
  const rows = queues.map((queue) => ({
    broker: queue.brokerName ?? '',
    queueId: queue.queueId ?? 0,
    minOffset: queue.minOffset ?? 0,
    maxOffset: queue.maxOffset ?? 0,
    lastStoreTime: isoTime(queue.lastStoreTimeMs),
  }));
  const answering = new Set(queues.map(({ brokerName }) => brokerName));
  return {
    ...topicView(topic),
    messageCount: rows.reduce((sum, queue) => sum + queue.maxOffset - queue.minOffset, 0),
    ...(counted.length > 0 && { storedBytes: counted.reduce((sum, bytes) => sum + bytes, 0) }),
    groups,
    queues: rows,
    unreachableBrokers: brokers
      .map(({ brokerName }) => brokerName ?? '')
      .filter((name) => !answering.has(name)),
  };
}

export function groupView(group: IConsumerGroupConfig | null | undefined): GroupView {
  const { name, maxAttempts, ordered, startPosition, paused, backoff } = group ?? {};
  return {
    name: name ?? '',
    maxAttempts: maxAttempts ?? 0,
    ordered: ordered ?? false,
    startPosition: StartPosition[startPosition ?? StartPosition.LATEST].toLowerCase(),
    paused: paused ?? false,
    backoff: backoffView(backoff ?? {}),
  };
}

function backoffView({ customized, exponential }: IBackoff): GroupView['backoff'] {
  if (!exponential) return { stepsMs: customized?.stepsMs ?? [] };
  const { initialMs, maxMs, multiplier } = exponential;
  return { initialMs: initialMs ?? 0, maxMs: maxMs ?? 0, multiplier: multiplier ?? 1 };
}

export function groupDetails(response: DescribeConsumerGroupResponse): GroupDetails {
  const { group, queues, members, conflicts, unreachableBrokers } = response;
  const rows = queues.map((queue) => ({
    topic: queue.topic ?? '',
    broker: queue.brokerName ?? '',
    queueId: queue.queueId ?? 0,
    committedOffset: queue.committedOffset ?? 0,
    maxOffset: queue.maxOffset ?? 0,
    lag: queue.lag ?? 0,
    inflight: queue.inflight ?? 0,
    waitingForRetry: queue.waitingForRetry ?? 0,
    oldestTime: isoTime(queue.oldestStoreTimeMs),
  }));
  return {
    ...groupView(group),
    lag: rows.reduce((sum, queue) => sum + queue.lag, 0),
    queues: rows,
    members: members.map(memberView),
    conflicts: conflicts.map(conflictView),
    unreachableBrokers,
  };
}

type Member = DescribeConsumerGroupResponse['members'][number];

function memberView(member: Member): GroupDetails['members'][number] {
  const subscriptions = (member.subscriptions ?? []).map(({ topic, filter }): [string, string] => [
    topic ?? '',
    filter?.expression ?? '*',
  ]);
  return {
    clientId: member.clientId ?? '',
    clientType: ClientType[member.clientType ?? ClientType.CLIENT_TYPE_UNSPECIFIED],
    language: member.language ?? '',
    version: member.version ?? '',
    peer: member.peer ?? '',
    subscriptions: Object.fromEntries(subscriptions),
    lastSeen: isoTime(member.lastSeenTimeMs),
  };
}

function conflictView({
  topic,
  variants,
}: ISubscriptionConflict): GroupDetails['conflicts'][number] {
  return {
    topic: topic ?? '',
    variants: (variants ?? []).map(({ filter, clientIds }) => ({
      filter: filter ? (filter.expression ?? '*') : '(not subscribed)',
      clientIds: clientIds ?? [],
    })),
  };
}

export function clusterView({ clusterName, brokers }: DescribeClusterResponse): ClusterView {
  return { clusterName, brokers: brokers.map(brokerView) };
}

type Broker = DescribeClusterResponse['brokers'][number];

function brokerView(broker: Broker): ClusterView['brokers'][number] {
  return {
    name: broker.brokerName ?? '',
    address: `${broker.advertised?.host ?? '?'}:${broker.advertised?.port ?? 0}`,
    version: broker.version ?? '',
    epoch: broker.epoch ?? 0,
    writable: broker.writable ?? false,
    notWritableReason: broker.notWritableReason ?? '',
    ...logOf(broker),
    ...diskOf(broker),
    ...countsOf(broker),
    startTime: isoTime(broker.startTimeMs),
  };
}

function logOf(broker: Broker): { logBytes: number; unconfirmedBytes: number } {
  const end = broker.logEndOffset ?? 0;
  return {
    logBytes: end - (broker.logStartOffset ?? 0),
    unconfirmedBytes: end - (broker.confirmOffset ?? 0),
  };
}

function diskOf({ diskTotalBytes: total, diskFreeBytes: free }: Broker): {
  diskUsedPercent?: number;
} {
  if (!isSet(total) || !isSet(free) || total <= 0) return {};
  return { diskUsedPercent: Math.round((100 * (total - free)) / total) };
}

function countsOf({ topicCount, queueCount, groupCount, clientCount }: Broker): {
  topics: number;
  queues: number;
  groups: number;
  clients: number;
} {
  return {
    topics: topicCount ?? 0,
    queues: queueCount ?? 0,
    groups: groupCount ?? 0,
    clients: clientCount ?? 0,
  };
}

function isSet<Value>(value: Value | null | undefined): value is Value {
  return value !== null && value !== undefined;
}
