/**
 * A cluster of in-memory brokers behind the real seam (BrokerAccess, Cluster): no log, no redelivery, just enough for what a
 * gateway can be asked. What the gateway passed on is recorded.
 */
import { randomBytes } from 'node:crypto';
import { receiptMac } from '../../common/crypto/receipt-mac.ts';
import { STATUS_OK, statusOf } from '../../common/errors/status.ts';
import {
  defaultConsumerGroup,
  type ConsumerGroupConfig,
} from '../../common/model/consumer-group.ts';
import { queueOffset } from '../../common/model/offsets.ts';
import {
  decodeReceiptHandle,
  encodeReceiptHandle,
  type Mac,
} from '../../common/model/receipt-handle.ts';
import type { TopicConfig } from '../../common/model/topic.ts';
import type { SendMessageView } from '../../common/wire/send-message-view.ts';
import type {
  BrokerAccess,
  BrokerRoute,
  ClientContext,
  ClientRegistration,
  Cluster,
  ReceiveOutcome,
} from '../../gateway/broker-access.ts';
import {
  DigestType,
  Encoding,
  ReceiveMessageResponse,
  SendMessageRequest,
  type IAckMessageRequest,
  type IAckMessageResponse,
  type IChangeInvisibleDurationRequest,
  type IChangeInvisibleDurationResponse,
  type IForwardMessageToDeadLetterQueueRequest,
  type IForwardMessageToDeadLetterQueueResponse,
  type IMessage,
  type IReceiveMessageRequest,
  type ISendMessageResponse,
} from '../../proto/generated/v2.ts';

export class FakeBroker implements BrokerAccess {
  readonly brokerName: string;
  readonly topics = new Map<string, TopicConfig>();
  readonly groups = new Map<string, ConsumerGroupConfig>();
  readonly registrations: ClientRegistration[] = [];
  readonly removedClients: string[] = [];
  readonly receives: IReceiveMessageRequest[] = [];
  readonly acks: IAckMessageRequest[] = [];
  readonly changes: IChangeInvisibleDurationRequest[] = [];
  readonly queues = new Map<string, IMessage[]>();
  /** Sends wait for it; a test that wants work in flight replaces it. */
  sendGate: Promise<void> = Promise.resolve();
  /** Names that are made on first use. */
  autoCreates = true;
  readonly mac: Mac = receiptMac(randomBytes(32));
  #waiters: (() => void)[] = [];
  #offset = 0;

  constructor(brokerName: string) {
    this.brokerName = brokerName;
  }

  async sendMessage(view: SendMessageView, client: ClientContext): Promise<ISendMessageResponse> {
    await this.sendGate;
    const request = SendMessageRequest.decode(view.raw);
    const entries = request.messages.map((message) => {
      const namespace = message.topic?.resourceNamespace ?? '';
      const name = message.topic?.name ?? '';
      const topic = namespace === '' ? client.namespace + name : `${namespace}%${name}`;
      const queue = this.queues.get(topic) ?? [];
      this.queues.set(topic, queue);
      queue.push(message);
      this.#offset += 1;
      return {
        status: STATUS_OK,
        messageId: message.systemProperties?.messageId ?? '',
        offset: this.#offset,
      };
    });
    for (const wake of this.#waiters.splice(0)) wake();
    return { status: STATUS_OK, entries };
  }

  async receiveMessage(
    request: IReceiveMessageRequest,
    client: ClientContext,
  ): Promise<ReceiveOutcome> {
    this.receives.push(request);
    const topic = request.messageQueue?.topic?.name ?? '';
    const pollMs =
      (request.longPollingTimeout?.seconds ?? 0) * 1000 +
      (request.longPollingTimeout?.nanos ?? 0) / 1e6;
    if ((this.queues.get(topic)?.length ?? 0) === 0 && pollMs > 0)
      await this.#arrival(pollMs, client.signal);
    const taken = this.queues.get(topic)?.splice(0, request.batchSize ?? 1) ?? [];
    const messages = taken.map((message, i) =>
      ReceiveMessageResponse.encode({ message: this.#delivered(message, i) }).finish(),
    );
    const status = taken.length > 0 ? STATUS_OK : statusOf('message-not-found', { reason: 'yet' });
    return { status, messages, deliveryTimestampMs: Date.now() };
  }

  async ackMessage(request: IAckMessageRequest): Promise<IAckMessageResponse> {
    this.acks.push(request);
    const entries = (request.entries ?? []).map((entry) => ({
      messageId: entry.messageId ?? '',
      receiptHandle: entry.receiptHandle ?? '',
      status: this.#check(entry.receiptHandle ?? ''),
    }));
    return { status: entries[0]?.status ?? STATUS_OK, entries };
  }

  async changeInvisibleDuration(
    request: IChangeInvisibleDurationRequest,
  ): Promise<IChangeInvisibleDurationResponse> {
    this.changes.push(request);
    return {
      status: this.#check(request.receiptHandle ?? ''),
      receiptHandle: request.receiptHandle ?? '',
    };
  }

  async forwardMessageToDeadLetterQueue(
    request: IForwardMessageToDeadLetterQueueRequest,
  ): Promise<IForwardMessageToDeadLetterQueueResponse> {
    return { status: this.#check(request.receiptHandle ?? '') };
  }

  async registerClient(registration: ClientRegistration): Promise<void> {
    this.registrations.push(registration);
  }

  async removeClient(clientId: string): Promise<void> {
    this.removedClients.push(clientId);
  }

  async topic(name: string): Promise<TopicConfig | undefined> {
    return this.topics.get(name);
  }

  async autoCreateTopic(name: string): Promise<TopicConfig | undefined> {
    if (!this.autoCreates) return undefined;
    return this.addTopic({ name });
  }

  async group(name: string): Promise<ConsumerGroupConfig | undefined> {
    return this.groups.get(name);
  }

  addTopic(topic: Partial<TopicConfig> & { name: string }): TopicConfig {
    const whole: TopicConfig = {
      type: 'NORMAL',
      queueCount: 4,
      permission: 'READ_WRITE',
      retentionMs: undefined,
      ...topic,
    };
    this.topics.set(whole.name, whole);
    return whole;
  }

  handle(attempt = 1): string {
    const fields = {
      topicId: 1,
      groupId: 1,
      queueId: 0,
      queueOffset: queueOffset(0),
      stamp: 0,
    };
    return encodeReceiptHandle({ brokerName: this.brokerName, attempt, ...fields }, this.mac);
  }

  #check(handle: string): { code: number; message: string } {
    return decodeReceiptHandle(handle, this.mac).ok
      ? STATUS_OK
      : statusOf('receipt-handle-invalid', { reason: 'is forged' });
  }

  #delivered(message: IMessage, queueId: number): IMessage {
    return {
      ...message,
      systemProperties: {
        ...message.systemProperties,
        bodyDigest: { type: DigestType.DIGEST_TYPE_UNSPECIFIED, checksum: '' },
        bodyEncoding: message.systemProperties?.bodyEncoding ?? Encoding.IDENTITY,
        receiptHandle: this.handle(),
        deliveryAttempt: 1,
        queueId,
        queueOffset: 0,
      },
    };
  }

  #arrival(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#waiters.push(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

export class FakeCluster implements Cluster {
  readonly members: readonly FakeBroker[];
  host = '127.0.0.1';
  port = 0;

  constructor(...names: string[]) {
    this.members = (names.length === 0 ? ['broker-a'] : names).map((name) => new FakeBroker(name));
  }

  get first(): FakeBroker {
    return this.members[0]!;
  }

  async routes(topic: string): Promise<readonly BrokerRoute[]> {
    const routes: BrokerRoute[] = [];
    for (const member of this.members) {
      const config = (await member.topic(topic)) ?? (await member.autoCreateTopic(topic));
      if (config !== undefined) {
        routes.push({
          brokerName: member.brokerName,
          host: this.host,
          port: this.port,
          topic: config,
        });
      }
    }
    return routes;
  }

  async group(name: string): Promise<ConsumerGroupConfig> {
    return (await this.first.group(name)) ?? defaultConsumerGroup(name);
  }

  broker(brokerName: string): BrokerAccess | undefined {
    return this.members.find((member) => member.brokerName === brokerName);
  }

  brokers(): readonly BrokerAccess[] {
    return this.members;
  }
}
