/** The stream between a client and us: it sends its Settings, we answer with ours. Commands from us to clients come later. */
import { MqError } from '../../common/errors/mq-error.ts';
import { STATUS_OK } from '../../common/errors/status.ts';
import {
  defaultConsumerGroup,
  type ConsumerGroupConfig,
} from '../../common/model/consumer-group.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import type { BidiStream, ServiceMethod } from '../../common/rpc/service-table.ts';
import {
  ClientType,
  TelemetryCommand,
  type IFilterExpression,
  type ISettings,
  type ISubscription,
} from '../../proto/generated/v2.ts';
import { CallClient } from '../client-context.ts';
import { validateClientProperties } from '../validation/client-properties.ts';
import type { Gateway } from '../gateway.ts';
import { requiredGroup, requiredTopic } from '../names.ts';
import type { ClientSession, TelemetryStream } from '../session/client-session.ts';
import { SettingsRepeat } from '../session/settings-repeat.ts';
import { isNode, settingsReply } from '../settings.ts';
import { decodeRequest, requireClientId, statusFor } from '../unary-rpc.ts';

export function telemetry(gateway: Gateway): ServiceMethod {
  return {
    kind: 'bidi',
    handle: (call, stream) => new TelemetryHandler(new CallClient(call), stream, gateway),
  };
}

/** Topics in one client's Settings; its brokers keep a subscription for each. */
const TOPICS_MAX = 1_024;
/** Clients send one Settings at a time, every few minutes. */
const COMMANDS_WAITING_MAX = 64;

class TelemetryHandler implements TelemetryStream {
  readonly #client: CallClient;
  readonly #stream: BidiStream;
  readonly #gateway: Gateway;
  readonly #repeat: SettingsRepeat;
  readonly #release: () => void;
  #session: ClientSession | undefined;
  /** The last Settings answer, as it was sent. */
  #answer: Uint8Array | undefined;
  /** Settings are answered one by one, in their order. */
  #work: Promise<void> = Promise.resolve();
  /** Commands not yet looked at. */
  #waiting = 0;
  #isClosed = false;

  constructor(client: CallClient, stream: BidiStream, gateway: Gateway) {
    this.#client = client;
    this.#stream = stream;
    this.#gateway = gateway;
    this.#repeat = new SettingsRepeat(gateway.environment.timers, () => {
      this.repeatSettings();
    });
    this.#release = gateway.drain.onDrain(() => {
      this.#stream.end();
    });
  }

  message(bytes: Buffer): void {
    if (this.#waiting === COMMANDS_WAITING_MAX) {
      this.#stream.end(
        new RpcError('resourceExhausted', 'commands come faster than they are answered'),
      );
      return;
    }
    this.#waiting += 1;
    this.#work = this.#work.then(async () => {
      this.#waiting -= 1;
      await this.#command(bytes);
    });
  }

  halfClosed(): void {
    this.#work = this.#work.then(() => {
      this.#stream.end();
    });
  }

  closed(): void {
    this.#isClosed = true;
    this.#repeat.stop();
    this.#release();
    if (this.#session === undefined) return;
    this.#session.streams.delete(this);
    // From now on only heartbeats keep the session.
    this.#session.lastSeenMs = this.#gateway.environment.clock.monotonicMs();
  }

  repeatSettings(): void {
    if (this.#answer !== undefined && !this.#isClosed) void this.#stream.send(this.#answer);
  }

  clientStarted(): void {
    if (isNode(this.#client.language)) this.#repeat.settle();
  }

  async #command(bytes: Buffer): Promise<void> {
    if (this.#isClosed) return;
    try {
      requireClientId(this.#client);
      const command = decodeRequest('Telemetry', () => TelemetryCommand.decode(bytes));
      // Answers to commands that nobody sent, and commands newer than we are: nothing to do, and no reason to end the stream.
      if (command.settings !== null && command.settings !== undefined) {
        await this.#settings(command.settings);
      }
    } catch (error) {
      const status = statusFor(error, 'Telemetry', this.#gateway);
      // The status is for clients that read it (Node, Python); the others notice the end of the stream.
      void this.#stream.send(TelemetryCommand.encode({ status }).finish());
      this.#stream.end(new RpcError('invalidArgument', status.message));
    }
  }

  async #settings(settings: ISettings): Promise<void> {
    const gateway = this.#gateway;
    const client = this.#client;
    validateClientProperties(settings.clientProperties ?? {});
    const names = namesOf(settings, client, gateway);
    const group = await this.#group(names.group);
    if (this.#isClosed) return;
    const reply = settingsReply(settings, client.language, group, gateway.options);
    const type = settings.clientType ?? ClientType.CLIENT_TYPE_UNSPECIFIED;
    const session = gateway.sessions.open(client, type);
    session.adopt(settings, names);
    session.streams.add(this);
    this.#session = session;
    this.#answer = TelemetryCommand.encode({ status: STATUS_OK, settings: reply }).finish();
    void this.#stream.send(this.#answer);
    gateway.sessions.announce(session);
    if (isNode(client.language)) this.#repeat.start();
  }

  /** The group decides on backoff and order; a broker that cannot tell now must not hold up the client's start. */
  async #group(name: string | undefined): Promise<ConsumerGroupConfig> {
    if (name === undefined) return defaultConsumerGroup('');
    try {
      return await this.#gateway.cluster.group(name);
    } catch (error) {
      statusFor(error, 'Telemetry', this.#gateway);
      return defaultConsumerGroup(name);
    }
  }
}

interface SettingsNames {
  readonly group: string | undefined;
  readonly subscriptions: ReadonlyMap<string, IFilterExpression>;
  readonly publishes: readonly string[];
}

/** Full, valid names of all that the Settings mention. */
function namesOf(settings: ISettings, client: CallClient, gateway: Gateway): SettingsNames {
  const { subscription, publishing } = settings;
  if (subscription) return { ...subscriptionNames(subscription, client, gateway), publishes: [] };
  if (publishing) {
    const topics = publishing.topics ?? [];
    checkTopicCount(topics.length);
    const publishes = topics.map((topic) => requiredTopic(topic, client, gateway.options));
    return { group: undefined, subscriptions: new Map(), publishes };
  }
  const reason = 'has neither publishing nor subscription';
  throw new MqError('telemetry-command-illegal', { reason });
}

function subscriptionNames(
  subscription: ISubscription,
  client: CallClient,
  { options }: Gateway,
): Pick<SettingsNames, 'group' | 'subscriptions'> {
  const entries = subscription.subscriptions ?? [];
  checkTopicCount(entries.length);
  const hasGroup = (subscription.group?.name ?? '') !== '';
  return {
    group: hasGroup ? requiredGroup(subscription.group, client, options) : undefined,
    subscriptions: new Map(
      entries.map((entry) => [requiredTopic(entry.topic, client, options), entry.expression ?? {}]),
    ),
  };
}

function checkTopicCount(count: number): void {
  if (count <= TOPICS_MAX) return;
  throw new MqError('client-properties-invalid', { reason: `name more than ${TOPICS_MAX} topics` });
}
