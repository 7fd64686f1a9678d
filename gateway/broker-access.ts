import type { ConsumerGroupConfig } from '../common/model/consumer-group.ts';
import type { TopicConfig } from '../common/model/topic.ts';
import type {
  ClientType,
  IAckMessageRequest,
  IAckMessageResponse,
  IChangeInvisibleDurationRequest,
  IChangeInvisibleDurationResponse,
  IFilterExpression,
  IForwardMessageToDeadLetterQueueRequest,
  IForwardMessageToDeadLetterQueueResponse,
  IReceiveMessageRequest,
  ISendMessageResponse,
  IStatus,
} from '../proto/generated/v2.ts';
import type { SendMessageView } from '../common/wire/send-message-view.ts';

/** Who calls, as far as the broker needs to know; built once per call from metadata and the session. */
export interface ClientContext {
  readonly clientId: string;
  /** `JAVA`, `GO`, `HTTP` (Node) …: the value of x-mq-language, upper case, '' when absent. */
  readonly language: string;
  readonly clientVersion: string;
  /** Namespace of the x-mq-namespace header; a resource's own namespace wins over it. */
  readonly namespace: string;
  readonly peer: string;
  /** Milliseconds left until the caller's gRPC deadline, undefined without one. */
  readonly remainingMs: number | undefined;
  /** Aborts when the caller has gone away. */
  readonly signal: AbortSignal;
  /** A metadata value of the call, for forwarding. */
  metadata(name: string): string | undefined;
}

/** Who calls, as far as it matters for the way that a request takes. */
export type Caller = Pick<ClientContext, 'remainingMs' | 'signal' | 'metadata'>;

/** Outcome of a receive: complete wire messages, so that nothing is encoded twice. */
export interface ReceiveOutcome {
  readonly status: IStatus;
  /** Each an encoded ReceiveMessageResponse with the `message` arm set. */
  readonly messages: readonly Uint8Array[];
  readonly deliveryTimestampMs: number;
}

/** A consumer or producer as its Settings describe it, told to every broker that it may use. */
export interface ClientRegistration {
  readonly clientId: string;
  readonly clientType: ClientType;
  readonly language: string;
  readonly clientVersion: string;
  readonly peer: string;
  /** Full name; undefined for producers. */
  readonly group: string | undefined;
  /** Full topic names with their filter; empty for producers. */
  readonly subscriptions: readonly { readonly topic: string; readonly filter: IFilterExpression }[];
  /** Full names of the topics that a producer announced. */
  readonly publishes: readonly string[];
}

/**
 * One broker group as the gateway sees it: the local broker, or another one over gRPC. Requests have been validated by the
 * gateway (names, limits, required fields) and arrive with full resource names; expected failures come back as a Status.
 */
export interface BrokerAccess {
  readonly brokerName: string;
  sendMessage(request: SendMessageView, client: ClientContext): Promise<ISendMessageResponse>;
  receiveMessage(request: IReceiveMessageRequest, client: ClientContext): Promise<ReceiveOutcome>;
  ackMessage(request: IAckMessageRequest, client: ClientContext): Promise<IAckMessageResponse>;
  changeInvisibleDuration(
    request: IChangeInvisibleDurationRequest,
    client: ClientContext,
  ): Promise<IChangeInvisibleDurationResponse>;
  forwardMessageToDeadLetterQueue(
    request: IForwardMessageToDeadLetterQueueRequest,
    client: ClientContext,
  ): Promise<IForwardMessageToDeadLetterQueueResponse>;

  /** Idempotent; repeated with every Settings and heartbeat. */
  registerClient(registration: ClientRegistration): Promise<void>;
  /** The client said goodbye or its stream and heartbeats have been silent for the expiry. */
  removeClient(clientId: string): Promise<void>;

  topic(name: string): Promise<TopicConfig | undefined>;
  /**
   * Creates the topic as a first use would; undefined when automatic creation is off or not for this name. `caller`: whose
   * first use that is, when it is not this node's own.
   */
  autoCreateTopic(name: string, caller?: Caller): Promise<TopicConfig | undefined>;
  group(name: string): Promise<ConsumerGroupConfig | undefined>;
}

/** Queues of one topic on one broker group, with the address that leads to that group. */
export interface BrokerRoute {
  readonly brokerName: string;
  readonly host: string;
  readonly port: number;
  readonly topic: TopicConfig;
}

/** What a gateway knows of the cluster: from its own broker in standalone, from registrations in a NameServer. */
export interface Cluster {
  /** Broker groups that have the topic, in an order that never changes; creates it on first use where that is allowed. */
  routes(topic: string, caller?: Caller): Promise<readonly BrokerRoute[]>;
  /** The group's settings, or its defaults when nobody has created it. */
  group(name: string): Promise<ConsumerGroupConfig>;
  broker(brokerName: string): BrokerAccess | undefined;
  brokers(): readonly BrokerAccess[];
  /**
   * The broker of this very process, for what another node has passed on: it goes no further. Absent: the one of `broker` that
   * has the name of this node's group.
   */
  own?(): BrokerAccess | undefined;
  /** Called when another process serves a broker group now: it has not heard of the clients here. Returns the unsubscription. */
  onMoved?(listener: () => void): () => void;
}
