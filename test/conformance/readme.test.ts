import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OrbitMqProcess } from '../support/orbitmq-process.ts';
import { waitFor } from '../support/wait-for.ts';
import { buildDriver, CLIENTS, reasonToSkip, type ClientUnderTest } from './clients.ts';

/** What a newcomer pastes must work: the programs of README.md are run as they stand there, against another port. */

const REPOSITORY = resolve('.');
const README = readFileSync('README.md', 'utf8');
const ADVERTISED = '127.0.0.1:8081';

const BUILD_TIMEOUT_MS = 15 * 60_000;
/** `go run` compiles the client library when its cache is cold. */
const PRINT_TIMEOUT_MS = 180_000;

interface Program {
  readonly client: ClientUnderTest;
  /** Language of the fenced block. */
  readonly fence: string;
  readonly file: string;
  /** How the file, which lies in `folder`, is run; after the driver of the language has been built. */
  command(folder: string): readonly string[];
}

/** A Go program needs a module around it: the one of our driver. */
function goModule(folder: string): void {
  for (const file of ['go.mod', 'go.sum'])
    cpSync(`test/conformance/go/${file}`, join(folder, file));
}

const PROGRAMS: readonly Program[] = [
  {
    client: CLIENTS.node,
    fence: 'js',
    file: 'greetings.mjs',
    // From its text, so that its imports are looked up in the working directory: ours.
    command: (folder) => [
      ...[CLIENTS.node.command()[0] ?? 'node', '--input-type=module', '--eval'],
      readFileSync(join(folder, 'greetings.mjs'), 'utf8'),
    ],
  },
  {
    client: CLIENTS.python,
    fence: 'python',
    file: 'greetings.py',
    command: (folder) => [CLIENTS.python.command()[0] ?? 'python3', join(folder, 'greetings.py')],
  },
  {
    client: CLIENTS.java,
    fence: 'java',
    file: 'Greetings.java',
    command: (folder) => [
      ...['java', `-Duser.home=${folder}`, '-cp', CLIENTS.java.command().at(-2) ?? ''],
      join(folder, 'Greetings.java'),
    ],
  },
  {
    client: CLIENTS.go,
    fence: 'go',
    file: 'main.go',
    command: (folder) => {
      goModule(folder);
      return ['go', 'run', '-C', folder, '.'];
    },
  },
];

function programText(fence: string, endpoint: string): string {
  const text = new RegExp(`^\`\`\`${fence}\n([\\s\\S]*?)^\`\`\``, 'm').exec(README)?.[1];
  if (text === undefined) throw new Error(`README.md has no block in ${fence}`);
  return text.replaceAll(ADVERTISED, endpoint);
}

/** Runs a program until it has printed a line that begins with "hello from". */
async function greetingOf(command: readonly string[]): Promise<string> {
  const [program = '', ...rest] = command;
  const child = spawn(program, rest, {
    cwd: REPOSITORY,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  try {
    return await waitFor(`a greeting from ${program}`, PRINT_TIMEOUT_MS, () => {
      const greeting = /^hello from .*$/m.exec(output)?.[0];
      if (greeting === undefined && hasEnded()) throw new Error('the program has ended');
      return greeting;
    });
  } catch (error) {
    throw new Error(`${String(error)}\n${output.slice(-4_000)}`, { cause: error });
  } finally {
    // `go run` starts a process of its own: the whole group has to go.
    if (!hasEnded() && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }
}

describe('a program of README.md', () => {
  let server: OrbitMqProcess;
  const folder = mkdtempSync(join(tmpdir(), 'orbitmq-readme-'));

  beforeAll(async () => {
    server = await OrbitMqProcess.start();
  });

  afterAll(async () => {
    await server.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const program of PROGRAMS) {
    const reason = reasonToSkip(program.client);
    const test = reason === undefined ? it : it.skip;
    const name = `greets from ${program.client.name}${reason === undefined ? '' : ` (skipped: ${reason})`}`;
    test(
      name,
      async () => {
        buildDriver(program.client);
        writeFileSync(join(folder, program.file), programText(program.fence, server.endpoint));
        expect(await greetingOf(program.command(folder))).toMatch(/^hello from \w+/);
      },
      BUILD_TIMEOUT_MS,
    );
  }
});
