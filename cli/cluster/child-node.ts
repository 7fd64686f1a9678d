import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import type { PlannedNode } from './cluster-plan.ts';
import { engineFlags } from './node-flags.ts';
import { removeProcessFile, writeProcessFile } from './process-file.ts';
import { processStartTime } from './process-start-time.ts';

/** How one node is run as a process of its own. */
export interface ChildOptions {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether the role knows the option. */
  readonly hasRunId: boolean;
  readonly logsDirectory: string;
  readonly processesDirectory: string;
  /** Whether it is started again when it ends. */
  readonly restarts: boolean;
  /** One line for the person at the terminal. */
  readonly say: (line: string) => void;
  /** The process has ended, whoever wanted it. */
  readonly onEnd: (name: string) => void;
}

/** The first restart comes at once; then ever later, so that a node that cannot start does not eat the machine. */
const BACKOFF_MS = { first: 200, max: 5_000 } as const;
/** Whoever has lived this long is healthy. */
const HEALTHY_MS = 10_000;
/** A node that ends this often right after its start is given up. */
const FAILURES_MAX = 6;
/** At a start of the cluster a longer log becomes NAME.log.old. */
const LOG_BYTES_MAX = 16 * 1024 * 1024;
/** Of the log of a node that fails, in its line. */
const LAST_WORDS_BYTES = 2_000;

/**
 * A node as a child process. It has a session of its own, so that a Ctrl-C reaches it only through us and in our order; and it
 * ends when its standard input does, so that it does not outlive us, however we end.
 */
export class ChildNode {
  readonly #options: ChildOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #failures = 0;
  #restart: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  start(): void {
    if (this.#child !== undefined) return;
    clearTimeout(this.#restart);
    const { name, command, env, hasRunId } = this.#options;
    const [program = '', ...words] = command;
    const runId = randomBytes(8).toString('hex');
    const log = this.#openLog();
    const child = spawn(program, words, {
      env: { ...env, ORBITMQ_SUPERVISED: '1', ...(hasRunId && { ORBITMQ_RUN_ID: runId }) },
      stdio: ['pipe', log, log],
      detached: true,
    });
    closeSync(log);
    this.#child = child;
    const startMs = performance.now();
    this.#ended = new Promise((resolve) => {
      let failure = '';
      child.once('error', (error) => {
        failure = error.message;
        if (child.pid === undefined) child.emit('exit', null, null);
      });
      child.once('exit', (code, signal) => {
        resolve();
        this.#onEnd(performance.now() - startMs, failure || endText(code, signal));
      });
    });
    // Nothing is ever written; the pipe only says that we live.
    child.stdin?.on('error', () => undefined);
    if (child.pid === undefined) return;
    const startTime = processStartTime(child.pid) ?? '';
    writeProcessFile(this.#options.processesDirectory, name, { pid: child.pid, startTime, runId });
  }

  /** Asks the process to end, and ends it when it has not after `graceMs`. It is not started again. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined) {
      removeProcessFile(this.#options.processesDirectory, this.name);
      return;
    }
    child.kill('SIGTERM');
    // One that is paused would never hear it.
    child.kill('SIGCONT');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await this.#ended;
    clearTimeout(timer);
  }

  /** Ends the process without any grace. It is started again, unless it is being stopped. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** The end of what it printed. */
  lastWords(): string {
    try {
      return readFileSync(this.#logPath(), 'utf8').slice(-LAST_WORDS_BYTES).trim();
    } catch {
      return ''; // it has not printed anything
    }
  }

  #onEnd(livedMs: number, how: string): void {
    this.#child = undefined;
    const { name, processesDirectory, restarts, say, onEnd } = this.#options;
    // The file stays until the next start, for the controller to see whose process has ended.
    if (this.#isStopping) removeProcessFile(processesDirectory, name);
    onEnd(name);
    if (this.#isStopping) return;
    this.#failures = livedMs >= HEALTHY_MS ? 1 : this.#failures + 1;
    if (!restarts) {
      say(`${name} ${how}; it stays down (--no-restart)`);
    } else if (this.#failures >= FAILURES_MAX) {
      say(`${name} ${how}, ${FAILURES_MAX} times in a row: given up. Its last words:`);
      say(indent(this.lastWords()));
    } else {
      const waitMs = Math.min(BACKOFF_MS.first * 2 ** (this.#failures - 1), BACKOFF_MS.max);
      say(`${name} ${how}; it is started again in ${waitMs} ms`);
      this.#restart = setTimeout(() => this.start(), waitMs);
    }
  }

  #logPath(): string {
    return join(this.#options.logsDirectory, `${this.name}.log`);
  }

  #openLog(): number {
    const path = this.#logPath();
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size > LOG_BYTES_MAX) renameSync(path, `${path}.old`);
    return openSync(path, 'a');
  }
}

function endText(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `was ended by ${signal}`;
  return code === 0 ? 'has stopped' : `ended with exit code ${code ?? '?'}`;
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}

/** The command that starts OrbitMQ again as we were started. */
export function ownCommand({ role }: PlannedNode): readonly string[] {
  return [process.execPath, ...engineFlags(role), process.argv[1] ?? ''];
}
