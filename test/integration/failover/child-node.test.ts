import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ChildNode } from '../../../cli/cluster/child-node.ts';
import { isAlive, readProcessFile } from '../../../cli/cluster/process-file.ts';
import { waitFor } from '../../support/wait-for.ts';

const LIMIT_MS = 10_000;
const SERVE = `process.stdin.resume().on('end', () => process.exit(0));
  process.on('SIGTERM', () => process.exit(0)); console.log('run', process.env.ORBITMQ_RUN_ID);`;
const STUBBORN = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('run');`;
const FAIL = `console.error('no such luck'); process.exit(7);`;

let directory: string;
let said: string[];
let ends: number;
let child: ChildNode;

function childOf(program: string, restarts = true): ChildNode {
  child = new ChildNode({
    name: 'node',
    command: [process.execPath, '-e', program],
    env: process.env,
    hasRunId: true,
    logsDirectory: directory,
    processesDirectory: directory,
    restarts,
    say: (line) => void said.push(line),
    onEnd: () => {
      ends++;
    },
  });
  child.start();
  return child;
}

const log = (): string => readFileSync(join(directory, 'node.log'), 'utf8');
const until = (what: string, isSo: () => boolean): Promise<true> =>
  waitFor(what, LIMIT_MS, () => (isSo() ? true : undefined));
const runs = (count: number): Promise<true> =>
  until(`run ${count}`, () => (log().match(/^run/gm)?.length ?? 0) >= count);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-child-'));
  said = [];
  ends = 0;
});

afterEach(async () => {
  await child.stop(0);
  rmSync(directory, { recursive: true, force: true });
});

describe('a node that runs as a child process', () => {
  it('is described by a file, with the run that it calls itself', async () => {
    childOf(SERVE);
    await runs(1);
    const file = readProcessFile(directory, 'node');
    expect(file?.pid).toBe(child.pid);
    expect(isAlive(file!)).toBe(true);
    expect(log()).toBe(`run ${file!.runId}\n`);
  });

  it('is started again when it is killed, as another run; the old one is known to be over', async () => {
    childOf(SERVE);
    await runs(1);
    const before = readProcessFile(directory, 'node');
    child.signal('SIGKILL');
    await runs(2);
    const after = readProcessFile(directory, 'node');
    expect(after?.runId).not.toBe(before?.runId);
    expect([isAlive(before!), isAlive(after!)]).toEqual([false, true]);
    expect(said).toEqual(['node was ended by SIGKILL; it is started again in 200 ms']);
    expect(ends).toBe(1);
  });

  it('stays down when that is wanted', async () => {
    childOf(FAIL, false);
    await until('its end', () => ends === 1);
    expect(said).toEqual(['node ended with exit code 7; it stays down (--no-restart)']);
    expect(child.isRunning).toBe(false);
  });

  it('tells why a program cannot be started', async () => {
    child = new ChildNode({
      ...{ name: 'node', command: ['/no/such/program'], env: {}, hasRunId: false, restarts: false },
      ...{ logsDirectory: directory, processesDirectory: directory },
      say: (line) => void said.push(line),
      onEnd: () => {
        ends++;
      },
    });
    child.start();
    await until('its end', () => ends === 1);
    expect(said.join()).toMatch(/ENOENT/);
  });

  it('is ended when it does not end by itself in time, also while it is paused', async () => {
    childOf(STUBBORN);
    await runs(1);
    child.signal('SIGSTOP');
    await child.stop(300);
    expect([child.isRunning, ends, said]).toEqual([false, 1, []]);
    expect(readProcessFile(directory, 'node')).toBeUndefined();
  });
});
