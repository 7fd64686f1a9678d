import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isAlive, readProcessFile } from '../../../cli/cluster/process-file.ts';
import { runOrbitMq } from '../../support/orbitmq-process.ts';
import { waitFor, within } from '../../support/wait-for.ts';

const ROOT = join(import.meta.dirname, '../../..');
const NODE = join(ROOT, 'node_modules/node/bin/node');
const COMMAND = join(ROOT, 'bin/orbitmq.js');
const READY_MS = 60_000;
const STOP_MS = 40_000;
const NODES = ['namesrv-0', 'broker-a-0', 'broker-a-1', 'controller'];

let directory: string;
let cluster: ChildProcess;
let output: string;
let ended: Promise<number | null>;

function start(): void {
  output = '';
  const words = ['cluster', '--namesrv', '1', '--base-port', '0', '--data', directory];
  cluster = spawn(NODE, [COMMAND, ...words], {
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [cluster.stdout, cluster.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  ended = new Promise((resolve) => cluster.once('close', resolve));
}

const says = (pattern: RegExp, timeoutMs = READY_MS): Promise<true> =>
  waitFor(`the cluster to say ${String(pattern)}`, timeoutMs, () =>
    pattern.test(output) ? true : undefined,
  ).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}; it said:\n${output}\n${logs()}`);
  });

function logs(): string {
  const folder = join(directory, 'logs');
  return readdirSync(folder)
    .map((file) => `--- ${file}\n${readFileSync(join(folder, file), 'utf8').slice(-1_500)}`)
    .join('\n');
}

const orbitmq = (...words: string[]): Promise<string> =>
  runOrbitMq([...words, '--data', directory]);

const livingNodes = (): string[] =>
  NODES.filter((name) => {
    const found = readProcessFile(join(directory, 'processes'), name);
    return found !== undefined && isAlive(found);
  });

const nobodyLives = (timeoutMs: number): Promise<true> =>
  waitFor('the end of all nodes', timeoutMs, () => (livingNodes().length === 0 ? true : undefined));

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-'));
});

afterEach(async () => {
  cluster.kill('SIGTERM');
  await within('the end of the cluster', STOP_MS, ended);
  await nobodyLives(STOP_MS);
  rmSync(directory, { recursive: true, force: true });
}, 2 * STOP_MS);

describe('orbitmq cluster', () => {
  it(
    'takes messages, survives the loss of its master, and tells who is master',
    async () => {
      start();
      await says(/The cluster is ready\./);
      const [, endpoint = ''] = /clients +(\S+)/.exec(output) ?? [];
      const [, master = ''] = /(broker-a-\d) \S+ \(master\)/.exec(output) ?? [];
      const send = (body: string): Promise<string> =>
        runOrbitMq(['send', 'greetings', body, '--endpoint', endpoint]);
      await send('before');
      await orbitmq('cluster', 'kill', master);
      await says(/broker-a: broker-a-\d is master \(epoch \d+, before broker-a-\d\) after \d+ ms/);
      await send('after');
      const received = await runOrbitMq([
        ...['receive', 'greetings', '--peek', '--count', '10', '--endpoint', endpoint],
      ]);
      expect([/before/.test(received), /after/.test(received)]).toEqual([true, true]);
      const status = JSON.parse(await orbitmq('cluster', 'status', '-o', 'json')) as {
        master: string;
      }[];
      expect(status.map((group) => group.master)).not.toEqual([master]);
      expect(await orbitmq('cluster', 'explain', 'broker-a')).toMatch(/^If the master of broker-a/);
      await expect(orbitmq('cluster', 'kill', 'broker-a-7')).rejects.toThrow(/Its nodes are:/);
      cluster.kill('SIGINT');
      expect(await within('the stop', STOP_MS, ended)).toBe(0);
      expect(livingNodes()).toEqual([]);
      await expect(orbitmq('cluster', 'status')).rejects.toThrow(/no cluster runs in/);
    },
    READY_MS + STOP_MS,
  );

  it(
    'leaves nothing behind when it is killed, and is refused a second time while it runs',
    async () => {
      start();
      await waitFor('all nodes', READY_MS, () =>
        livingNodes().length === NODES.length ? true : undefined,
      );
      await expect(orbitmq('cluster', '--namesrv', '1', '--base-port', '0')).rejects.toThrow(
        /a cluster is running already in .*, held by process \d+/,
      );
      cluster.kill('SIGKILL');
      await nobodyLives(STOP_MS);
    },
    READY_MS + STOP_MS,
  );
});
