import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../../cli/client/connection.ts';
import { AdminClient } from '../../cli/client/admin-client.ts';
import { ClusterLedger, monotonicMs, type StoredMessage } from './cluster-ledger.ts';
import { endTelemetryWell, type TelemetryClient } from './official-telemetry.ts';
import { waitFor } from './wait-for.ts';

/** What we use of the official Node.js client, whose own types do not fit our compiler options. */
interface OfficialProducer extends TelemetryClient {
  startup(): Promise<void>;
  shutdown(): Promise<void>;
  send(message: { topic: string; body: Buffer }): Promise<{ messageId: string; offset: number }>;
}
interface OfficialMessage {
  readonly messageId: string;
  readonly body: Buffer;
}
interface OfficialConsumer extends TelemetryClient {
  startup(): Promise<void>;
  shutdown(): Promise<void>;
  receive(max: number, invisibleMs: number): Promise<OfficialMessage[]>;
  ack(message: OfficialMessage): Promise<void>;
}
interface OfficialClients {
  Producer: new (options: object) => OfficialProducer;
  SimpleConsumer: new (options: object) => OfficialConsumer;
}
const official = createRequire(import.meta.url)('rocketmq-client-nodejs') as OfficialClients;

export interface ClusterLoadOptions {
  /** A NameServer. */
  readonly endpoint: string;
  /** Names of topics begin with it; each run of a test has its own. */
  readonly name: string;
  readonly lanes: number;
  /** One more topic, for a probe to send to. */
  readonly hasProbe: boolean;
  /** Its topics are on several broker groups, or move: what was delivered counts, and not at which place it is stored. */
  readonly isSpread?: boolean;
  /** Clients that got nothing done for this long are replaced, as a health check does. Without it, never. */
  readonly replaceAfterMs?: number;
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
/** Between two sends of a lane: enough of them to see every gap, few enough to check them all. */
const PAUSE_MS = 4;
const AFTER_FAILURE_MS = 20;
/** Longer than any acknowledgement takes: what comes again was acknowledged and undone, or its answer was lost on the way. */
const INVISIBLE_MS = 20_000;
/** What was in an answer that was lost is there again after so long. */
const AGAIN_MS = INVISIBLE_MS + 10_000;
const LATE_LOOK_MS = 250;
const AWAIT_MS = 250;
const BATCH = 16;
const PEEK_BATCH = 32;
const SETUP_TIMEOUT_MS = 30_000;
const CALL_TIMEOUT_MS = 5_000;
/** Polls in a row that bring nothing: then there is nothing more. */
const EMPTY_POLLS = 3;
const DRAIN_TIMEOUT_MS = 60_000;

/** Official clients that send and receive through whatever happens to the cluster, and a ledger of what they were promised. */
export class ClusterLoad {
  readonly ledger = new ClusterLedger();
  readonly topics: readonly string[];
  /** Reasons that sends failed with, for the record. */
  readonly failures = new Map<string, number>();
  readonly #options: ClusterLoadOptions;
  readonly #lanes: readonly string[];
  #producer: OfficialProducer;
  #consumer: OfficialConsumer;
  readonly #connection: Connection;
  readonly #admin: AdminClient;
  #isClosed = false;
  #isSending = true;
  #isReceiving = true;
  #senders: Promise<void>[] = [];
  #receiver: Promise<void> = Promise.resolve();
  /** When a producer was last replaced. */
  #producerMs = 0;
  /** When a receive was last answered. */
  #receivedMs = monotonicMs();
  /** Deliveries since the last look, to know when nothing more comes. */
  #emptyPolls = 0;

  private constructor(options: ClusterLoadOptions) {
    this.#options = options;
    const { endpoint, name, lanes, hasProbe } = options;
    this.#lanes = Array.from({ length: lanes }, (_, lane) => `${name}-${lane}`);
    this.topics = [...this.#lanes, ...(hasProbe ? [this.probeTopic] : [])];
    this.#producer = this.#newProducer();
    this.#consumer = this.#newConsumer();
    this.#connection = new Connection({
      endpoint,
      ...{ tls: false, tlsInsecure: false, tlsCa: undefined, timeoutMs: CALL_TIMEOUT_MS },
    });
    this.#admin = new AdminClient(this.#connection);
  }

  #newProducer(): OfficialProducer {
    const producer = new official.Producer({ ...this.#common(), topics: [...this.topics] });
    endTelemetryWell(producer, () => this.#isClosed);
    return producer;
  }

  #newConsumer(): OfficialConsumer {
    const consumer = new official.SimpleConsumer({
      ...this.#common(),
      consumerGroup: this.group,
      awaitDuration: AWAIT_MS,
      subscriptions: new Map(this.topics.map((topic) => [topic, '*'])),
    });
    endTelemetryWell(consumer, () => this.#isClosed);
    return consumer;
  }

  #common(): object {
    return { endpoints: this.#options.endpoint, namespace: '', logger: silent };
  }

  /** Creates topics and group, starts the clients, and resolves when every lane has sent. */
  static async start(options: ClusterLoadOptions): Promise<ClusterLoad> {
    const load = new ClusterLoad(options);
    await eventually('topics', async () => {
      for (const topic of load.topics) await load.#ensureTopic(topic);
    });
    await eventually('the group', () =>
      load.#admin.ensureGroup(load.group, { startPosition: 'earliest' }),
    );
    await load.#producer.startup();
    await load.#consumer.startup();
    load.#senders = load.#lanes.map((topic, lane) => load.#sendForever(topic, `lane-${lane}`));
    load.#receiver = load.#receiveForever();
    await waitFor('a send of every lane', SETUP_TIMEOUT_MS, () => {
      const lanes = new Set(load.ledger.sends.map(({ lane }) => lane));
      return lanes.size >= load.#lanes.length ? true : undefined;
    });
    return load;
  }

  get probeTopic(): string {
    return `${this.#options.name}-probe`;
  }

  get group(): string {
    return `${this.#options.name}-group`;
  }

  /** Ends the sending, receives what is left, and resolves with all that is stored. */
  async finish(): Promise<ReadonlyMap<string, readonly StoredMessage[]>> {
    this.#isSending = false;
    await Promise.all(this.#senders);
    this.#emptyPolls = 0;
    await waitFor('the last message', DRAIN_TIMEOUT_MS, () =>
      this.#emptyPolls >= EMPTY_POLLS * this.topics.length ? true : undefined,
    );
    const stored = new Map<string, StoredMessage[]>();
    if (this.#options.isSpread === true) await this.#receiveRest();
    for (const topic of this.#options.isSpread === true ? [] : this.topics) {
      await eventually(`what is stored in ${topic}`, async () => {
        stored.set(topic, await this.#read(topic));
      });
    }
    await this.#receiveLate(stored);
    this.#isReceiving = false;
    await this.#receiver;
    return stored;
  }

  /** Goes on receiving while something is there that was acknowledged and never came. The ledger says what is missing then. */
  async #receiveLate(stored: ReadonlyMap<string, readonly StoredMessage[]>): Promise<void> {
    const endMs = monotonicMs() + AGAIN_MS;
    while (this.ledger.hasUndelivered(stored) && monotonicMs() < endMs) {
      await sleep(LATE_LOOK_MS);
    }
  }

  async #receiveRest(): Promise<void> {
    const endMs = monotonicMs() + AGAIN_MS;
    while (this.ledger.notDelivered().length > 0 && monotonicMs() < endMs) {
      await sleep(LATE_LOOK_MS);
    }
  }

  async close(): Promise<void> {
    this.#isSending = false;
    this.#isReceiving = false;
    await Promise.all([...this.#senders, this.#receiver]);
    await Promise.allSettled([this.#producer.shutdown(), this.#consumer.shutdown()]);
    this.#isClosed = true;
    this.#connection.close();
  }

  async #ensureTopic(topic: string): Promise<void> {
    try {
      await this.#admin.createTopic(topic, { queueCount: 1 });
    } catch (error) {
      if (!/exists/.test((error as Error).message)) throw error;
    }
  }

  async #sendForever(topic: string, lane: string): Promise<void> {
    for (let sequence = 0; this.#isSending; sequence++) {
      const body = `${lane}:${sequence}`;
      this.ledger.inDoubt.add(body);
      try {
        const { messageId, offset } = await this.#producer.send({ topic, body: Buffer.from(body) });
        this.ledger.inDoubt.delete(body);
        const ackedAtMs = monotonicMs();
        this.ledger.sends.push({ messageId, topic, lane, sequence, offset, ackedAtMs });
        await sleep(PAUSE_MS);
      } catch (error) {
        // In doubt for ever: the next one has a number of its own.
        this.#noteFailure('send', error);
        await this.#replaceProducer();
        await sleep(AFTER_FAILURE_MS);
      }
    }
  }

  async #receiveForever(): Promise<void> {
    while (this.#isReceiving) {
      try {
        const messages = await this.#consumer.receive(BATCH, INVISIBLE_MS);
        this.#receivedMs = monotonicMs();
        this.#emptyPolls = messages.length === 0 ? this.#emptyPolls + 1 : 0;
        // Each is looked at before the first is acknowledged, as an application with a queue of its own would.
        for (const { messageId } of messages) this.ledger.noteDelivery(messageId);
        await Promise.all(messages.map((message) => this.#ack(message)));
      } catch (error) {
        if (!/40401|no new message/i.test((error as Error).message)) {
          this.#noteFailure('receive', error);
          await this.#replaceConsumer();
        } else this.#receivedMs = monotonicMs();
        await sleep(AFTER_FAILURE_MS);
      }
    }
  }

  async #ack(message: OfficialMessage): Promise<void> {
    const { messageId } = message;
    this.ledger.consumedInDoubt.add(messageId);
    try {
      await this.#consumer.ack(message);
      this.ledger.consumedInDoubt.delete(messageId);
      this.ledger.consumed.set(messageId, monotonicMs());
    } catch (error) {
      this.#noteFailure('ack', error);
    }
  }

  async #read(topic: string): Promise<StoredMessage[]> {
    const messages: StoredMessage[] = [];
    for (;;) {
      const batch = await this.#admin.peek({
        topic,
        ...{ queueId: 0, offset: messages.length, maxMessages: PEEK_BATCH, filter: '*' },
      });
      if (batch.length === 0) return messages;
      for (const { messageId, offset, body } of batch) {
        messages.push({ messageId, offset: offset ?? 0, body: body ?? '' });
      }
    }
  }

  /** Lanes that find out together replace it once. */
  async #replaceProducer(): Promise<void> {
    const { replaceAfterMs = Number.POSITIVE_INFINITY } = this.#options;
    const lastMs = Math.max(this.#producerMs, this.ledger.sends.at(-1)?.ackedAtMs ?? 0);
    if (monotonicMs() - lastMs < replaceAfterMs) return;
    this.#producerMs = monotonicMs();
    const [producer, old] = [this.#newProducer(), this.#producer];
    if (!(await this.#isStarted(producer))) return;
    this.#producer = producer;
    void old.shutdown().catch(() => undefined);
  }

  async #replaceConsumer(): Promise<void> {
    const { replaceAfterMs = Number.POSITIVE_INFINITY } = this.#options;
    if (monotonicMs() - this.#receivedMs < replaceAfterMs) return;
    this.#receivedMs = monotonicMs();
    const [consumer, old] = [this.#newConsumer(), this.#consumer];
    if (!(await this.#isStarted(consumer))) return;
    this.#consumer = consumer;
    void old.shutdown().catch(() => undefined);
  }

  async #isStarted(client: OfficialProducer | OfficialConsumer): Promise<boolean> {
    try {
      await client.startup();
      return true;
    } catch (error) {
      this.#noteFailure('startup', error);
      void client.shutdown().catch(() => undefined);
      return false;
    }
  }

  #noteFailure(what: string, error: unknown): void {
    const { message } = error as Error;
    const text = `${what}: ${message.replace(/[0-9A-F]{20,}|\d+/g, '#').slice(0, 160)}`;
    this.failures.set(text, (this.failures.get(text) ?? 0) + 1);
  }
}

/** Setting up and reading back are no part of the test: they may take several attempts. */
async function eventually(what: string, work: () => Promise<void>): Promise<void> {
  let reason = '';
  try {
    await waitFor(what, SETUP_TIMEOUT_MS, async () => {
      try {
        await work();
        return true;
      } catch (error) {
        reason = (error as Error).message;
        return undefined;
      }
    });
  } catch (error) {
    throw new Error(`${(error as Error).message}: ${reason}`, { cause: error });
  }
}
