import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { runOrbitMq } from './orbitmq-process.ts';
import { waitFor, within } from './wait-for.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');
const NODE = join(REPOSITORY, 'node_modules/node/bin/node');
const COMMAND = join(REPOSITORY, 'bin/orbitmq.js');
const READY_MS = 90_000;
const STOP_MS = 40_000;
const LOOK_MS = 100;
const LOG_TAIL = 2_000;

interface StatusGroup {
  readonly master: string;
  readonly phase: string;
  readonly epoch: number;
  readonly syncStateSet: readonly string[];
  readonly members: readonly { readonly name: string; readonly inSync: boolean }[];
}

/** `orbitmq cluster` as a person starts it, one group of two, in a directory of its own. */
export class ClusterCommand {
  readonly directory = mkdtempSync(join(tmpdir(), 'cluster-'));
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #output = '';

  private constructor(environment: Readonly<Record<string, string>>) {
    const words = ['cluster', '--namesrv', '3', '--base-port', '0', '--data', this.directory];
    this.#child = spawn(NODE, [COMMAND, ...words], {
      env: { ...process.env, NO_COLOR: '1', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    }
    this.#ended = new Promise((done) => this.#child.once('close', done));
  }

  static async start(environment: Readonly<Record<string, string>> = {}): Promise<ClusterCommand> {
    const cluster = new ClusterCommand(environment);
    try {
      await waitFor('the cluster', READY_MS, () =>
        cluster.#output.includes('The cluster is ready.') ? true : undefined,
      );
      return cluster;
    } catch (error) {
      const failure = cluster.explained(error);
      await cluster.stop();
      throw failure;
    }
  }

  /** What clients are told: NameServers, separated as the command prints them. */
  get endpoint(): string {
    return /clients +(\S+)/.exec(this.#output)?.[1] ?? '';
  }

  run(...words: string[]): Promise<string> {
    return runOrbitMq([...words, '--data', this.directory]);
  }

  /** When there is a master of an epoch above this one, and everybody is in sync with it. */
  whole(aboveEpoch: number): Promise<StatusGroup> {
    return waitFor(
      'a master and all members in sync',
      READY_MS,
      async () => {
        const [group] = JSON.parse(
          await this.run('cluster', 'status', '-o', 'json'),
        ) as StatusGroup[];
        const isWhole =
          group?.phase === 'stable' &&
          group.epoch > aboveEpoch &&
          group.members.every(({ inSync }) => inSync);
        return isWhole ? group : undefined;
      },
      LOOK_MS,
    );
  }

  explained(error: unknown): Error {
    const folder = join(this.directory, 'logs');
    const logs = readdirSync(folder).map(
      (file) => `--- ${file}\n${readFileSync(join(folder, file), 'utf8').slice(-LOG_TAIL)}`,
    );
    const text = [(error as Error).message, '--- cluster', this.#output, ...logs].join('\n');
    return new Error(text, { cause: error });
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await within('the end of the cluster', STOP_MS, this.#ended);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
