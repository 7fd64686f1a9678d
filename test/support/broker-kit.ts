import { Broker } from '../../broker/broker.ts';
import { LocalBrokerAccess } from '../../broker/local-broker-access.ts';
import type { Environment } from '../../common/environment/environment.ts';
import { CollectingLogger } from './collecting-logger.ts';
import { Metrics } from '../../common/metrics/metrics.ts';
import {
  defaultConsumerGroup,
  type ConsumerGroupConfig,
} from '../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../common/model/topic.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import { optionsWith } from '../../common/options/resolve-options.ts';
import { parseSendMessageRequest } from '../../common/wire/send-message-view.ts';
import type { ClientContext } from '../../gateway/broker-access.ts';
import {
  ClientType,
  Code,
  FilterType,
  MessageType,
  ReceiveMessageResponse,
  SendMessageRequest,
  type IDuration,
} from '../../proto/generated/v2.ts';

/** A message as a consumer sees it. */
export interface Received {
  id: string;
  body: string;
  tag: string | undefined;
  /** Of the message as it is delivered. */
  topic: string;
  queueId: number;
  queueOffset: number;
  attempt: number;
  handle: string;
  /** Set on dead letters: where it comes from. */
  deadLetterOf: string | undefined;
}

export interface ReceiveAsk {
  tags?: string;
  count?: number;
  invisibleMs?: number;
  pollMs?: number;
  queueId?: number;
  autoRenew?: boolean;
  client?: string;
  signal?: AbortSignal;
}

export interface SendOutcome {
  code: number;
  message: string;
  offset: number;
}

/** One broker in its own process life, called as the gateway calls it. */
export class BrokerKit {
  readonly broker: Broker;
  readonly access: LocalBrokerAccess;
  readonly logger: CollectingLogger;
  readonly #setIndexDamaged: { damaged: string | undefined };

  private constructor(
    broker: Broker,
    logger: CollectingLogger,
    damage: { damaged: string | undefined },
  ) {
    this.broker = broker;
    this.access = new LocalBrokerAccess(broker.services);
    this.logger = logger;
    this.#setIndexDamaged = damage;
  }

  static async open(
    environment: Environment,
    options: Partial<NodeOptions> = {},
  ): Promise<BrokerKit> {
    const logger = new CollectingLogger();
    const damage: { damaged: string | undefined } = { damaged: undefined };
    const all = kitOptions(options);
    const broker = await Broker.open(all, {
      environment,
      logger,
      metrics: new Metrics({ cluster: 'c', node_type: 'standalone', node_id: 'b' }, 1_000),
      advertised: 'broker:8081',
      onIndexDamaged: ({ reason }) => void (damage.damaged = reason),
    });
    await broker.start();
    return new BrokerKit(broker, logger, damage);
  }

  /** Over a broker that somebody else has opened. */
  static over(broker: Broker, logger: CollectingLogger): BrokerKit {
    return new BrokerKit(broker, logger, { damaged: undefined });
  }

  /** What the broker said when it found its index damaged. */
  get indexDamage(): string | undefined {
    return this.#setIndexDamaged.damaged;
  }

  get services(): Broker['services'] {
    return this.broker.services;
  }

  createTopic(name: string, queueCount = 1): Promise<unknown> {
    const config: TopicConfig = {
      name,
      queueCount,
      type: 'NORMAL',
      permission: 'READ_WRITE',
      retentionMs: undefined,
    };
    return this.services.admin.createTopic(config);
  }

  createGroup(name: string, changes: Partial<ConsumerGroupConfig> = {}): Promise<unknown> {
    const config = {
      ...defaultConsumerGroup(name),
      startPosition: 'earliest' as const,
      ...changes,
    };
    return this.services.admin.createGroup(config);
  }

  async send(
    topic: string,
    id: string,
    { tag, body = id }: { tag?: string; body?: string } = {},
  ): Promise<SendOutcome> {
    const message = {
      topic: { name: topic },
      systemProperties: { messageId: id, tag, messageType: MessageType.NORMAL, bornHost: 'here' },
      body: Buffer.from(body),
    };
    const request = Buffer.from(SendMessageRequest.encode({ messages: [message] }).finish());
    const response = await this.access.sendMessage(
      parseSendMessageRequest(request),
      clientContext('producer'),
    );
    const entry = response.entries?.[0];
    const status = entry?.status ?? response.status;
    return { code: status?.code ?? 0, message: status?.message ?? '', offset: entry?.offset ?? -1 };
  }

  /** Sends and requires that it is stored; the queue offset. */
  async sent(
    topic: string,
    id: string,
    more: { tag?: string; body?: string } = {},
  ): Promise<number> {
    const outcome = await this.send(topic, id, more);
    if (outcome.code !== (Code.OK as number)) throw new Error(`send ${id}: ${outcome.message}`);
    return outcome.offset;
  }

  async tryReceive(
    group: string,
    topic: string,
    ask: ReceiveAsk = {},
  ): Promise<{ status: string; messages: Received[] }> {
    const { tags = '*', count = 32, invisibleMs = 10_000, pollMs = 0, queueId = -1 } = ask;
    const request = {
      group: { name: group },
      messageQueue: { topic: { name: topic }, id: queueId },
      filterExpression: { type: FilterType.TAG, expression: tags },
      batchSize: count,
      invisibleDuration: milliseconds(invisibleMs),
      autoRenew: ask.autoRenew ?? false,
      longPollingTimeout: milliseconds(pollMs),
    };
    const outcome = await this.access.receiveMessage(
      request,
      clientContext(ask.client ?? 'consumer', ask.signal),
    );
    return { status: outcome.status.message ?? '', messages: outcome.messages.map(received) };
  }

  async receive(group: string, topic: string, ask: ReceiveAsk = {}): Promise<Received[]> {
    return (await this.tryReceive(group, topic, ask)).messages;
  }

  /** The status text: `OK`, or one that ends with the code of the catalogue in brackets. */
  async ack(group: string, topic: string, handle: string): Promise<string> {
    const request = {
      group: { name: group },
      topic: { name: topic },
      entries: [{ messageId: '', receiptHandle: handle }],
    };
    const response = await this.access.ackMessage(request, clientContext('consumer'));
    return response.entries?.[0]?.status?.message ?? '';
  }

  async changeInvisible(
    group: string,
    topic: string,
    handle: string,
    invisibleMs: number,
  ): Promise<{ status: string; handle: string }> {
    const response = await this.access.changeInvisibleDuration(
      {
        group: { name: group },
        topic: { name: topic },
        receiptHandle: handle,
        invisibleDuration: milliseconds(invisibleMs),
      },
      clientContext('consumer'),
    );
    return { status: response.status?.message ?? '', handle: response.receiptHandle ?? '' };
  }

  async bury(group: string, topic: string, handle: string): Promise<string> {
    const request = { group: { name: group }, topic: { name: topic }, receiptHandle: handle };
    const response = await this.access.forwardMessageToDeadLetterQueue(
      request,
      clientContext('consumer'),
    );
    return response.status?.message ?? '';
  }

  register(clientId: string, group: string, subscriptions: Record<string, string>): Promise<void> {
    return this.access.registerClient({
      clientId,
      group,
      clientType: ClientType.PUSH_CONSUMER,
      language: 'JAVA',
      clientVersion: '5',
      peer: 'there:1',
      publishes: [],
      subscriptions: Object.entries(subscriptions).map(([topic, expression]) => ({
        topic,
        filter: { type: FilterType.TAG, expression },
      })),
    });
  }
}

/** A small broker whose background work is at rest unless a test asks for it. */
export function kitOptions(options: Partial<NodeOptions>): NodeOptions {
  return optionsWith('standalone', {
    dataDir: '/data',
    brokerName: 'broker-a',
    segmentBytes: 1 << 20,
    defaultQueueCount: 1,
    groupStartPosition: 'earliest',
    ...options,
  });
}

function clientContext(
  clientId: string,
  signal: AbortSignal = new AbortController().signal,
): ClientContext {
  return {
    clientId,
    language: 'JAVA',
    clientVersion: '5',
    namespace: '',
    peer: 'there:1',
    remainingMs: undefined,
    signal,
    metadata: () => undefined,
  };
}

function milliseconds(ms: number): IDuration {
  return { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1e6 };
}

function received(bytes: Uint8Array): Received {
  const { message } = ReceiveMessageResponse.decode(bytes);
  const system = message?.systemProperties ?? {};
  return {
    id: system.messageId ?? '',
    body: Buffer.from(message?.body ?? []).toString(),
    tag: system.tag ?? undefined,
    topic: message?.topic?.name ?? '',
    queueId: system.queueId ?? -1,
    queueOffset: system.queueOffset ?? -1,
    attempt: system.deliveryAttempt ?? 0,
    handle: system.receiptHandle ?? '',
    deadLetterOf: system.deadLetterQueue?.messageId ?? undefined,
  };
}
