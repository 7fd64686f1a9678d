import type { ConsumerGroupConfig } from '../../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../../common/model/topic.ts';
import type { RpcChannel } from '../../../common/rpc/rpc-channel.ts';
import { FORWARDED_HEADER } from '../../../common/rpc/peer-guard.ts';
import * as codec from '../../../common/wire/admin-codec.ts';

/** Administration of one broker group, as far as the operator needs it. */
export interface BrokerAdmin {
  listTopics(): Promise<readonly TopicConfig[]>;
  createTopic(topic: TopicConfig): Promise<void>;
  updateTopic(name: string, change: Partial<Omit<TopicConfig, 'name'>>): Promise<void>;
  /** No error when there is none. */
  deleteTopic(name: string): Promise<void>;
  listGroups(): Promise<readonly ConsumerGroupConfig[]>;
  createGroup(group: ConsumerGroupConfig): Promise<void>;
  updateGroup(
    whole: ConsumerGroupConfig,
    change: Partial<Omit<ConsumerGroupConfig, 'name'>>,
  ): Promise<void>;
  deleteGroup(name: string): Promise<void>;
  /** Messages that this consumer group has not consumed here. */
  lagOf(group: string): Promise<number>;
}

/** What a broker group refuses, as opposed to one that cannot be reached. */
export class AdminRefusal extends Error {
  override readonly name = 'AdminRefusal';
  readonly code = 'ADMIN_REFUSAL';
  /** Of the error catalogue; empty when the answer has none. */
  readonly errorCode: string;

  constructor(message: string, errorCode: string) {
    super(message);
    this.errorCode = errorCode;
  }
}

export function isAdminRefusal(error: unknown): error is AdminRefusal {
  return (error as { code?: unknown } | null | undefined)?.code === 'ADMIN_REFUSAL';
}

const CALL_TIMEOUT_MS = 5_000;
/** A server that always has one more page is broken. */
const PAGES_MAX = 1_000;

/**
 * orbitmq.v1.Admin of one broker group, at whichever member answers: it passes on to the master. Every call is marked as
 * passed on, so that it concerns this broker group and no other.
 */
export class RemoteBrokerAdmin implements BrokerAdmin {
  readonly #channel: Pick<RpcChannel, 'unary'>;

  constructor(channel: Pick<RpcChannel, 'unary'>) {
    this.#channel = channel;
  }

  listTopics(): Promise<readonly TopicConfig[]> {
    return this.#pages((token) => codec.listTopicsCall(token));
  }

  createTopic(topic: TopicConfig): Promise<void> {
    return this.#call(codec.createTopicCall(topic));
  }

  updateTopic(name: string, change: Partial<Omit<TopicConfig, 'name'>>): Promise<void> {
    return this.#call(codec.updateTopicCall(name, change));
  }

  deleteTopic(name: string): Promise<void> {
    return this.#unless('topic-not-found', this.#call(codec.deleteTopicCall(name)));
  }

  listGroups(): Promise<readonly ConsumerGroupConfig[]> {
    return this.#pages((token) => codec.listGroupsCall(token));
  }

  createGroup(group: ConsumerGroupConfig): Promise<void> {
    return this.#call(codec.createGroupCall(group));
  }

  updateGroup(
    whole: ConsumerGroupConfig,
    change: Partial<Omit<ConsumerGroupConfig, 'name'>>,
  ): Promise<void> {
    return this.#call(codec.updateGroupCall(whole.name, change, whole));
  }

  deleteGroup(name: string): Promise<void> {
    return this.#unless('group-not-found', this.#call(codec.deleteGroupCall(name)));
  }

  async lagOf(group: string): Promise<number> {
    const queues = await this.#call(codec.describeGroupCall(group));
    return queues.reduce((sum, { lag }) => sum + lag, 0);
  }

  async #pages<Item>(
    page: (token: string) => codec.AdminCall<codec.Page<Item>>,
  ): Promise<readonly Item[]> {
    const all: Item[] = [];
    let token = '';
    for (let count = 0; count < PAGES_MAX; count++) {
      const { items, nextToken } = await this.#call(page(token));
      all.push(...items);
      if (nextToken === '') break;
      token = nextToken;
    }
    return all;
  }

  /** What was to be removed is not there: it is removed. */
  async #unless(errorCode: string, work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!isAdminRefusal(error) || error.errorCode !== errorCode) throw error;
    }
  }

  async #call<Value>(call: codec.AdminCall<Value>): Promise<Value> {
    const options = { deadlineMs: CALL_TIMEOUT_MS, metadata: { [FORWARDED_HEADER]: '1' } };
    const answer = await this.#channel.unary(call.path, call.request, options);
    const { status, value } = call.decode(answer);
    if (!status.isOk) throw new AdminRefusal(status.message, status.errorCode);
    return value;
  }
}
