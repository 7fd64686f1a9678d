import { hostname } from 'node:os';
import process from 'node:process';
import { assert } from '../../common/assert.ts';
import {
  ClientType,
  Code,
  Encoding,
  FilterType,
  Language,
  MessagingServiceMethods as Rpc,
  MessageType,
  type IMessageQueue,
  type ISettings,
  type IMessage,
} from '../../proto/generated/v2.ts';
import type { Connection } from './connection.ts';
import { fromMs } from './proto-time.ts';
import { throwRefusal } from './refusal.ts';
import { Telemetry } from './telemetry.ts';

/** A message to send, in our own words. */
export interface OutgoingMessage {
  readonly topic: string;
  readonly messageId: string;
  readonly body: Uint8Array;
  readonly tag?: string | undefined;
  readonly keys?: readonly string[];
  readonly properties?: Readonly<Record<string, string>>;
  readonly messageGroup?: string | undefined;
  /** Wall time before which it is not delivered. */
  readonly deliveryTimeMs?: number | undefined;
}

export interface SendReceipt {
  readonly messageId: string;
  readonly offset: number;
}

export interface ReceiveRequest {
  readonly group: string;
  readonly queue: IMessageQueue;
  /** Tags, `A || B` or `*`. */
  readonly filter: string;
  readonly batchSize: number;
  readonly invisibleMs: number;
  readonly pollMs: number;
}

/** RocketMQ's "any queue of this broker". */
const ANY_QUEUE = -1;

/** A lean client of apache.rocketmq.v2: what the command line needs. It talks to one node, which forwards where it must. */
export class MessagingClient {
  readonly #connection: Connection;
  readonly #headers: Readonly<Record<string, string>>;
  #telemetry: Telemetry | undefined;
  #group: string | undefined;

  constructor(connection: Connection, version: string, random: Buffer) {
    this.#connection = connection;
    this.#headers = {
      'x-mq-client-id': `${hostname()}@${process.pid}@orbitmq@${random.toString('hex')}`,
      'x-mq-client-version': version,
      'x-mq-language': 'NODE_JS',
      'x-mq-protocol': 'v2',
    };
  }

  async startProducer(topic: string): Promise<void> {
    await this.#open({
      clientType: ClientType.PRODUCER,
      publishing: { topics: [{ name: topic }] },
    });
  }

  async startConsumer(group: string, topic: string, filter: string): Promise<void> {
    this.#group = group;
    await this.#open({
      clientType: ClientType.SIMPLE_CONSUMER,
      subscription: {
        group: { name: group },
        subscriptions: [{ topic: { name: topic }, expression: tagFilter(filter) }],
      },
    });
  }

  /** One entry for each broker that has the topic, standing for all of its queues. */
  async brokers(topic: string): Promise<IMessageQueue[]> {
    const response = await this.#connection.unary(
      Rpc.QueryRoute,
      { topic: { name: topic }, endpoints: {} },
      this.#headers,
    );
    throwRefusal(response.status);
    const byName = new Map(
      response.messageQueues.map((queue) => [queue.broker?.name ?? '', queue]),
    );
    return [...byName.values()].map((queue) => ({ ...queue, id: ANY_QUEUE }));
  }

  async send(messages: readonly OutgoingMessage[]): Promise<SendReceipt[]> {
    const request = { messages: messages.map((message) => encodeMessage(message)) };
    const response = await this.#connection.unary(Rpc.SendMessage, request, this.#headers);
    throwRefusal(response.status);
    return response.entries.map((entry) => {
      throwRefusal(entry.status);
      return { messageId: entry.messageId ?? '', offset: entry.offset ?? 0 };
    });
  }

  /** Messages that came within the polling time, none if there were none. */
  async receive(request: ReceiveRequest): Promise<IMessage[]> {
    const messages: IMessage[] = [];
    const stream = this.#connection.serverStream(
      Rpc.ReceiveMessage,
      {
        group: { name: request.group },
        messageQueue: request.queue,
        filterExpression: tagFilter(request.filter),
        batchSize: request.batchSize,
        invisibleDuration: fromMs(request.invisibleMs),
        longPollingTimeout: fromMs(request.pollMs),
        autoRenew: false,
      },
      this.#headers,
      request.pollMs,
    );
    for await (const { message, status } of stream) {
      if (message) messages.push(message);
      else if (status && status.code !== Code.MESSAGE_NOT_FOUND) throwRefusal(status);
    }
    return messages;
  }

  async ack(group: string, topic: string, messages: readonly IMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const entries = messages.map(({ systemProperties }) => ({
      messageId: systemProperties?.messageId ?? '',
      receiptHandle: systemProperties?.receiptHandle ?? '',
    }));
    const request = { group: { name: group }, topic: { name: topic }, entries };
    const response = await this.#connection.unary(Rpc.AckMessage, request, this.#headers);
    throwRefusal(response.status);
    for (const entry of response.entries) throwRefusal(entry.status);
  }

  /** Says goodbye. A server that does not hear it finds out by itself, so that failing to is no error. */
  async close(): Promise<void> {
    if (this.#telemetry !== undefined) {
      const request = this.#group === undefined ? {} : { group: { name: this.#group } };
      await this.#connection
        .unary(Rpc.NotifyClientTermination, request, this.#headers)
        .catch(() => undefined);
      this.#telemetry.close();
    }
    this.#connection.close();
  }

  async #open(settings: ISettings): Promise<void> {
    assert(this.#telemetry === undefined, 'a client is started once');
    this.#telemetry = new Telemetry(this.#connection, this.#headers);
    await this.#telemetry.exchange({
      ...settings,
      requestTimeout: fromMs(this.#connection.settings.timeoutMs),
      userAgent: {
        language: Language.NODE_JS,
        version: this.#headers['x-mq-client-version'] ?? '',
      },
    });
  }
}

function tagFilter(expression: string): { type: FilterType; expression: string } {
  return { type: FilterType.TAG, expression };
}

function messageTypeOf(message: OutgoingMessage): MessageType {
  if (message.messageGroup !== undefined) return MessageType.FIFO;
  return message.deliveryTimeMs === undefined ? MessageType.NORMAL : MessageType.DELAY;
}

function encodeMessage(message: OutgoingMessage): object {
  const { tag, messageGroup, deliveryTimeMs } = message;
  return {
    topic: { name: message.topic },
    userProperties: { ...message.properties },
    body: message.body,
    systemProperties: {
      messageId: message.messageId,
      keys: [...(message.keys ?? [])],
      bodyEncoding: Encoding.IDENTITY,
      messageType: messageTypeOf(message),
      bornTimestamp: fromMs(Date.now()),
      bornHost: hostname(),
      ...(tag !== undefined && { tag }),
      ...(messageGroup !== undefined && { messageGroup }),
      ...(deliveryTimeMs !== undefined && { deliveryTimestamp: fromMs(deliveryTimeMs) }),
    },
  };
}
