/**
 * The broker group of this member, whoever is its master: requests go to the broker of this process, or on to another member,
 * or are held while there is no master (GroupCall). Each of them may be asked a second time, at the same or the next master:
 *
 * - SendMessage: messages carry their ids, and the group keeps the ids of what it stored, also over a change of master.
 * - ReceiveMessage: nothing is lost by asking again; what an answer on its way contained is delivered again when its invisible
 *   time is over, as with every answer that does not arrive. The wait is what is left of the polling time.
 * - AckMessage, ForwardMessageToDeadLetterQueue: settling what is settled is a success.
 * - ChangeInvisibleDuration: the wait begins anew.
 * - Creating a topic on first use, registering and removing a client: idempotent.
 */
import type { ConsumerGroupConfig } from '../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../common/model/topic.ts';
import type { SendMessageView } from '../../common/wire/send-message-view.ts';
import type {
  BrokerAccess,
  Caller,
  ClientContext,
  ClientRegistration,
  ReceiveOutcome,
} from '../../gateway/broker-access.ts';
import { fromMs, wholeMs } from '../../gateway/durations.ts';
import {
  Code,
  type IAckMessageRequest,
  type IAckMessageResponse,
  type IChangeInvisibleDurationRequest,
  type IChangeInvisibleDurationResponse,
  type IForwardMessageToDeadLetterQueueRequest,
  type IForwardMessageToDeadLetterQueueResponse,
  type IReceiveMessageRequest,
  type ISendMessageResponse,
  type IStatus,
} from '../../proto/generated/v2.ts';
import { GroupCall, type Attempt, type CallRules } from './group-call.ts';
import type { GroupRouting, Target } from './group-routing.ts';

type WithStatus = { status?: IStatus | null | undefined };
type WithEntries = WithStatus & { entries?: readonly WithStatus[] | null | undefined };

/** Requests of this node itself. */
const OURSELVES: Caller = {
  remainingMs: undefined,
  signal: new AbortController().signal,
  metadata: () => undefined,
};

export class GroupBrokerAccess implements BrokerAccess {
  readonly brokerName: string;
  readonly #routing: GroupRouting;

  constructor(routing: GroupRouting) {
    this.#routing = routing;
    this.brokerName = routing.ports.brokerName;
  }

  sendMessage(request: SendMessageView, client: ClientContext): Promise<ISendMessageResponse> {
    return this.#run<ISendMessageResponse>(client, statusesOfEntries, ({ access }, attempt) =>
      access.sendMessage(request, new AttemptClient(client, attempt)),
    );
  }

  receiveMessage(request: IReceiveMessageRequest, client: ClientContext): Promise<ReceiveOutcome> {
    const pollMs = wholeMs(request.longPollingTimeout);
    const rules: CallRules<ReceiveOutcome> = {
      // Who waits for a message may as well wait for a master.
      holdMs: Math.max(pollMs, this.#routing.ports.options.masterWaitMs),
      isCounted: false,
      mayRepeat: true,
      statuses: ({ status }) => [status],
      isUnfinished: ({ status }) => status.code === Code.MESSAGE_NOT_FOUND && pollMs > 0,
    };
    return new GroupCall(this.#routing, client, rules).run(({ access }, attempt) => {
      const longPollingTimeout = fromMs(Math.max(0, Math.round(pollMs - attempt.elapsedMs)));
      return access.receiveMessage(
        attempt.elapsedMs < 1 ? request : { ...request, longPollingTimeout },
        new AttemptClient(client, attempt),
      );
    });
  }

  ackMessage(request: IAckMessageRequest, client: ClientContext): Promise<IAckMessageResponse> {
    return this.#run<IAckMessageResponse>(client, statusesOfEntries, ({ access }, attempt) =>
      access.ackMessage(request, new AttemptClient(client, attempt)),
    );
  }

  changeInvisibleDuration(
    request: IChangeInvisibleDurationRequest,
    client: ClientContext,
  ): Promise<IChangeInvisibleDurationResponse> {
    return this.#run(client, ownStatus, ({ access }, attempt) =>
      access.changeInvisibleDuration(request, new AttemptClient(client, attempt)),
    );
  }

  forwardMessageToDeadLetterQueue(
    request: IForwardMessageToDeadLetterQueueRequest,
    client: ClientContext,
  ): Promise<IForwardMessageToDeadLetterQueueResponse> {
    return this.#run(client, ownStatus, ({ access }, attempt) =>
      access.forwardMessageToDeadLetterQueue(request, new AttemptClient(client, attempt)),
    );
  }

  /** Not held: a new master is told of all clients anyway, see Cluster.onMoved. */
  async registerClient(registration: ClientRegistration): Promise<void> {
    await this.#routing.target(0)?.access.registerClient(registration);
  }

  async removeClient(clientId: string): Promise<void> {
    await this.#routing.target(0)?.access.removeClient(clientId);
  }

  topic(name: string): Promise<TopicConfig | undefined> {
    return this.#run(OURSELVES, noStatus, ({ access }) => access.topic(name));
  }

  autoCreateTopic(name: string, caller = OURSELVES): Promise<TopicConfig | undefined> {
    return this.#run(caller, noStatus, ({ access }) => access.autoCreateTopic(name, caller));
  }

  group(name: string): Promise<ConsumerGroupConfig | undefined> {
    return this.#run(OURSELVES, noStatus, ({ access }) => access.group(name));
  }

  #run<Answer>(
    caller: Caller,
    statuses: CallRules<Answer>['statuses'],
    ask: (target: Target, attempt: Attempt) => Promise<Answer>,
  ): Promise<Answer> {
    const holdMs = this.#routing.ports.options.masterWaitMs;
    const rules = { holdMs, isCounted: true, mayRepeat: true, statuses };
    return new GroupCall(this.#routing, caller, rules).run(ask);
  }
}

function ownStatus({ status }: WithStatus): readonly (IStatus | null | undefined)[] {
  return [status];
}

function statusesOfEntries({
  status,
  entries,
}: WithEntries): readonly (IStatus | null | undefined)[] {
  return [status, ...(entries ?? []).map((entry) => entry.status)];
}

function noStatus(): readonly IStatus[] {
  return [];
}

/** The caller at a later attempt: less time is left, and the attempt may be given up before the call is. */
class AttemptClient implements ClientContext {
  readonly #client: ClientContext;
  readonly #attempt: Attempt;

  constructor(client: ClientContext, attempt: Attempt) {
    this.#client = client;
    this.#attempt = attempt;
  }

  get remainingMs(): number | undefined {
    const { remainingMs } = this.#client;
    return remainingMs === undefined ? undefined : remainingMs - this.#attempt.elapsedMs;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  get clientId(): string {
    return this.#client.clientId;
  }

  get language(): string {
    return this.#client.language;
  }

  get clientVersion(): string {
    return this.#client.clientVersion;
  }

  get namespace(): string {
    return this.#client.namespace;
  }

  get peer(): string {
    return this.#client.peer;
  }

  metadata(name: string): string | undefined {
    return this.#client.metadata(name);
  }
}
