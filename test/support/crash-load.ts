import { setTimeout as sleep } from 'node:timers/promises';
import {
  CallFailure,
  MESSAGE_NOT_FOUND,
  MessagingClient,
  messageIds,
  OK,
  type ReceivedMessage,
  SendTemplate,
} from '../../bench/messaging-client.ts';

/** What the server has promised, and what it has broken. All of it is known to the client alone. */
export class Ledger {
  /** Acknowledged sends: message id → where the receipt says it is. */
  readonly sent = new Map<string, { topic: string; offset: number }>();
  /** Sends whose outcome nobody told: they may be there, at most once. */
  readonly inDoubt = new Set<string>();
  /** Acknowledged consumptions. */
  readonly consumed = new Set<string>();
  /** Acknowledgements whose outcome nobody told: these messages may come again or not. */
  readonly consumedInDoubt = new Set<string>();
  readonly violations: string[] = [];
  deliveries = 0;
  resent = 0;
}

export interface CrashLoadOptions {
  readonly port: number;
  /** Each has one queue, so that a receipt's offset names one place. */
  readonly topics: readonly string[];
  readonly sendersPerTopic: number;
  readonly consumersPerTopic: number;
}

const BODY_BYTES = 200;
/** Far longer than the test: a message comes again because of a crash, not because of its time. */
const INVISIBLE_MS = 600_000;
const AWAIT_MS = 300;
const RECONNECT_MS = 50;
const BATCH = 8;
/** Of the deliveries, those that are left unacknowledged, to come again after the next crash. */
const LEFT_PERCENT = 5;

/** The members of a group must all subscribe the same, and these have one topic each. */
export const groupOf = (topic: string): string => `${topic}-group`;

/** Producers and consumers that go on through crashes of the server, and keep a ledger of what it has acknowledged. */
export class CrashLoad {
  readonly ledger = new Ledger();
  readonly #options: CrashLoadOptions;
  readonly #nextId = messageIds();
  #isStopped = false;
  #workers: Promise<void>[] = [];

  constructor(options: CrashLoadOptions) {
    this.#options = options;
  }

  start(): void {
    const { topics, sendersPerTopic, consumersPerTopic } = this.#options;
    for (const topic of topics) {
      const times = (count: number, worker: () => Promise<void>): void => {
        for (let i = 0; i < count; i++) this.#workers.push(worker());
      };
      times(sendersPerTopic, () => this.#connected((client) => this.#sendForever(client, topic)));
      times(consumersPerTopic, () =>
        this.#connected((client) => this.#consumeForever(client, topic)),
      );
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#workers);
  }

  /** Runs `work` on a connection, and again on a new one whenever the server has gone. */
  async #connected(work: (client: MessagingClient) => Promise<void>): Promise<void> {
    while (!this.#isStopped) {
      try {
        const client = await MessagingClient.open(this.#options.port);
        try {
          await work(client);
        } finally {
          client.close();
        }
      } catch (error) {
        if (!isConnectionLoss(error)) throw error;
        await sleep(RECONNECT_MS);
      }
    }
  }

  async #sendForever(client: MessagingClient, topic: string): Promise<void> {
    const template = new SendTemplate(topic, Buffer.alloc(BODY_BYTES, topic));
    // A message that a crash left in doubt is sent again by its own id, every second one.
    for (const id of this.#takeInDoubt(topic)) {
      this.ledger.resent++;
      await this.#send(client, template, topic, id);
    }
    while (!this.#isStopped) await this.#send(client, template, topic, this.#nextId());
  }

  async #send(
    client: MessagingClient,
    template: SendTemplate,
    topic: string,
    messageId: string,
  ): Promise<void> {
    const key = `${topic} ${messageId}`;
    this.ledger.inDoubt.add(key); // from the moment it leaves us
    const receipt = await client.send(template, messageId);
    if (receipt.code !== OK) throw new CallFailure(`send: ${receipt.code} ${receipt.text}`);
    this.ledger.inDoubt.delete(key);
    this.ledger.sent.set(messageId, { topic, offset: receipt.offset });
  }

  #takeInDoubt(topic: string): string[] {
    const ids = [...this.ledger.inDoubt]
      .filter((key) => key.startsWith(`${topic} `))
      .map((key) => key.slice(topic.length + 1));
    return ids.filter((id) => Number.parseInt(id.slice(-1), 16) % 2 === 0);
  }

  async #consumeForever(client: MessagingClient, topic: string): Promise<void> {
    const group = groupOf(topic);
    while (!this.#isStopped) {
      const { code, text, messages } = await client.receive({
        topic,
        group,
        batchSize: BATCH,
        invisibleMs: INVISIBLE_MS,
        awaitMs: AWAIT_MS,
      });
      if (code !== OK && code !== MESSAGE_NOT_FOUND) throw new CallFailure(`${code} ${text}`);
      for (const message of messages) await this.#settle(client, topic, message);
    }
  }

  async #settle(client: MessagingClient, topic: string, message: ReceivedMessage): Promise<void> {
    this.noteDelivery(message);
    if (message.queueOffset % 100 < LEFT_PERCENT && message.attempt === 1) return;
    this.ledger.consumedInDoubt.add(message.messageId);
    const reply = await client.ack(topic, groupOf(topic), message);
    if (reply.code !== OK) throw new CallFailure(`ack: ${reply.code} ${reply.text}`);
    this.ledger.consumedInDoubt.delete(message.messageId);
    this.ledger.consumed.add(message.messageId);
  }

  /** What has been acknowledged must never be delivered again. */
  noteDelivery(message: ReceivedMessage): void {
    this.ledger.deliveries++;
    if (this.ledger.consumed.has(message.messageId)) {
      this.ledger.violations.push(
        `${message.messageId} at ${message.queueOffset} came again, attempt ${message.attempt}`,
      );
    }
  }
}

/** Refusals count as lost connections too: a node that is going down refuses. They are never taken for success. */
function isConnectionLoss(error: unknown): boolean {
  const { name, code } = error as { name?: string; code?: string };
  return name === 'CallFailure' || code === 'ECONNREFUSED' || code === 'ECONNRESET';
}
