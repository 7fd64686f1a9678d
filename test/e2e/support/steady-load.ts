import { spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import process from 'node:process';

const NODE = resolve('node_modules/node/bin/node');
const ORBITMQ = process.env['ORBITMQ_TEST_EXECUTABLE'] ?? resolve('bin/orbitmq.js');
const TOPIC = 'load';
const SEND_EVERY_MS = 50;

/** A topic, somebody who sends to it all the time, and somebody who receives: what dashboards are about. */
export class SteadyLoad {
  readonly #endpoint: string;
  readonly #clients: ChildProcess[] = [];
  #sending: NodeJS.Timeout | undefined;

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  /** Rejects when the topic cannot be made. */
  async start(): Promise<void> {
    const creation = this.#client('topic', 'create', TOPIC);
    const code = await new Promise((done) => creation.once('close', done));
    if (code !== 0) throw new Error(`orbitmq topic create ended with ${String(code)}`);
    const sender = this.#client('send', TOPIC, '--lines');
    this.#sending = setInterval(() => sender.stdin?.write('a message\n'), SEND_EVERY_MS);
    this.#client('receive', TOPIC, '--group', 'readers', '--follow');
  }

  stop(): void {
    clearInterval(this.#sending);
    for (const client of this.#clients) client.kill('SIGKILL');
  }

  #client(...words: readonly string[]): ChildProcess {
    const child = spawn(NODE, [ORBITMQ, ...words, '--endpoint', this.#endpoint], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.stdin.on('error', () => undefined); // one that has ended early shows in panels without data
    this.#clients.push(child);
    return child;
  }
}
