import type { ProcessUsage } from '../test/support/process-usage.ts';
import { LatencyRecorder, type LatencySummary } from './latency-recorder.ts';
import {
  CallFailure,
  MESSAGE_NOT_FOUND,
  MessagingClient,
  messageIds,
  OK,
  SendTemplate,
} from './messaging-client.ts';

/** What is measured, and by what it is reached on 127.0.0.1. */
export interface MeasuredServer {
  readonly port: number;
  usage(): ProcessUsage;
}

/** One cell of the table: one size, one number of requests in flight. */
export interface CellOptions {
  readonly server: MeasuredServer;
  readonly topic: string;
  readonly bodyBytes: number;
  /** Requests that are under way at any time, spread over the connections. */
  readonly inFlight: number;
  readonly measureMs: number;
  readonly warmUpMs: number;
}

export interface Measurement {
  readonly messages: number;
  readonly messagesPerSecond: number;
  readonly latency: LatencySummary;
  /** User and system time of the server process. */
  readonly serverCpuMicrosPerMessage: number;
  /** To see that the load generator was not the bottleneck: of one core. */
  readonly clientCpuPercent: number;
  readonly residentMib: number;
  readonly errors: number;
}

/** Requests in flight on one connection: what a busy client has. */
const IN_FLIGHT_PER_CONNECTION = 16;
const INVISIBLE_MS = 600_000;
const AWAIT_MS = 1_000;
/** A server that refuses everything must not make us spin. */
const ERRORS_MAX = 1_000;

/** One worker step: performs one operation and tells whether there is more to do. */
type Step = (client: MessagingClient) => Promise<'done' | 'idle'>;

export async function measureSend(options: CellOptions): Promise<Measurement> {
  const template = new SendTemplate(options.topic, body(options.bodyBytes));
  const nextId = messageIds();
  return measure(options, async (client) => {
    const { code, text } = await client.send(template, nextId());
    if (code !== OK) throw new CallFailure(`send: ${code} ${text}`);
    return 'done';
  });
}

/** Receives and acknowledges one by one what `measureSend` has left in the topic. Ends early when nothing is left. */
export async function measureReceiveAndAck(options: CellOptions): Promise<Measurement> {
  const { topic } = options;
  const group = `${topic}-group`;
  return measure(options, async (client) => {
    const { code, text, messages } = await client.receive({
      topic,
      group,
      batchSize: 1,
      invisibleMs: INVISIBLE_MS,
      awaitMs: AWAIT_MS,
    });
    const [message] = messages;
    if (message === undefined) {
      if (code !== OK && code !== MESSAGE_NOT_FOUND)
        throw new CallFailure(`receive: ${code} ${text}`);
      return 'idle';
    }
    const reply = await client.ack(topic, group, message);
    if (reply.code !== OK) throw new CallFailure(`ack: ${reply.code} ${reply.text}`);
    return 'done';
  });
}

/** Bytes that do not compress to nothing, the same in every run. */
function body(bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  for (let at = 0; at < bytes; at++) buffer[at] = (at * 2_654_435_761) >>> 24;
  return buffer;
}

async function measure(options: CellOptions, step: Step): Promise<Measurement> {
  const connections = Math.ceil(options.inFlight / IN_FLIGHT_PER_CONNECTION);
  const clients = await Promise.all(
    Array.from({ length: connections }, () => MessagingClient.open(options.server.port)),
  );
  await clients[0]?.queryRoute(options.topic);
  try {
    const run = new LoadRun(options, step);
    const workers = Array.from({ length: options.inFlight }, (_, index) =>
      run.work(clients[index % clients.length] as MessagingClient),
    );
    await Promise.all([run.observe(), ...workers]);
    return run.result();
  } finally {
    for (const client of clients) client.close();
  }
}

interface Marks {
  readonly atMs: number;
  readonly serverCpuMicros: number;
  readonly clientCpuMicros: number;
}

class LoadRun {
  readonly #options: CellOptions;
  readonly #step: Step;
  readonly #latencies = new LatencyRecorder();
  readonly #endMs: number;
  #isMeasuring = false;
  #isOver = false;
  #errors = 0;
  #firstError = '';
  #from: Marks | undefined;
  #to: Marks | undefined;

  constructor(options: CellOptions, step: Step) {
    this.#options = options;
    this.#step = step;
    this.#endMs = performance.now() + options.warmUpMs + options.measureMs;
  }

  async work(client: MessagingClient): Promise<void> {
    while (!this.#isOver) {
      const startMs = performance.now();
      try {
        if ((await this.#step(client)) === 'idle') {
          this.#finish(); // the backlog is used up
          return;
        }
      } catch (error) {
        this.#errors++;
        if (this.#firstError === '') this.#firstError = (error as Error).message;
        if (this.#errors > ERRORS_MAX) throw error;
        continue;
      }
      if (this.#isMeasuring) this.#latencies.record(performance.now() - startMs);
    }
  }

  /** Opens and closes the window in which operations count. */
  async observe(): Promise<void> {
    await this.#waitUntil(this.#endMs - this.#options.measureMs);
    if (this.#isOver) return;
    this.#from = this.#marks();
    this.#isMeasuring = true;
    await this.#waitUntil(this.#endMs);
    this.#finish();
  }

  result(): Measurement {
    const from = this.#from;
    const to = this.#to;
    const messages = this.#latencies.count;
    if (!from || !to || messages === 0) {
      throw new Error(
        `nothing was measured: ${this.#firstError || 'too few messages for the warm-up'}`,
      );
    }
    const seconds = (to.atMs - from.atMs) / 1_000;
    return {
      messages,
      messagesPerSecond: messages / seconds,
      latency: this.#latencies.summary(),
      serverCpuMicrosPerMessage: (to.serverCpuMicros - from.serverCpuMicros) / messages,
      clientCpuPercent: (to.clientCpuMicros - from.clientCpuMicros) / seconds / 1e4,
      residentMib: this.#options.server.usage().residentBytes / 2 ** 20,
      errors: this.#errors,
    };
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#to = this.#marks();
    this.#isMeasuring = false;
  }

  #marks(): Marks {
    const { user, system } = process.cpuUsage();
    return {
      atMs: performance.now(),
      serverCpuMicros: this.#options.server.usage().cpuMicros,
      clientCpuMicros: user + system,
    };
  }

  async #waitUntil(atMs: number): Promise<void> {
    while (!this.#isOver && performance.now() < atMs) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
