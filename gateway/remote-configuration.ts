/** Topics and consumer groups of another node, asked for over orbitmq.v1.Admin. */
import { MqError } from '../common/errors/mq-error.ts';
import type { ConsumerGroupConfig } from '../common/model/consumer-group.ts';
import type { TopicConfig } from '../common/model/topic.ts';
import { FORWARDED_HEADER } from '../common/rpc/peer-guard.ts';
import type { RpcChannel } from '../common/rpc/rpc-channel.ts';
import { GRPC_STATUS, rpcStatusOf } from '../common/rpc/rpc-error.ts';
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

/** The client that asks here is this node. */
const OWN_NAME = { 'x-mq-client-id': 'orbitmq-gateway' };

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

  /**
   * As a client's first use would: the other node decides whether that creates it. Undefined when it does not. `hops`: how
   * often the request has been passed on, this time included.
   */
  async topicOnFirstUse(name: string, hops: number): Promise<TopicConfig | undefined> {
    const bytes = QueryRouteRequest.encode({ topic: fullResource(name) }).finish();
    const response = QueryRouteResponse.decode(
      await this.#call(MessagingServiceMethods.QueryRoute.path, bytes, hops),
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

  async #call(path: string, bytes: Uint8Array, hops = 1): Promise<Buffer> {
    const metadata = { ...OWN_NAME, [FORWARDED_HEADER]: String(hops) };
    const limitMs = this.#timeoutMs;
    try {
      return await this.#channel.unary(path, bytes, { deadlineMs: limitMs, metadata });
    } catch (error) {
      // The other node may be gone at any moment: expected, and nothing has been changed that matters.
      const status = rpcStatusOf(error);
      if (status === undefined) throw error;
      const broker = this.#channel.address;
      if (status === GRPC_STATUS.deadlineExceeded) {
        throw new MqError('forward-timeout', { broker, limitMs }, error);
      }
      throw new MqError('forward-failed', { broker, reason: (error as Error).message }, error);
    }
  }
}

function requireOk(status: IStatus | null | undefined, address: string): void {
  if (status?.code === Code.OK) return;
  const reason = status?.message ?? 'no status came';
  throw new MqError('forward-failed', { broker: address, reason });
}
