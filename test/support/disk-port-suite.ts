import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Disk } from '../../common/environment/disk.ts';

/** One implementation of the disk port, ready for one test. */
export interface DiskHarness {
  disk: Disk;
  /** An empty directory that exists. */
  directory: string;
  /** Runs the body of the test; a simulated disk only works while its scheduler runs. */
  run(body: () => Promise<void>): Promise<void>;
}

/** What every disk must do. Product code relies on nothing else. */
export function describeDiskPort(name: string, makeHarness: () => Promise<DiskHarness>): void {
  const claim = (text: string, body: (harness: DiskHarness) => Promise<void>): void => {
    it(text, async () => {
      const harness = await makeHarness();
      await harness.run(() => body(harness));
    });
  };

  describe(`${name}: files`, () => {
    claim('opens a missing file only when asked to create it', async ({ disk, directory }) => {
      const path = `${directory}/a`;
      await expect(disk.open(path, { create: false })).rejects.toMatchObject({ code: 'ENOENT' });
      const file = await disk.open(path, { create: true });
      expect(file.path).toBe(path);
      expect(await file.size()).toBe(0);
      await file.close();
      await (await disk.open(path, { create: false })).close();
    });

    claim('creates no file in a directory that is missing', async ({ disk, directory }) => {
      const opening = disk.open(`${directory}/none/a`, { create: true });
      await expect(opening).rejects.toMatchObject({ code: 'ENOENT' });
    });

    claim('refuses to open a directory as a file', async ({ disk, directory }) => {
      await expect(disk.open(directory, { create: true })).rejects.toMatchObject({
        code: 'EISDIR',
      });
      await expect(disk.readFile(directory)).rejects.toMatchObject({ code: 'EISDIR' });
    });

    claim('reads back what was written, gathered, at any position', async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, { create: true });
      await file.write(0, [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('cdef')]);
      await file.write(2, [Buffer.from('XY')]);
      expect((await file.read(0, 6)).toString()).toBe('abXYef');
      expect((await file.read(3, 2)).toString()).toBe('Ye');
      expect((await disk.readFile(`${directory}/a`)).toString()).toBe('abXYef');
      await file.close();
    });

    claim('keeps what was there when a file is opened with create', async ({ disk, directory }) => {
      const first = await disk.open(`${directory}/a`, { create: true });
      await first.write(0, [Buffer.from('kept')]);
      await first.close();
      const second = await disk.open(`${directory}/a`, { create: true });
      expect((await second.read(0, 10)).toString()).toBe('kept');
      await second.close();
    });

    claim('reads short at the end of the file, and nothing beyond', async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, { create: true });
      await file.write(0, [Buffer.from('12345')]);
      expect((await file.read(3, 10)).toString()).toBe('45');
      expect(await file.read(5, 1)).toHaveLength(0);
      expect(await file.read(500, 10)).toHaveLength(0);
      expect(await file.read(0, 0)).toHaveLength(0);
      await file.close();
    });

    claim('fills a gap before a write with zeros', async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, { create: true });
      await file.write(5_000, [Buffer.from('end')]);
      expect(await file.size()).toBe(5_003);
      expect((await file.read(0, 5_000)).every((byte) => byte === 0)).toBe(true);
      await file.close();
    });

    claim('writes thousands of buffers in one call', async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, { create: true });
      const buffers = Array.from({ length: 2_500 }, (_, i) => Buffer.alloc(1 + (i % 7), i));
      await file.write(3, buffers);
      const content = await file.read(3, 100_000);
      expect(content.equals(Buffer.concat(buffers))).toBe(true);
      await file.close();
    });

    claim('writes no bytes when there are none', async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, { create: true });
      await file.write(10, []);
      await file.write(10, [Buffer.alloc(0)]);
      expect(await file.size()).toBe(0);
      await file.close();
    });

    claim('writes and reads several megabytes', async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, { create: true });
      const chunk = Buffer.alloc(1_000_003, 'pattern of ten');
      await file.write(0, [chunk, chunk, chunk]);
      const content = await file.read(0, 4_000_000);
      expect(content.equals(Buffer.concat([chunk, chunk, chunk]))).toBe(true);
      await file.close();
    });

    claim('truncates, and extends with zeros', async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, { create: true });
      await file.write(0, [Buffer.from('abcdef')]);
      await file.truncate(2);
      expect(await file.size()).toBe(2);
      await file.truncate(4);
      expect(await file.read(0, 10)).toEqual(Buffer.from('ab\0\0'));
      await file.close();
    });

    claim('carries out writes to separate ranges side by side', async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, { create: true });
      const parts = Array.from({ length: 20 }, (_, i) => Buffer.alloc(1_000, i + 1));
      await Promise.all(parts.map((part, i) => file.write(i * 1_000, [part])));
      expect((await file.read(0, 20_000)).equals(Buffer.concat(parts))).toBe(true);
      await file.sync();
      await file.close();
    });

    claim('shows a write through every handle of the file', async ({ disk, directory }) => {
      const one = await disk.open(`${directory}/a`, { create: true });
      const two = await disk.open(`${directory}/a`, { create: false });
      await one.write(0, [Buffer.from('seen')]);
      expect((await two.read(0, 4)).toString()).toBe('seen');
      await Promise.all([one.close(), two.close()]);
    });

    claim(
      'closes once, after what is under way, and works no more',
      async ({ disk, directory }) => {
        const file = await disk.open(`${directory}/a`, { create: true });
        let isWritten = false;
        const writing = file.write(0, [Buffer.alloc(100_000, 1)]).then(() => (isWritten = true));
        await Promise.all([file.close(), file.close()]);
        expect(isWritten).toBe(true);
        await writing;
        await expect(file.read(0, 1)).rejects.toMatchObject({ code: 'EBADF' });
        await expect(file.write(0, [Buffer.alloc(1)])).rejects.toMatchObject({ code: 'EBADF' });
        expect(await disk.readFile(`${directory}/a`)).toHaveLength(100_000);
      },
    );

    claim('does to a file what an array of bytes would do', async ({ disk, directory }) => {
      const position = fc.nat({ max: 3_000 });
      const command = fc.oneof(
        fc.record({
          kind: fc.constant('write'),
          position,
          bytes: fc.uint8Array({ maxLength: 1_500 }),
        }),
        fc.record({
          kind: fc.constant('truncate'),
          position,
          bytes: fc.constant(new Uint8Array()),
        }),
      );
      const [sample] = fc.sample(fc.array(command, { minLength: 40, maxLength: 40 }), {
        numRuns: 1,
        seed: 7,
      });
      const file = await disk.open(`${directory}/a`, { create: true });
      let model = Buffer.alloc(0);
      for (const { kind, position: at, bytes } of sample!) {
        if (kind === 'write') await file.write(at, [bytes]);
        else await file.truncate(at);
        model = kind === 'write' ? written(model, at, bytes) : resized(model, at);
        expect((await file.read(0, 10_000)).equals(model)).toBe(true);
      }
      await file.close();
    });
  });

  describe(`${name}: names`, () => {
    claim('lists names sorted, directories among them', async ({ disk, directory }) => {
      await disk.makeDirectory(`${directory}/b`);
      for (const file of ['c', 'a', 'b/inner']) {
        await (await disk.open(`${directory}/${file}`, { create: true })).close();
      }
      expect(await disk.list(directory)).toEqual(['a', 'b', 'c']);
      expect(await disk.list(`${directory}/b`)).toEqual(['inner']);
      expect(await disk.list(`${directory}/none`)).toEqual([]);
      await expect(disk.list(`${directory}/a`)).rejects.toMatchObject({ code: 'ENOTDIR' });
    });

    claim('makes a directory with its parents, again and again', async ({ disk, directory }) => {
      await disk.makeDirectory(`${directory}/x/y/z`);
      await disk.makeDirectory(`${directory}/x/y/z`);
      expect(await disk.list(`${directory}/x/y`)).toEqual(['z']);
    });

    claim('makes no directory in the place of a file', async ({ disk, directory }) => {
      await (await disk.open(`${directory}/a`, { create: true })).close();
      await expect(disk.makeDirectory(`${directory}/a`)).rejects.toMatchObject({ code: 'EEXIST' });
    });

    claim('replaces a file by renaming another over it', async ({ disk, directory }) => {
      const old = await disk.open(`${directory}/a`, { create: true });
      await old.write(0, [Buffer.from('old')]);
      const fresh = await disk.open(`${directory}/a.tmp`, { create: true });
      await fresh.write(0, [Buffer.from('new')]);
      await disk.rename(`${directory}/a.tmp`, `${directory}/a`);
      await disk.syncDirectory(directory);
      expect(await disk.list(directory)).toEqual(['a']);
      expect((await disk.readFile(`${directory}/a`)).toString()).toBe('new');
      expect((await old.read(0, 3)).toString()).toBe('old');
      await fresh.write(3, [Buffer.from('er')]);
      expect((await disk.readFile(`${directory}/a`)).toString()).toBe('newer');
      await Promise.all([old.close(), fresh.close()]);
    });

    claim('renames neither a missing file nor into nowhere', async ({ disk, directory }) => {
      const { rename } = { rename: (a: string, b: string) => disk.rename(a, b) };
      await expect(rename(`${directory}/no`, `${directory}/b`)).rejects.toMatchObject({
        code: 'ENOENT',
      });
      await (await disk.open(`${directory}/a`, { create: true })).close();
      await expect(rename(`${directory}/a`, `${directory}/no/b`)).rejects.toMatchObject({
        code: 'ENOENT',
      });
    });

    claim('removes a file, and does not mind when it is gone', async ({ disk, directory }) => {
      const file = await disk.open(`${directory}/a`, { create: true });
      await file.write(0, [Buffer.from('still here')]);
      await disk.remove(`${directory}/a`);
      await disk.remove(`${directory}/a`);
      expect(await disk.list(directory)).toEqual([]);
      await expect(disk.readFile(`${directory}/a`)).rejects.toMatchObject({ code: 'ENOENT' });
      expect((await file.read(0, 10)).toString()).toBe('still here');
      await file.close();
    });

    claim('does not remove a directory', async ({ disk, directory }) => {
      await disk.makeDirectory(`${directory}/d`);
      await expect(disk.remove(`${directory}/d`)).rejects.toHaveProperty('code');
      expect(await disk.list(directory)).toEqual(['d']);
    });

    claim('says so when the directory to sync is missing', async ({ disk, directory }) => {
      await disk.syncDirectory(directory);
      const syncing = disk.syncDirectory(`${directory}/none`);
      await expect(syncing).rejects.toMatchObject({ code: 'ENOENT' });
    });

    claim('tells the space, of which a part is free', async ({ disk, directory }) => {
      const { totalBytes, freeBytes } = await disk.space(directory);
      expect(totalBytes).toBeGreaterThan(0);
      expect(freeBytes).toBeGreaterThan(0);
      expect(freeBytes).toBeLessThanOrEqual(totalBytes);
      await expect(disk.space(`${directory}/none`)).rejects.toMatchObject({ code: 'ENOENT' });
    });
  });

  describe(`${name}: lock`, () => {
    claim('is given once, until it is released', async ({ disk, directory }) => {
      const path = `${directory}/lock`;
      const lock = await disk.lock(path);
      await expect(disk.lock(path)).rejects.toMatchObject({ code: 'ELOCKED' });
      await expect(disk.lock(path)).rejects.toMatchObject({
        message: expect.stringMatching(/held by process \w+/),
      });
      await lock.release();
      await lock.release();
      const again = await disk.lock(path);
      await again.release();
    });

    claim('cannot be in a directory that is missing', async ({ disk, directory }) => {
      await expect(disk.lock(`${directory}/no/lock`)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    claim('of one path does not keep another from being taken', async ({ disk, directory }) => {
      const one = await disk.lock(`${directory}/one`);
      const two = await disk.lock(`${directory}/two`);
      await Promise.all([one.release(), two.release()]);
    });
  });
}

function written(content: Buffer, at: number, bytes: Uint8Array): Buffer<ArrayBuffer> {
  if (bytes.length === 0) return Buffer.from(content);
  const result = resized(content, Math.max(content.length, at + bytes.length));
  result.set(bytes, at);
  return result;
}

function resized(content: Buffer, length: number): Buffer<ArrayBuffer> {
  const result = Buffer.alloc(length);
  content.copy(result, 0, 0, length);
  return result;
}
