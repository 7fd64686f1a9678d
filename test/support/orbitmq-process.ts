import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Role } from '../../common/options/option-definition.ts';
import { freePort } from './free-port.ts';
import { processUsage, type ProcessUsage } from './process-usage.ts';
import { waitFor, within } from './wait-for.ts';

/**
 * A real node as a child process: free ports, a directory of its own, bounded waits, and whatever the process
 * printed in the message of every failure. Used by integration and conformance tests and by the bench.
 */

const REPOSITORY = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const NODE = join(REPOSITORY, 'node_modules/node/bin/node');
/** Another build can be tested by naming its executable. */
const EXECUTABLE = process.env['ORBITMQ_TEST_EXECUTABLE'] ?? join(REPOSITORY, 'bin/orbitmq.js');

/** A cold start on two busy cores; recovery of a large log has its own, longer limit (see `readyTimeoutMs`). */
const READY_TIMEOUT_MS = 60_000;
/** The product promises to drain within 10 s of a SIGTERM. */
const STOP_TIMEOUT_MS = 15_000;
const KILL_TIMEOUT_MS = 10_000;
const COMMAND_TIMEOUT_MS = 30_000;
/** Log output kept per process; older text is dropped. */
const LOG_CHARACTERS_MAX = 200_000;
/** Another process may take a free port between our look and the start of the server. */
const START_ATTEMPTS_MAX = 3;

/** Tests must pass on a machine whose disk is nearly full: only those about a full disk have watermarks of their own. */
const ANY_DISK = [
  ...['--disk-clean-percent', '98', '--disk-force-clean-percent', '99'],
  ...['--disk-reject-percent', '100'],
];

export interface OrbitMqOptions {
  /** Data directory; a temporary one, removed by `dispose`, when it is left out. */
  readonly directory?: string;
  /** `standalone` when it is left out. */
  readonly role?: Role;
  /** More command-line flags of the role. */
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Flags of node itself, such as `--max-old-space-size=512`. */
  readonly nodeFlags?: readonly string[];
  readonly readyTimeoutMs?: number;
}

/** How a child process ended. */
interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class OrbitMqProcess {
  readonly dataDirectory: string;
  readonly port: number;
  readonly httpPort: number;
  readonly #options: OrbitMqOptions;
  readonly #isTemporary: boolean;
  #child: ChildProcess | undefined;
  #exit: Promise<Exit> = Promise.resolve({ code: null, signal: null });
  #log = '';

  private constructor(options: OrbitMqOptions, port: number, httpPort: number) {
    this.#options = options;
    this.#isTemporary = options.directory === undefined;
    this.dataDirectory = options.directory ?? mkdtempSync(join(tmpdir(), 'orbitmq-data-'));
    this.port = port;
    this.httpPort = httpPort;
  }

  /** Starts a node and waits until it is ready. */
  static async start(options: OrbitMqOptions = {}): Promise<OrbitMqProcess> {
    for (let attempt = 1; ; attempt++) {
      const node = new OrbitMqProcess(options, await freePort(), await freePort());
      try {
        await node.launch();
        return node;
      } catch (error) {
        await node.dispose();
        if (!node.log.includes('EADDRINUSE') || attempt >= START_ATTEMPTS_MAX) throw error;
      }
    }
  }

  /** Address for clients. */
  get endpoint(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Everything that all processes of this node have printed, the newest part of it. */
  get log(): string {
    return this.#log;
  }

  get isRunning(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('the node is not running');
    return pid;
  }

  /** Starts the process again on the same data and ports; resolves with the milliseconds until it was ready. */
  async launch(): Promise<number> {
    if (this.isRunning) throw new Error('the node is running already');
    const startMs = performance.now();
    const child = spawn(NODE, [...(this.#options.nodeFlags ?? []), EXECUTABLE, ...this.#flags()], {
      cwd: this.#isTemporary ? this.dataDirectory : REPOSITORY,
      env: { ...process.env, NO_COLOR: '1', ...this.#options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#exit = new Promise((resolve) => {
      child.once('error', (error) => {
        this.#keep(`could not start: ${error.message}\n`);
        resolve({ code: -1, signal: null });
      });
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    await this.#waitUntilReady();
    return performance.now() - startMs;
  }

  /** Sends a signal and waits until the process has gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    if (!this.isRunning) return this.#exit;
    process.kill(this.pid, signal);
    const timeoutMs = signal === 'SIGKILL' ? KILL_TIMEOUT_MS : STOP_TIMEOUT_MS;
    return this.#explain(within(`end after ${signal}`, timeoutMs, this.#exit));
  }

  /** Asks the process to drain and end. */
  async stop(): Promise<Exit> {
    return this.kill('SIGTERM');
  }

  async restart(): Promise<number> {
    await this.kill();
    return this.launch();
  }

  /** Ends the process, hard if need be, and removes a temporary directory. */
  async dispose(): Promise<void> {
    await this.kill();
    if (this.#isTemporary) rmSync(this.dataDirectory, { recursive: true, force: true });
  }

  /** Runs `orbitmq …` against this node and resolves with what it printed; rejects when it fails. */
  async command(...words: readonly string[]): Promise<string> {
    return runOrbitMq([...words, '--endpoint', this.endpoint]);
  }

  /** What the kernel has counted for the process. Linux only. */
  usage(): ProcessUsage {
    return processUsage(this.pid);
  }

  #flags(): string[] {
    const role = this.#options.role ?? 'standalone';
    return [
      role,
      ...['--listen', this.endpoint],
      ...['--http-listen', `127.0.0.1:${this.httpPort}`],
      ...(role === 'namesrv' ? [] : ['--data-dir', this.dataDirectory, ...ANY_DISK]),
      ...(this.#options.flags ?? []),
    ];
  }

  async #waitUntilReady(): Promise<void> {
    const timeoutMs = this.#options.readyTimeoutMs ?? READY_TIMEOUT_MS;
    await this.#explain(
      waitFor('the node to be ready', timeoutMs, async () => {
        if (!this.isRunning) throw new Error('the node ended before it was ready');
        return (await isReady(this.httpPort)) ? true : undefined;
      }),
    );
  }

  #keep(text: string): void {
    this.#log = (this.#log + text).slice(-LOG_CHARACTERS_MAX);
  }

  /** Adds the end of the log to the message of a failure. */
  async #explain<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      const reason = (error as Error).message;
      throw new Error(`${reason}; the node printed:\n${this.#log.slice(-4_000)}`, { cause: error });
    }
  }
}

async function isReady(httpPort: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // nobody listens yet
  }
}

/** Runs one `orbitmq` command to its end. */
export async function runOrbitMq(words: readonly string[]): Promise<string> {
  const child = spawn(NODE, [EXECUTABLE, ...words], {
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const what = `orbitmq ${words.join(' ')}`;
  try {
    const code = await within(what, COMMAND_TIMEOUT_MS, ended);
    if (code === 0) return output;
    throw new Error(`${what} ended with ${code ?? 'a signal'}: ${errors}${output}`);
  } finally {
    child.kill('SIGKILL');
  }
}
