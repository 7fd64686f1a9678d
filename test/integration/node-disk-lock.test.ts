import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { NodeDisk } from '../../common/environment/node/node-disk.ts';

const root = await mkdtemp(join(tmpdir(), 'orbitmq-lock-'));
afterAll(() => rm(root, { recursive: true }));

const MODULE = new URL('../../common/environment/node/node-disk.ts', import.meta.url).href;

/** Takes the lock, drops every reference to it, and says how it went. */
const PROGRAM = `
  const { NodeDisk } = await import(${JSON.stringify(MODULE)});
  await new NodeDisk().lock(process.argv[1]).then(() => console.log('held'), (e) => console.log(e.code));
  setInterval(() => globalThis.gc(), 5);
`;

/** Another process that asks for the lock; resolves with what it says. */
async function contender(path: string): Promise<{ child: ChildProcess; says: string }> {
  const child = spawn(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-e', PROGRAM, path],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, says: said.toString().trim() };
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

describe('the lock of a data directory', () => {
  it('is held against another process, named in the refusal, until kill -9', async () => {
    const path = join(root, 'killed');
    const holder = await contender(path);
    expect(holder.says).toBe('held');
    await expect(new NodeDisk().lock(path)).rejects.toMatchObject({
      code: 'ELOCKED',
      message: expect.stringContaining(`process ${holder.child.pid} on `),
    });
    await end(holder.child);
    const lock = await new NodeDisk().lock(path);
    await lock.release();
  });

  it('goes to exactly one of many processes that ask at the same time', async () => {
    const path = join(root, 'raced');
    const contenders = await Promise.all(Array.from({ length: 6 }, () => contender(path)));
    const answers = contenders.map(({ says }) => says).sort();
    expect(answers).toEqual(['ELOCKED', 'ELOCKED', 'ELOCKED', 'ELOCKED', 'ELOCKED', 'held']);
    await Promise.all(contenders.map(({ child }) => end(child)));
  });

  it('is not lost when its handle is collected as garbage', async () => {
    const path = join(root, 'collected');
    const holder = await contender(path);
    expect(holder.says).toBe('held');
    await new Promise((resolve) => setTimeout(resolve, 100));
    await expect(new NodeDisk().lock(path)).rejects.toMatchObject({ code: 'ELOCKED' });
    await end(holder.child);
  });
});
