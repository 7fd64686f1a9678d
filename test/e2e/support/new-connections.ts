import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../support/cluster-ledger.ts';

const EVERY_MS = 50;
/** Linux sends a SYN that was lost again after 1 s, 3 s and 7 s: one that got nowhere takes longer than that. */
const HANGS_AFTER_MS = 5_000;

/** Connections to one address, each made anew and closed at once, as from clients that begin then. */
export class NewConnections {
  readonly #endpoint: string;
  readonly #startMs = monotonicMs();
  readonly #failures: string[] = [];
  readonly #open: Promise<void>[] = [];
  readonly #running: Promise<void>;
  #opened = 0;
  #isStopping = false;

  private constructor(endpoint: string) {
    this.#endpoint = endpoint;
    this.#running = this.#run();
  }

  static start(endpoint: string): NewConnections {
    return new NewConnections(endpoint);
  }

  /** How many were made, and what became of those that were refused or led nowhere: when it began, and why. */
  async stop(): Promise<{ readonly opened: number; readonly failures: readonly string[] }> {
    this.#isStopping = true;
    await this.#running;
    await Promise.all(this.#open);
    return { opened: this.#opened, failures: this.#failures };
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      this.#open.push(this.#one());
      await sleep(EVERY_MS);
    }
  }

  async #one(): Promise<void> {
    const atMs = Math.round(monotonicMs() - this.#startMs);
    const why = await connectOnce(this.#endpoint, HANGS_AFTER_MS);
    if (why === undefined) this.#opened += 1;
    else this.#failures.push(`after ${atMs} ms: ${why}`);
  }
}

/** Connects and closes at once; resolves with why it could not, or with undefined. */
export function connectOnce(endpoint: string, timeoutMs: number): Promise<string | undefined> {
  const { hostname: host, port } = new URL(`tcp://${endpoint}`);
  return new Promise((resolve) => {
    let why: string | undefined;
    const socket = connect({ host, port: Number(port), timeout: timeoutMs }, () => {
      socket.destroy();
    });
    socket.once('timeout', () => {
      why = 'no answer';
      socket.destroy();
    });
    socket.once('error', (error) => {
      why = error.message;
    });
    socket.once('close', () => resolve(why));
  });
}
