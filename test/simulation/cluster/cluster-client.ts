import { RpcError } from '../../../common/rpc/rpc-error.ts';
import type { RpcChannel } from '../../../common/rpc/rpc-channel.ts';
import {
  AckMessageRequest,
  AckMessageResponse,
  Code,
  FilterType,
  MessageType,
  MessagingServiceMethods,
  ReceiveMessageRequest,
  ReceiveMessageResponse,
  SendMessageRequest,
  SendMessageResponse,
  type IDuration,
} from '../../../proto/generated/v2.ts';

/** Whatever is not OK may have been done all the same, or may still be done. */
export type SendOutcome = { readonly isOk: true; readonly offset: number } | NotOk;

export interface NotOk {
  readonly isOk: false;
  readonly reason: string;
}

/** A message as a consumer sees it. */
export interface Delivery {
  readonly id: string;
  readonly brokerName: string;
  readonly queueId: number;
  readonly offset: number;
  readonly attempt: number;
  readonly handle: string;
  readonly body: string;
}

export interface ReceiveAsk {
  readonly topic: string;
  readonly group: string;
  readonly brokerName: string;
  readonly count: number;
  readonly invisibleMs: number;
  readonly pollMs: number;
}

const RECEIVE_BYTES_MAX = 1 << 20;

/** One client of the MessagingService: bytes over channels, as an official client would send them. */
export class ClusterClient {
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #connect: (address: string) => RpcChannel;
  readonly #channels = new Map<string, RpcChannel>();

  constructor(clientId: string, connect: (address: string) => RpcChannel) {
    this.#connect = connect;
    this.#metadata = {
      'x-mq-client-id': clientId,
      'x-mq-language': 'JAVA',
      'x-mq-client-version': '5.0.7',
    };
  }

  async send(
    address: string,
    topic: string,
    id: string,
    body: string,
    deadlineMs: number,
  ): Promise<SendOutcome> {
    const message = {
      topic: { name: topic },
      systemProperties: { messageId: id, messageType: MessageType.NORMAL, bornHost: 'here' },
      body: Buffer.from(body),
    };
    const request = SendMessageRequest.encode({ messages: [message] }).finish();
    const { path } = MessagingServiceMethods.SendMessage;
    return orReason(async () => {
      const bytes = await this.#channel(address).unary(path, request, this.#options(deadlineMs));
      const response = SendMessageResponse.decode(bytes);
      const [entry] = response.entries;
      const status = entry?.status ?? response.status;
      if (status?.code === Code.OK) return { isOk: true, offset: entry?.offset ?? -1 };
      return { isOk: false, reason: status?.message ?? 'no status' };
    });
  }

  async receive(
    address: string,
    ask: ReceiveAsk,
    deadlineMs: number,
  ): Promise<{ readonly isOk: true; readonly messages: readonly Delivery[] } | NotOk> {
    const request = ReceiveMessageRequest.encode({
      group: { name: ask.group },
      messageQueue: { topic: { name: ask.topic }, id: -1, broker: { name: ask.brokerName } },
      filterExpression: { type: FilterType.TAG, expression: '*' },
      batchSize: ask.count,
      invisibleDuration: duration(ask.invisibleMs),
      autoRenew: false,
      longPollingTimeout: duration(ask.pollMs),
    }).finish();
    const { path } = MessagingServiceMethods.ReceiveMessage;
    return orReason(async () => {
      const channel = this.#channel(address);
      const options = this.#options(deadlineMs);
      const parts = await channel.serverStream(path, request, options, RECEIVE_BYTES_MAX);
      const messages: Delivery[] = [];
      let reason = '';
      for (const part of parts) {
        const { message, status } = ReceiveMessageResponse.decode(part);
        if (message) messages.push(deliveryOf(message, ask.brokerName));
        if (status && status.code !== Code.OK) reason = status.message ?? 'no text';
      }
      if (messages.length > 0 || reason.includes('message-not-found') || reason === '')
        return { isOk: true, messages };
      return { isOk: false, reason };
    });
  }

  /** The handles that were acknowledged. */
  async ack(
    address: string,
    topic: string,
    group: string,
    handles: readonly string[],
    deadlineMs: number,
  ): Promise<{ readonly isOk: true; readonly handles: readonly string[] } | NotOk> {
    const request = AckMessageRequest.encode({
      group: { name: group },
      topic: { name: topic },
      entries: handles.map((receiptHandle) => ({ messageId: '', receiptHandle })),
    }).finish();
    const { path } = MessagingServiceMethods.AckMessage;
    return orReason(async () => {
      const bytes = await this.#channel(address).unary(path, request, this.#options(deadlineMs));
      const response = AckMessageResponse.decode(bytes);
      const done = response.entries.filter(({ status }) => status?.code === Code.OK);
      return { isOk: true, handles: done.map(({ receiptHandle }) => receiptHandle ?? '') };
    });
  }

  #options(deadlineMs: number) {
    return { deadlineMs, metadata: this.#metadata };
  }

  #channel(address: string): RpcChannel {
    let channel = this.#channels.get(address);
    if (channel === undefined) this.#channels.set(address, (channel = this.#connect(address)));
    return channel;
  }
}

async function orReason<T>(work: () => Promise<T | NotOk>): Promise<T | NotOk> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return { isOk: false, reason: `rpc status ${error.rpcStatus}: ${error.message}` };
  }
}

function deliveryOf(
  message: NonNullable<ReturnType<typeof ReceiveMessageResponse.decode>['message']>,
  brokerName: string,
): Delivery {
  const system = message.systemProperties ?? {};
  return {
    id: system.messageId ?? '',
    brokerName,
    queueId: system.queueId ?? -1,
    offset: system.queueOffset ?? -1,
    attempt: system.deliveryAttempt ?? 0,
    handle: system.receiptHandle ?? '',
    body: Buffer.from(message.body ?? []).toString(),
  };
}

function duration(ms: number): IDuration {
  return { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1e6 };
}
