/**
 * A broker group on another node: the same rpc, forwarded with the client's own metadata. Routes and configuration are asked for
 * over orbitmq.v1.Admin; a client is made known by a Telemetry exchange when it is new and by heartbeats afterwards, so that
 * the other node keeps its own session of it.
 */
import { MqError } from '../common/errors/mq-error.ts';
import type { ConsumerGroupConfig } from '../common/model/consumer-group.ts';
import type { TopicConfig } from '../common/model/topic.ts';
import { FORWARDED_HEADER } from '../common/rpc/peer-guard.ts';
import type { CallOptions, RpcChannel } from '../common/rpc/rpc-channel.ts';
import { GRPC_STATUS, rpcStatusOf } from '../common/rpc/rpc-error.ts';
import type { SendMessageView } from '../common/wire/send-message-view.ts';
import {
  AckMessageRequest,
  AckMessageResponse,
  ChangeInvisibleDurationRequest,
  ChangeInvisibleDurationResponse,
  Code,
  ForwardMessageToDeadLetterQueueRequest,
  ForwardMessageToDeadLetterQueueResponse,
  HeartbeatRequest,
  MessagingServiceMethods,
  NotifyClientTerminationRequest,
  ReceiveMessageRequest,
  ReceiveMessageResponse,
  SendMessageResponse,
  TelemetryCommand,
  type IAckMessageRequest,
  type IAckMessageResponse,
  type IChangeInvisibleDurationRequest,
  type IChangeInvisibleDurationResponse,
  type IForwardMessageToDeadLetterQueueRequest,
  type IForwardMessageToDeadLetterQueueResponse,
  type IReceiveMessageRequest,
  type ISendMessageResponse,
  type IStatus,
} from '../proto/generated/v2.ts';
import type {
  BrokerAccess,
  Caller,
  ClientContext,
  ClientRegistration,
  ReceiveOutcome,
} from './broker-access.ts';
import { hopsOf } from './client-context.ts';
import { optionalMs, toMs } from './durations.ts';
import { registrationMetadata, registrationSettings } from './registration-settings.ts';
import { fullResource } from './names.ts';
import type { RemoteConfiguration } from './remote-configuration.ts';

/** What of a client's metadata the owner of a request must see as the client sent it. */
const PASSED_METADATA = [
  'x-mq-language',
  'x-mq-protocol',
  'x-mq-protocol-version',
  'x-mq-client-version',
  'x-mq-client-id',
  'x-mq-request-id',
  'x-mq-date-time',
  'x-mq-session-token',
  'authorization',
] as const;

export interface RemoteBrokerOptions {
  /** For an ordinary request, and on top of the polling time of a receive; a nearer deadline of the caller wins. */
  readonly requestTimeoutMs: number;
  /** Most that one receive may answer. */
  readonly receiveBytesMax: number;
  /** Clients remembered as announced; beyond it they are announced anew. */
  readonly announcedMax?: number;
}

/** Kept of the caller's deadline for the way back. */
const DEADLINE_MARGIN_MS = 50;
const ANNOUNCED_MAX = 100_000;

export class RemoteBrokerAccess implements BrokerAccess {
  readonly brokerName: string;
  readonly #channel: RpcChannel;
  readonly #configuration: RemoteConfiguration;
  readonly #options: Required<RemoteBrokerOptions>;
  /** What each client was announced with, by client id; insertion order, the oldest goes first. */
  readonly #announced = new Map<string, string>();

  constructor(
    brokerName: string,
    channel: RpcChannel,
    configuration: RemoteConfiguration,
    options: RemoteBrokerOptions,
  ) {
    this.brokerName = brokerName;
    this.#channel = channel;
    this.#configuration = configuration;
    this.#options = { announcedMax: ANNOUNCED_MAX, ...options };
  }

  async sendMessage(
    request: SendMessageView,
    client: ClientContext,
  ): Promise<ISendMessageResponse> {
    const { path } = MessagingServiceMethods.SendMessage;
    const namespace = { 'x-mq-namespace': client.namespace };
    return SendMessageResponse.decode(await this.#unary(path, request.raw, client, namespace));
  }

  async receiveMessage(
    request: IReceiveMessageRequest,
    client: ClientContext,
  ): Promise<ReceiveOutcome> {
    const pollMs = optionalMs(request.longPollingTimeout) ?? 0;
    const options = this.#callOptions(client, pollMs + this.#options.requestTimeoutMs);
    const parts = await this.#guard(options, () =>
      this.#channel.serverStream(
        MessagingServiceMethods.ReceiveMessage.path,
        ReceiveMessageRequest.encode(request).finish(),
        options,
        this.#options.receiveBytesMax,
      ),
    );
    return this.#outcomeOf(parts);
  }

  async ackMessage(
    request: IAckMessageRequest,
    client: ClientContext,
  ): Promise<IAckMessageResponse> {
    const { path } = MessagingServiceMethods.AckMessage;
    const bytes = AckMessageRequest.encode(request).finish();
    return AckMessageResponse.decode(await this.#unary(path, bytes, client));
  }

  async changeInvisibleDuration(
    request: IChangeInvisibleDurationRequest,
    client: ClientContext,
  ): Promise<IChangeInvisibleDurationResponse> {
    const { path } = MessagingServiceMethods.ChangeInvisibleDuration;
    const bytes = ChangeInvisibleDurationRequest.encode(request).finish();
    return ChangeInvisibleDurationResponse.decode(await this.#unary(path, bytes, client));
  }

  async forwardMessageToDeadLetterQueue(
    request: IForwardMessageToDeadLetterQueueRequest,
    client: ClientContext,
  ): Promise<IForwardMessageToDeadLetterQueueResponse> {
    const { path } = MessagingServiceMethods.ForwardMessageToDeadLetterQueue;
    const bytes = ForwardMessageToDeadLetterQueueRequest.encode(request).finish();
    return ForwardMessageToDeadLetterQueueResponse.decode(await this.#unary(path, bytes, client));
  }

  /** By Settings when anything changed since the last time, else by a heartbeat. */
  async registerClient(registration: ClientRegistration): Promise<void> {
    const options = this.#ownOptions(registrationMetadata(registration));
    const settings = registrationSettings(registration);
    const fingerprint = JSON.stringify(settings);
    if (this.#announced.get(registration.clientId) === fingerprint) {
      const group = registration.group === undefined ? null : fullResource(registration.group);
      const request = { clientType: registration.clientType, group };
      const bytes = HeartbeatRequest.encode(request).finish();
      const { path } = MessagingServiceMethods.Heartbeat;
      await this.#guard(options, () => this.#channel.unary(path, bytes, options));
      return;
    }
    const bytes = TelemetryCommand.encode({ settings }).finish();
    const { path } = MessagingServiceMethods.Telemetry;
    await this.#guard(options, () => this.#channel.exchange(path, bytes, options));
    this.#remember(registration.clientId, fingerprint);
  }

  async removeClient(clientId: string): Promise<void> {
    this.#announced.delete(clientId);
    const options = this.#ownOptions({ 'x-mq-client-id': clientId });
    const bytes = NotifyClientTerminationRequest.encode({}).finish();
    const { path } = MessagingServiceMethods.NotifyClientTermination;
    await this.#guard(options, () => this.#channel.unary(path, bytes, options));
  }

  topic(name: string): Promise<TopicConfig | undefined> {
    return this.#configuration.topic(name);
  }

  autoCreateTopic(name: string, caller?: Caller): Promise<TopicConfig | undefined> {
    const hops = caller === undefined ? 0 : hopsOf(caller);
    return this.#configuration.topicOnFirstUse(name, hops + 1);
  }

  group(name: string): Promise<ConsumerGroupConfig | undefined> {
    return this.#configuration.group(name);
  }

  #unary(
    path: string,
    bytes: Uint8Array,
    client: ClientContext,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<Buffer> {
    const options = this.#callOptions(client, this.#options.requestTimeoutMs, metadata);
    return this.#guard(options, () => this.#channel.unary(path, bytes, options));
  }

  #callOptions(
    client: ClientContext,
    timeoutMs: number,
    metadata: Readonly<Record<string, string>> = {},
  ): CallOptions {
    const passed: Record<string, string> = {
      ...metadata,
      [FORWARDED_HEADER]: String(hopsOf(client) + 1),
    };
    for (const name of PASSED_METADATA) {
      const value = client.metadata(name);
      if (value !== undefined) passed[name] = value;
    }
    const leftMs = (client.remainingMs ?? Number.POSITIVE_INFINITY) - DEADLINE_MARGIN_MS;
    const deadlineMs = Math.max(Math.min(timeoutMs, leftMs), 1);
    return { deadlineMs, metadata: passed, signal: client.signal };
  }

  #ownOptions(metadata: Readonly<Record<string, string>>): CallOptions {
    const deadlineMs = this.#options.requestTimeoutMs;
    return { deadlineMs, metadata: { ...metadata, [FORWARDED_HEADER]: '1' } };
  }

  /** A call that fails on its way is an expected outcome: of a timeout nobody knows whether the owner has done the work. */
  async #guard<Result>(options: CallOptions, call: () => Promise<Result>): Promise<Result> {
    try {
      return await call();
    } catch (error) {
      const status = rpcStatusOf(error);
      if (status === undefined) throw error;
      const broker = this.brokerName;
      if (status === GRPC_STATUS.deadlineExceeded) {
        throw new MqError('forward-timeout', { broker, limitMs: options.deadlineMs }, error);
      }
      throw new MqError('forward-failed', { broker, reason: (error as Error).message }, error);
    }
  }

  #outcomeOf(parts: readonly Buffer[]): ReceiveOutcome {
    let status: IStatus | undefined;
    let deliveryTimestampMs = 0;
    const messages: Uint8Array[] = [];
    for (const part of parts) {
      // Field 2 (message) is the only large one, and is passed on as it came.
      if (part[0] === MESSAGE_TAG) {
        messages.push(part);
        continue;
      }
      const response = ReceiveMessageResponse.decode(part);
      if (response.status) status = response.status;
      if (response.deliveryTimestamp) deliveryTimestampMs = toMs(response.deliveryTimestamp);
    }
    if (status?.code === undefined || status.code === Code.CODE_UNSPECIFIED) {
      throw new MqError('forward-failed', { broker: this.brokerName, reason: 'no status came' });
    }
    return { status, messages, deliveryTimestampMs };
  }

  #remember(clientId: string, fingerprint: string): void {
    this.#announced.delete(clientId);
    this.#announced.set(clientId, fingerprint);
    if (this.#announced.size <= this.#options.announcedMax) return;
    for (const oldest of this.#announced.keys()) {
      this.#announced.delete(oldest);
      return;
    }
  }
}

/** Tag of ReceiveMessageResponse.message: field 2, length-delimited. */
const MESSAGE_TAG = (2 << 3) | 2;
