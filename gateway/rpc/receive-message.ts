import { isMqError, MqError } from '../../common/errors/mq-error.ts';
import { statusOf } from '../../common/errors/status.ts';
import type { CallContext, SendMessage, ServiceMethod } from '../../common/rpc/service-table.ts';
import {
  FilterType,
  ReceiveMessageRequest,
  ReceiveMessageResponse,
  type IFilterExpression,
  type IReceiveMessageRequest,
  type IStatus,
} from '../../proto/generated/v2.ts';
import type { ClientContext, ReceiveOutcome } from '../broker-access.ts';
import { ANY_QUEUE } from '../assignment.ts';
import { brokerForReceive } from '../broker-choice.ts';
import { CallClient } from '../client-context.ts';
import { fromMs, optionalMs, wholeMs } from '../durations.ts';
import type { Gateway } from '../gateway.ts';
import { fullResource, requiredGroup, requiredTopic } from '../names.ts';
import { pollingBudgetMs } from '../polling-budget.ts';
import { isReadable } from '../route.ts';
import { admissionKey, decodeRequest, requireClientId, statusFor } from '../unary-rpc.ts';

const ALL_TAGS: IFilterExpression = { type: FilterType.TAG, expression: '*' };

/** The response stream: one status, then the messages, then the time of delivery; clients read until its end. */
export function receiveMessage(gateway: Gateway): ServiceMethod {
  return {
    kind: 'server-stream',
    handle: async (bytes, call, send) => {
      const startMs = gateway.environment.clock.monotonicMs();
      const client = new WaitingClient(call);
      const release = gateway.drain.onDrain(() => {
        client.giveUp();
      });
      try {
        await deliver(await outcomeOf(bytes, client, gateway), send, gateway, startMs);
      } finally {
        release();
        client.release();
      }
    },
  };
}

/** The caller, whose wait also ends when this node shuts down. */
class WaitingClient extends CallClient {
  readonly #controller = new AbortController();
  readonly #callSignal: AbortSignal;
  readonly #onAbort = (): void => {
    this.giveUp();
  };

  constructor(call: CallContext) {
    super(call);
    this.#callSignal = call.signal;
    if (call.signal.aborted) this.giveUp();
    else call.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  override get signal(): AbortSignal {
    return this.#controller.signal;
  }

  giveUp(): void {
    this.#controller.abort(NO_LONGER_WAITED_FOR);
  }

  release(): void {
    this.#callSignal.removeEventListener('abort', this.#onAbort);
  }
}

/** Made once: without a reason of its own, each abort builds a DOMException with a stack. */
const NO_LONGER_WAITED_FOR = new Error('nobody waits for the answer');

async function outcomeOf(
  bytes: Buffer,
  client: ClientContext,
  gateway: Gateway,
): Promise<ReceiveOutcome> {
  try {
    requireClientId(client);
    const ticket = gateway.admission.enterReceive(admissionKey(client));
    try {
      const request = decodeRequest('ReceiveMessage', () => ReceiveMessageRequest.decode(bytes));
      return await receive(request, client, gateway);
    } finally {
      ticket.leave();
    }
  } catch (error) {
    const status = failureStatus(error, client, gateway);
    return { status, messages: [], deliveryTimestampMs: gateway.environment.clock.nowMs() };
  }
}

/** A wait that we have ended ourselves, on another node too, found no message: that is no failure for anybody. */
function failureStatus(error: unknown, client: ClientContext, gateway: Gateway): IStatus {
  const isGivenUp = client.signal.aborted && isMqError(error);
  if (!isGivenUp) return statusFor(error, 'ReceiveMessage', gateway);
  return statusOf('message-not-found', { reason: 'arrived before this node began to stop' });
}

async function receive(
  request: IReceiveMessageRequest,
  client: ClientContext,
  gateway: Gateway,
): Promise<ReceiveOutcome> {
  const { options, sessions, cluster } = gateway;
  const group = requiredGroup(request.group, client, options);
  const topic = requiredTopic(request.messageQueue?.topic, client, options);
  const filter = requiredFilter(request.filterExpression);
  const invisibleMs = invisibleTime(request, gateway);
  sessions.received(client, group, topic, filter);

  const routes = await cluster.routes(topic, client);
  if (routes.length === 0) throw new MqError('topic-not-found', { topic });
  const readable = routes.filter((route) => isReadable(route.topic.permission));
  if (readable.length === 0) {
    throw new MqError('forbidden', { action: 'receive', resource: `topic ${topic}` });
  }
  const queue = request.messageQueue;
  const broker = brokerForReceive(readable, queue?.broker?.name ?? '', gateway);
  return broker.receiveMessage(
    {
      ...request,
      group: fullResource(group),
      // Simple consumers walk through the queues of the route, one each poll. What is due again in another queue must not wait
      // for its turn: any queue of the broker is meant, as with Apache.
      messageQueue: { ...queue, topic: fullResource(topic), id: ANY_QUEUE },
      filterExpression: filter,
      batchSize: Math.min(Math.max(request.batchSize ?? 1, 1), options.receiveBatchMax),
      invisibleDuration: invisibleMs === undefined ? null : fromMs(invisibleMs),
      longPollingTimeout: fromMs(pollingTime(request, client, gateway)),
    },
    client,
  );
}

function pollingTime(
  request: IReceiveMessageRequest,
  client: ClientContext,
  gateway: Gateway,
): number {
  const settings = gateway.sessions.get(client.clientId)?.settings;
  return pollingBudgetMs({
    requestedMs: optionalMs(request.longPollingTimeout),
    settingsMs: optionalMs(settings?.subscription?.longPollingTimeout),
    defaultMs: gateway.options.longPollingMs,
    maxMs: gateway.options.longPollingMaxMs,
    remainingMs: client.remainingMs,
  });
}

/** Undefined with auto_renew: the broker has its own time for what it renews. */
function invisibleTime(request: IReceiveMessageRequest, gateway: Gateway): number | undefined {
  if (request.autoRenew === true) return undefined;
  const { invisibleMinMs: minMs, invisibleMaxMs: maxMs } = gateway.options;
  const givenMs = wholeMs(request.invisibleDuration);
  if (givenMs < minMs || givenMs > maxMs) {
    throw new MqError('invisible-time-illegal', { givenMs, minMs, maxMs });
  }
  return givenMs;
}

function requiredFilter(filter: IFilterExpression | null | undefined): IFilterExpression {
  if (filter === null || filter === undefined) return ALL_TAGS;
  if (filter.type === FilterType.SQL) {
    throw new MqError('not-implemented', { what: 'filtering by SQL expression' });
  }
  const expression = (filter.expression ?? '').trim();
  return expression === '' ? ALL_TAGS : { type: FilterType.TAG, expression };
}

async function deliver(
  outcome: ReceiveOutcome,
  send: SendMessage,
  gateway: Gateway,
  startMs: number,
): Promise<void> {
  // Small, and the transport sends them with what comes next.
  void send(encodeStatus(outcome.status));
  for (const message of outcome.messages) {
    const room = send(message);
    if (room !== undefined) await room;
  }
  const deliveryTimestamp = fromMs(outcome.deliveryTimestampMs);
  void send(ReceiveMessageResponse.encode({ deliveryTimestamp }).finish());
  const tookMs = gateway.environment.clock.monotonicMs() - startMs;
  gateway.onAnswered?.('ReceiveMessage', outcome.status.code ?? 0, tookMs);
}

function encodeStatus(status: IStatus): Uint8Array {
  return ReceiveMessageResponse.encode({ status }).finish();
}
