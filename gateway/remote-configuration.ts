/** Topics and consumer groups of another node, asked for over orbitmq.v1.Admin. */
import { MqError } from '../common/errors/mq-error.ts';
import { defaultConsumerGroup, type ConsumerGroupConfig } from '../common/model/consumer-group.ts';
import type { Backoff } from '../common/model/retry-policy.ts';
import { PERMISSIONS, TOPIC_TYPES, type TopicConfig } from '../common/model/topic.ts';
import type { RpcChannel } from '../common/rpc/rpc-channel.ts';
import {
  AdminMethods,
  CreateTopicRequest,
  CreateTopicResponse,
  DescribeConsumerGroupRequest,
  DescribeConsumerGroupResponse,
  DescribeTopicRequest,
  DescribeTopicResponse,
  StartPosition,
  type IBackoff,
  type IConsumerGroupConfig,
  type ITopicConfig,
} from '../proto/generated/orbitmq.ts';
import { Code, type IStatus } from '../proto/generated/v2.ts';

export class RemoteConfiguration {
  readonly #channel: RpcChannel;
  readonly #timeoutMs: number;

  constructor(channel: RpcChannel, timeoutMs: number) {
    this.#channel = channel;
    this.#timeoutMs = timeoutMs;
  }

  async topic(name: string): Promise<TopicConfig | undefined> {
    const bytes = DescribeTopicRequest.encode({ name }).finish();
    const response = DescribeTopicResponse.decode(
      await this.#call(AdminMethods.DescribeTopic.path, bytes),
    );
    if (response.status?.code === Code.TOPIC_NOT_FOUND) return undefined;
    requireOk(response.status, this.#channel.address);
    return topicOf(response.topic);
  }

  /** With the other node's defaults; undefined when it does not want to. */
  async createTopic(name: string): Promise<TopicConfig | undefined> {
    const bytes = CreateTopicRequest.encode({ topic: { name } }).finish();
    const response = CreateTopicResponse.decode(
      await this.#call(AdminMethods.CreateTopic.path, bytes),
    );
    return response.status?.code === Code.OK ? topicOf(response.topic) : undefined;
  }

  async group(name: string): Promise<ConsumerGroupConfig | undefined> {
    const bytes = DescribeConsumerGroupRequest.encode({ name }).finish();
    const response = DescribeConsumerGroupResponse.decode(
      await this.#call(AdminMethods.DescribeConsumerGroup.path, bytes),
    );
    if (response.status?.code === Code.CONSUMER_GROUP_NOT_FOUND) return undefined;
    requireOk(response.status, this.#channel.address);
    return groupOf(response.group);
  }

  #call(path: string, bytes: Uint8Array): Promise<Buffer> {
    return this.#channel.unary(path, bytes, { deadlineMs: this.#timeoutMs, metadata: {} });
  }
}

function requireOk(status: IStatus | null | undefined, address: string): void {
  if (status?.code === Code.OK) return;
  const reason = status?.message ?? 'no status came';
  throw new MqError('forward-failed', { broker: address, reason });
}

/** The wire's numbers are those of the model's lists, from 1. */
function topicOf(topic: ITopicConfig | null | undefined): TopicConfig | undefined {
  if (!topic?.name) return undefined;
  return {
    name: topic.name,
    type: TOPIC_TYPES[(topic.type ?? 1) - 1] ?? 'NORMAL',
    queueCount: topic.queueCount ?? 1,
    permission: PERMISSIONS[(topic.permission ?? 4) - 1] ?? 'READ_WRITE',
    retentionMs: topic.retentionMs ?? undefined,
  };
}

function groupOf(group: IConsumerGroupConfig | null | undefined): ConsumerGroupConfig | undefined {
  if (!group?.name) return undefined;
  const usual = defaultConsumerGroup(group.name);
  return {
    name: group.name,
    maxAttempts: group.maxAttempts ?? usual.maxAttempts,
    ordered: group.ordered ?? false,
    backoff: backoffOf(group.backoff) ?? usual.backoff,
    startPosition: group.startPosition === StartPosition.EARLIEST ? 'earliest' : 'latest',
    paused: group.paused ?? false,
  };
}

function backoffOf(backoff: IBackoff | null | undefined): Backoff | undefined {
  if (backoff?.customized) {
    return { kind: 'customized', stepsMs: backoff.customized.stepsMs ?? [] };
  }
  if (!backoff?.exponential) return undefined;
  const { initialMs, maxMs, multiplier } = backoff.exponential;
  return {
    kind: 'exponential',
    initialMs: initialMs ?? 0,
    maxMs: maxMs ?? 0,
    multiplier: multiplier ?? 1,
  };
}
