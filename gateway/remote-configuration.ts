/** Topics and consumer groups of another node, asked for over orbitmq.v1.Admin. */
import { MqError } from '../common/errors/mq-error.ts';
import type { ConsumerGroupConfig } from '../common/model/consumer-group.ts';
import type { TopicConfig } from '../common/model/topic.ts';
import { FORWARDED_HEADER } from '../common/rpc/peer-guard.ts';
import type { RpcChannel } from '../common/rpc/rpc-channel.ts';
import { groupFromWire, topicFromWire } from '../common/wire/configuration-codec.ts';
import {
  AdminMethods,
  DescribeConsumerGroupRequest,
  DescribeConsumerGroupResponse,
  DescribeTopicRequest,
  DescribeTopicResponse,
} from '../proto/generated/orbitmq.ts';
import {
  Code,
  MessagingServiceMethods,
  QueryRouteRequest,
  QueryRouteResponse,
  type IStatus,
} from '../proto/generated/v2.ts';
import { fullResource } from './names.ts';

/** The client that asks for routes here is this node. */
const OWN_METADATA = { 'x-mq-client-id': 'orbitmq-gateway', [FORWARDED_HEADER]: '1' };

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
    return topicFromWire(response.topic);
  }

  /** As a client's first use would: the other node decides whether that creates it. Undefined when it does not. */
  async topicOnFirstUse(name: string): Promise<TopicConfig | undefined> {
    const bytes = QueryRouteRequest.encode({ topic: fullResource(name) }).finish();
    const response = QueryRouteResponse.decode(
      await this.#call(MessagingServiceMethods.QueryRoute.path, bytes, OWN_METADATA),
    );
    if (response.status?.code === Code.TOPIC_NOT_FOUND) return undefined;
    requireOk(response.status, this.#channel.address);
    return this.topic(name);
  }

  async group(name: string): Promise<ConsumerGroupConfig | undefined> {
    const bytes = DescribeConsumerGroupRequest.encode({ name }).finish();
    const response = DescribeConsumerGroupResponse.decode(
      await this.#call(AdminMethods.DescribeConsumerGroup.path, bytes),
    );
    if (response.status?.code === Code.CONSUMER_GROUP_NOT_FOUND) return undefined;
    requireOk(response.status, this.#channel.address);
    return groupFromWire(response.group);
  }

  #call(
    path: string,
    bytes: Uint8Array,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<Buffer> {
    return this.#channel.unary(path, bytes, { deadlineMs: this.#timeoutMs, metadata });
  }
}

function requireOk(status: IStatus | null | undefined, address: string): void {
  if (status?.code === Code.OK) return;
  const reason = status?.message ?? 'no status came';
  throw new MqError('forward-failed', { broker: address, reason });
}
