import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { NodeDisk } from '../../../../../common/environment/node/node-disk.ts';
import { describeDiskPort } from '../../../../support/disk-port-suite.ts';

const root = await mkdtemp(join(tmpdir(), 'orbitmq-disk-'));
afterAll(() => rm(root, { recursive: true }));

describeDiskPort('NodeDisk', async () => ({
  disk: new NodeDisk(),
  directory: await mkdtemp(join(root, 'test-')),
  run: (body) => body(),
}));

describe('NodeDisk', () => {
  it('leaves no descriptor open after a file is closed', async () => {
    const directory = await mkdtemp(join(root, 'test-'));
    const disk = new NodeDisk();
    const before = (await readdir('/proc/self/fd')).length;
    for (let i = 0; i < 50; i++) {
      const file = await disk.open(join(directory, 'a'), { create: true });
      await file.write(0, [Buffer.from('x')]);
      await file.close();
      await disk.syncDirectory(directory);
    }
    expect((await readdir('/proc/self/fd')).length).toBeLessThan(before + 10);
  });

  it('makes files that others on the machine cannot read', async () => {
    const directory = await mkdtemp(join(root, 'test-'));
    const path = join(directory, 'a');
    await (await new NodeDisk().open(path, { create: true })).close();
    expect((await stat(path)).mode & 0o007).toBe(0);
  });

  it('refuses a lock file that is something else', async () => {
    const directory = await mkdtemp(join(root, 'test-'));
    const disk = new NodeDisk();
    const file = await disk.open(join(directory, 'lock'), { create: true });
    await file.write(0, [Buffer.alloc(1_000, 'not a lock')]);
    await file.close();
    await expect(disk.lock(join(directory, 'lock'))).rejects.toHaveProperty('code');
  });
});
