import { setTimeout as sleep } from 'node:timers/promises';
import type { OrbitMqProcess } from '../support/orbitmq-process.ts';
import { type ClientDriver, ClientFailure } from './client-driver.ts';
import type { Feature } from './clients.ts';
import type { DriverOperations, IncomingMessage, OutgoingMessage } from './driver-protocol.ts';

/** What one case works with: a driver, a server, and names that no other case uses. */
export class CaseContext {
  readonly driver: ClientDriver;
  readonly server: OrbitMqProcess;
  readonly topic: string;
  readonly group: string;
  readonly #lacks: Partial<Record<Feature, string>>;
  readonly #handles: string[] = [];

  constructor(
    driver: ClientDriver,
    server: OrbitMqProcess,
    name: string,
    lacks: Partial<Record<Feature, string>>,
  ) {
    this.driver = driver;
    this.server = server;
    this.topic = `topic-${name}`;
    this.group = `group-${name}`;
    this.#lacks = lacks;
  }

  has(feature: Feature): boolean {
    return this.#lacks[feature] === undefined;
  }

  async producer(topic = this.topic): Promise<Sender> {
    const handle = await this.#start('startProducer', { endpoint: this.server.endpoint, topic });
    return (message) =>
      this.driver
        .call('send', { handle, message: { topic, ...message } })
        .then(({ messageId }) => messageId);
  }

  async simpleConsumer(options: ConsumerOptions = {}): Promise<SimpleReceiver> {
    const handle = await this.#start('startSimpleConsumer', {
      endpoint: this.server.endpoint,
      topic: options.topic ?? this.topic,
      group: options.group ?? this.group,
      filter: options.filter ?? '*',
      awaitMs: options.awaitMs ?? POLL_MS,
    });
    return new SimpleReceiver(this.driver, handle);
  }

  async pushConsumer(
    options: ConsumerOptions & { failFirst?: number } = {},
  ): Promise<PushReceiver> {
    const handle = await this.#start('startPushConsumer', {
      endpoint: this.server.endpoint,
      topic: options.topic ?? this.topic,
      group: options.group ?? this.group,
      filter: options.filter ?? '*',
      failFirst: options.failFirst ?? 0,
    });
    return new PushReceiver(this.driver, handle);
  }

  /**
   * Starts a client. All give a route query 3 s, some only once: on a busy machine with a busy disk that can be too short. A
   * start that hangs is not repeated.
   */
  async #start<O extends StartOperation>(
    op: O,
    args: DriverOperations[O]['args'],
  ): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      try {
        const { handle } = await this.driver.call(op, args);
        this.#handles.push(handle);
        return handle;
      } catch (error) {
        if (!(error instanceof ClientFailure) || attempt >= START_ATTEMPTS_MAX) throw error;
      }
    }
  }

  /** Shuts the clients down; a case that failed may have left some that do not answer. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#handles.map((handle) => this.driver.call('stop', { handle })));
  }
}

type StartOperation = 'startProducer' | 'startSimpleConsumer' | 'startPushConsumer';

const START_ATTEMPTS_MAX = 2;
/** Long polls of the suite, in whole seconds because some clients count in them. */
const POLL_MS = 3_000;
/** A receive may give fewer than there are: so one asks again, until this long after the last message. */
const QUIET_MS = 20_000;
const DELIVERY_POLL_MS = 100;

export type Sender = (message: Omit<OutgoingMessage, 'topic'>) => Promise<string>;

export interface ConsumerOptions {
  readonly topic?: string;
  readonly group?: string;
  readonly filter?: string;
  readonly awaitMs?: number;
}

export class SimpleReceiver {
  readonly #driver: ClientDriver;
  readonly #handle: string;
  #askedMs = 0;

  constructor(driver: ClientDriver, handle: string) {
    this.#driver = driver;
    this.#handle = handle;
  }

  /** When the last poll began. */
  get askedMs(): number {
    return this.#askedMs;
  }

  /** One poll. */
  async poll(invisibleMs: number, max = 32): Promise<IncomingMessage[]> {
    this.#askedMs = performance.now();
    const { messages } = await this.#driver.call('receive', {
      handle: this.#handle,
      max,
      invisibleMs,
    });
    return messages;
  }

  /** Polls until `count` messages have come. */
  async take(count: number, invisibleMs: number): Promise<IncomingMessage[]> {
    const taken: IncomingMessage[] = [];
    let quietSince = performance.now();
    while (taken.length < count) {
      const messages = await this.poll(invisibleMs, Math.min(count - taken.length, 32));
      taken.push(...messages);
      if (messages.length > 0) quietSince = performance.now();
      if (performance.now() - quietSince > QUIET_MS) {
        throw new Error(`received ${taken.length} of ${count} messages, then nothing more`);
      }
    }
    return taken;
  }

  /** One message, the next that comes. */
  async takeOne(invisibleMs: number): Promise<IncomingMessage> {
    const [message] = await this.take(1, invisibleMs);
    if (message === undefined) throw new Error('no message');
    return message;
  }

  /** Everything that comes within `forMs`. */
  async takeDuring(forMs: number, invisibleMs: number): Promise<IncomingMessage[]> {
    const taken: IncomingMessage[] = [];
    const end = performance.now() + forMs;
    while (performance.now() < end) taken.push(...(await this.poll(invisibleMs)));
    return taken;
  }

  async ack(message: IncomingMessage, receiptHandle?: string): Promise<void> {
    const args = { ref: message.ref, ...(receiptHandle === undefined ? {} : { receiptHandle }) };
    await this.#driver.call('ack', args);
  }

  async changeInvisible(message: IncomingMessage, invisibleMs: number): Promise<void> {
    await this.#driver.call('changeInvisible', { ref: message.ref, invisibleMs });
  }
}

export class PushReceiver {
  readonly deliveries: IncomingMessage[] = [];
  readonly #driver: ClientDriver;
  readonly #handle: string;

  constructor(driver: ClientDriver, handle: string) {
    this.#driver = driver;
    this.#handle = handle;
  }

  /** Fetches what the listener has seen since the last call. */
  async refresh(): Promise<readonly IncomingMessage[]> {
    const { messages } = await this.#driver.call('delivered', {
      handle: this.#handle,
      from: this.deliveries.length,
    });
    this.deliveries.push(...messages);
    return this.deliveries;
  }

  /** Waits until the listener has been called `count` times. */
  async waitFor(count: number, quietMs = QUIET_MS): Promise<readonly IncomingMessage[]> {
    let quietSince = performance.now();
    for (;;) {
      const before = this.deliveries.length;
      await this.refresh();
      if (this.deliveries.length >= count) return this.deliveries;
      if (this.deliveries.length > before) quietSince = performance.now();
      if (performance.now() - quietSince > quietMs) {
        throw new Error(`${this.deliveries.length} of ${count} deliveries, then nothing more`);
      }
      await sleep(DELIVERY_POLL_MS);
    }
  }
}
