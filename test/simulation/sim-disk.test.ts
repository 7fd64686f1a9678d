import { describe, expect, it } from '@jest/globals';
import type { Disk, DiskFile } from '../../common/environment/disk.ts';
import { SOUND_DISK, type DiskFaults } from './disk-faults.ts';
import { SECTOR_BYTES } from './sim-inode.ts';
import type { SimNode } from './sim-node.ts';
import { simulate } from './world.ts';

const SEEDS = Array.from({ length: 60 }, (_, i) => i + 1);

/** Runs `body` for many seeds and collects what it returns. */
async function outcomes<T>(
  body: (node: SimNode, disk: Disk) => Promise<T>,
  faults: Partial<DiskFaults> = {},
): Promise<Set<T>> {
  const all = new Set<T>();
  for (const seed of SEEDS) {
    await simulate(seed, async (world) => {
      const node = world.addNode('a', { diskFaults: { ...SOUND_DISK, ...faults } });
      const { disk } = node.environment;
      await disk.makeDirectory('/d');
      all.add(await body(node, disk));
    });
  }
  return all;
}

/** A durable file of `bytes` bytes of `fill`. */
async function durableFile(disk: Disk, bytes: number, fill: string): Promise<DiskFile> {
  const file = await disk.open('/d/a', { create: true });
  await file.write(0, [Buffer.alloc(bytes, fill)]);
  await file.sync();
  await disk.syncDirectory('/d');
  return file;
}

/** First byte of each sector, as text. */
function sectors(content: Buffer | undefined): string {
  if (content === undefined) return 'missing';
  let text = '';
  for (let at = 0; at < content.length; at += SECTOR_BYTES) {
    text += content[at] === 0 ? '.' : String.fromCharCode(content[at]!);
  }
  return text;
}

describe('SimDisk: a crash', () => {
  it('keeps everything that was synced', async () => {
    const found = await outcomes(async (node, disk) => {
      await durableFile(disk, 4 * SECTOR_BYTES, 'a');
      node.crash();
      return sectors(node.drive.contentOf('/d/a'));
    });
    expect([...found]).toEqual(['aaaa']);
  });

  it('keeps or loses each unsynced sector on its own', async () => {
    const found = await outcomes(async (node, disk) => {
      const file = await durableFile(disk, 3 * SECTOR_BYTES, 'a');
      await file.write(0, [Buffer.alloc(3 * SECTOR_BYTES, 'b')]);
      node.crash();
      return sectors(node.drive.contentOf('/d/a'));
    });
    expect([...found].sort()).toEqual(['aaa', 'aab', 'aba', 'abb', 'baa', 'bab', 'bba', 'bbb']);
  });

  it('never tears a sector', async () => {
    const found = await outcomes(async (node, disk) => {
      const file = await durableFile(disk, SECTOR_BYTES, 'a');
      await file.write(100, [Buffer.alloc(200, 'b')]);
      node.crash();
      return node.drive
        .contentOf('/d/a')!
        .toString()
        .replace(/(.)\1*/g, '$1');
    });
    expect([...found].sort()).toEqual(['a', 'aba']);
  });

  it('may leave a version in between of a sector that was written twice', async () => {
    const found = await outcomes(async (node, disk) => {
      const file = await durableFile(disk, SECTOR_BYTES, 'a');
      await file.write(0, [Buffer.alloc(SECTOR_BYTES, 'b')]);
      await file.write(0, [Buffer.alloc(SECTOR_BYTES, 'c')]);
      node.crash();
      return sectors(node.drive.contentOf('/d/a'));
    });
    expect([...found].sort()).toEqual(['a', 'b', 'c']);
  });

  it('loses, keeps or cuts an unsynced extension, and shows zeros for sectors that are lost', async () => {
    const found = await outcomes(async (node, disk) => {
      const file = await durableFile(disk, SECTOR_BYTES, 'a');
      await file.write(SECTOR_BYTES, [Buffer.alloc(2 * SECTOR_BYTES, 'b')]);
      node.crash();
      return sectors(node.drive.contentOf('/d/a'));
    });
    for (const expected of ['a', 'ab', 'abb', 'a.b']) expect(found).toContain(expected);
    for (const one of found) expect(one).toMatch(/^a[.b]{0,2}$/);
  });

  it('may show garbage in an extension, when the file system is one of those', async () => {
    const found = await outcomes(
      async (node, disk) => {
        const file = await durableFile(disk, SECTOR_BYTES, 'a');
        await file.write(SECTOR_BYTES, [Buffer.alloc(SECTOR_BYTES, 'b')]);
        node.crash();
        const content = node.drive.contentOf('/d/a')!;
        return content.length > SECTOR_BYTES && !/^a+b*$/.test(content.toString('latin1'));
      },
      { crashLoss: { lossProbability: 0.5, exposesGarbage: true } },
    );
    expect(found).toContain(true);
  });

  it('may undo an unsynced truncation', async () => {
    const found = await outcomes(async (node, disk) => {
      const file = await durableFile(disk, 2 * SECTOR_BYTES, 'a');
      await file.truncate(SECTOR_BYTES);
      node.crash();
      return sectors(node.drive.contentOf('/d/a'));
    });
    for (const expected of ['a', 'aa']) expect(found).toContain(expected);
  });

  it('shows no old bytes behind a synced truncation', async () => {
    const found = await outcomes(async (node, disk) => {
      const file = await durableFile(disk, 2 * SECTOR_BYTES, 'a');
      await file.truncate(10);
      await file.sync();
      await file.truncate(2 * SECTOR_BYTES);
      node.crash();
      return node.drive.contentOf('/d/a')!.lastIndexOf('a');
    });
    expect([...found]).toEqual([9]);
  });

  it('carries out, or not, a write that was under way', async () => {
    const found = await outcomes(async (node, disk) => {
      const file = await durableFile(disk, SECTOR_BYTES, 'a');
      void file.write(0, [Buffer.alloc(SECTOR_BYTES, 'b')]);
      node.crash();
      return sectors(node.drive.contentOf('/d/a'));
    });
    expect([...found].sort()).toEqual(['a', 'b']);
  });

  it('keeps what a sync covered, even when a later write to the sector came during it', async () => {
    const found = await outcomes(async (node, disk) => {
      const file = await durableFile(disk, 10, 'a');
      await file.write(10, [Buffer.alloc(10, 'b')]);
      const syncing = file.sync();
      await file.write(20, [Buffer.alloc(10, 'c')]);
      await syncing;
      node.crash();
      return node.drive.contentOf('/d/a')!.toString().slice(0, 20);
    });
    expect([...found]).toEqual(['a'.repeat(10) + 'b'.repeat(10)]);
  });

  it('keeps what a sync covered, even when one that began earlier ends later', async () => {
    const found = await outcomes(async (node, disk) => {
      const file = await durableFile(disk, 10, 'a');
      node.drive.injectNext('sync', { kind: 'delay', delayMs: 500 });
      const slow = file.sync();
      await file.write(10, [Buffer.alloc(10, 'b')]);
      await file.sync();
      await slow;
      node.crash();
      return node.drive.contentOf('/d/a')!.toString();
    });
    expect([...found]).toEqual(['a'.repeat(10) + 'b'.repeat(10)]);
  });

  it('may lose a file whose name was not synced, however often its content was', async () => {
    const found = await outcomes(async (node, disk) => {
      const file = await disk.open('/d/new', { create: true });
      await file.write(0, [Buffer.alloc(10, 'x')]);
      await file.sync();
      node.crash();
      return sectors(node.drive.contentOf('/d/new'));
    });
    expect([...found].sort()).toEqual(['missing', 'x']);
  });

  it('leaves the old file, or the new one, after an unsynced rename', async () => {
    const found = await outcomes(async (node, disk) => {
      await durableFile(disk, 10, 'a');
      const fresh = await disk.open('/d/a.tmp', { create: true });
      await fresh.write(0, [Buffer.alloc(10, 'b')]);
      await fresh.sync();
      await disk.rename('/d/a.tmp', '/d/a');
      node.crash();
      return sectors(node.drive.contentOf('/d/a'));
    });
    expect([...found].sort()).toEqual(['a', 'b']);
  });

  it('may bring back a removed file, until its directory is synced', async () => {
    const removed = async (node: SimNode, disk: Disk, isSynced: boolean): Promise<string> => {
      await durableFile(disk, 10, 'a');
      await disk.remove('/d/a');
      if (isSynced) await disk.syncDirectory('/d');
      node.crash();
      return sectors(node.drive.contentOf('/d/a'));
    };
    expect([...(await outcomes((node, disk) => removed(node, disk, false)))].sort()).toEqual([
      'a',
      'missing',
    ]);
    expect([...(await outcomes((node, disk) => removed(node, disk, true)))]).toEqual(['missing']);
  });

  it('keeps names in the order of a journal, when the file system has one', async () => {
    const found = await outcomes(
      async (node, disk) => {
        for (const name of ['1', '2', '3']) await disk.open(`/d/${name}`, { create: true });
        node.crash();
        return (await node.restart().disk.list('/d')).join('');
      },
      { nameLoss: 'suffix' },
    );
    expect([...found].sort()).toEqual(['', '1', '12', '123']);
  });

  it('leaves every promise of the dead process open, and frees its locks', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a');
      const { disk } = node.environment;
      await disk.lock('/lock');
      const file = await disk.open('/a', { create: true });
      let isSettled = false;
      const settled = (): void => void (isSettled = true);
      file.write(0, [Buffer.alloc(10)]).then(settled, settled);
      node.crash();
      file.sync().then(settled, settled);
      disk.list('/').then(settled, settled);
      await world.sleep(1_000);
      expect(isSettled).toBe(false);
      await node.restart().disk.lock('/lock');
    });
  });
});

describe('SimDisk: a killed process', () => {
  it('leaves of a write under way nothing, all, or a prefix', async () => {
    const lengths = await outcomes(async (node, disk) => {
      const file = await disk.open('/d/a', { create: true });
      void file.write(0, [Buffer.alloc(1_000, 'a')]);
      node.kill();
      return node.drive.contentOf('/d/a')!.length;
    });
    expect(lengths).toContain(0);
    expect(lengths).toContain(1_000);
    expect(lengths.size).toBeGreaterThan(5);
  });

  it('loses nothing that it has written', async () => {
    const found = await outcomes(async (node, disk) => {
      const file = await disk.open('/d/a', { create: true });
      await file.write(0, [Buffer.alloc(3 * SECTOR_BYTES, 'a')]);
      node.kill();
      return sectors(node.drive.contentOf('/d/a'));
    });
    expect([...found]).toEqual(['aaa']);
  });
});

describe('SimDisk: a failed sync', () => {
  it('loses unsynced sectors although the next sync succeeds, and may go on showing them', async () => {
    const lying = await outcomes(async (node, disk) => {
      const file = await durableFile(disk, SECTOR_BYTES, 'a');
      await file.write(0, [Buffer.alloc(SECTOR_BYTES, 'b')]);
      node.drive.injectNext('sync', { kind: 'error', code: 'EIO' });
      await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' });
      await file.sync();
      const shown = sectors(await file.read(0, SECTOR_BYTES));
      node.crash();
      return `${shown} then ${sectors(node.drive.contentOf('/d/a'))}`;
    });
    expect([...lying].sort()).toEqual(['a then a', 'b then a', 'b then b']);
  });

  it('is made good by writing again', async () => {
    const found = await outcomes(async (node, disk) => {
      const file = await durableFile(disk, SECTOR_BYTES, 'a');
      await file.write(0, [Buffer.alloc(SECTOR_BYTES, 'b')]);
      node.drive.injectNext('sync', { kind: 'error', code: 'EIO' });
      await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' });
      await file.write(0, [Buffer.alloc(SECTOR_BYTES, 'b')]);
      await file.sync();
      node.crash();
      return sectors(node.drive.contentOf('/d/a'));
    });
    expect([...found]).toEqual(['b']);
  });
});

describe('SimDisk: injected faults', () => {
  it('hit exactly the operation that was named', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a');
      const { drive } = node;
      const file = await node.environment.disk.open('/a', { create: true });
      drive.inject({ operation: 'write', ordinal: 3, fault: { kind: 'error', code: 'EIO' } });
      const results: string[] = [];
      for (let i = 0; i < 5; i++) {
        const ok = (): void => void results.push('ok');
        await file
          .write(i, [Buffer.from('x')])
          .then(ok, (error: unknown) => results.push((error as { code: string }).code));
      }
      expect(results).toEqual(['ok', 'ok', 'EIO', 'ok', 'ok']);
      expect(drive.operationCount('write')).toBe(5);
      expect(drive.operationCount()).toBe(6);
    });
  });

  it('may hit one file only, and stay until they are cleared', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a');
      const { disk } = node.environment;
      const log = await disk.open('/1.log', { create: true });
      const index = await disk.open('/1.idx', { create: true });
      const fault = { kind: 'error', code: 'ENOSPC' } as const;
      node.drive.inject({ operation: 'write', pathSuffix: '.log', times: Infinity, fault });
      for (let i = 0; i < 3; i++) {
        await expect(log.write(0, [Buffer.alloc(1)])).rejects.toMatchObject({ code: 'ENOSPC' });
        await index.write(0, [Buffer.alloc(1)]);
      }
      node.drive.clearInjections();
      await log.write(0, [Buffer.alloc(1)]);
    });
  });

  it('leave a chosen prefix of the write, or any', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a');
      const file = await node.environment.disk.open('/a', { create: true });
      node.drive.injectNext('write', { kind: 'error', code: 'EIO', prefixBytes: 7 });
      await expect(file.write(0, [Buffer.alloc(20, 1)])).rejects.toMatchObject({ code: 'EIO' });
      expect(await file.size()).toBe(7);
    });
    const lengths = await outcomes(async (node, disk) => {
      const file = await disk.open('/d/a', { create: true });
      node.drive.injectNext('write', { kind: 'error', code: 'EIO' });
      await expect(file.write(0, [Buffer.alloc(3)])).rejects.toMatchObject({ code: 'EIO' });
      return file.size();
    });
    expect([...lengths].sort()).toEqual([0, 1, 2, 3]);
  });

  it('make an operation slow, so that others overtake it', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a');
      const file = await node.environment.disk.open('/a', { create: true });
      node.drive.injectNext('write', { kind: 'delay', delayMs: 500 });
      const order: string[] = [];
      await Promise.all([
        file.write(0, [Buffer.alloc(1)]).then(() => order.push('slow')),
        file.write(1, [Buffer.alloc(1)]).then(() => order.push('fast')),
      ]);
      expect(order).toEqual(['fast', 'slow']);
      expect(world.scheduler.nowMs).toBeGreaterThan(500);
    });
  });

  it('flip one bit of one read', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a');
      const file = await node.environment.disk.open('/a', { create: true });
      await file.write(0, [Buffer.alloc(100)]);
      node.drive.injectNext('read', { kind: 'bit-flip' });
      const wrong = await file.read(0, 100);
      expect(wrong.filter((byte) => byte !== 0)).toHaveLength(1);
      expect((await file.read(0, 100)).every((byte) => byte === 0)).toBe(true);
    });
  });

  it('damage a byte at rest for good', async () => {
    const found = await outcomes(async (node, disk) => {
      await durableFile(disk, 10, 'a');
      node.drive.corrupt('/d/a', 4, 0x01);
      const before = node.drive.contentOf('/d/a')!.toString();
      node.crash();
      return `${before} ${node.drive.contentOf('/d/a')!.toString()}`;
    });
    expect([...found]).toEqual(['aaaa`aaaaa aaaa`aaaaa']);
  });

  it('fail the run when a buffer changes while it is written', async () => {
    const run = simulate(1, async (world) => {
      const file = await world.addNode('a').environment.disk.open('/a', { create: true });
      const buffer = Buffer.alloc(10);
      const writing = file.write(0, [buffer]);
      buffer.fill(1);
      await writing;
    });
    await expect(run).rejects.toThrow(/a buffer was changed while it was written/);
  });

  it('drawn by probability do happen, each kind of them', async () => {
    const codes = new Set<string>();
    const faults = { ...SOUND_DISK, readErrorProbability: 0.2, bitFlipProbability: 0.2 };
    Object.assign(faults, { writeErrorProbability: 0.2, noSpaceProbability: 0.2 });
    Object.assign(faults, { syncErrorProbability: 0.2, slowProbability: 0.1, slowMs: 5_000 });
    await simulate(1, async (world) => {
      const { disk } = world.addNode('a', { diskFaults: faults }).environment;
      const note = (error: NodeJS.ErrnoException & { syscall?: string }): void => {
        codes.add(`${error.syscall} ${error.code}`);
      };
      for (let i = 0; i < 60; i++) {
        const file = await disk.open(`/a`, { create: true }).catch(note);
        if (file === undefined) continue;
        await file.write(0, [Buffer.alloc(10)]).catch(note);
        await file.sync().catch(note);
        await file.read(0, 10).catch(note);
      }
      expect(world.scheduler.nowMs).toBeGreaterThan(5_000);
    });
    for (const expected of [
      'write EIO',
      'write ENOSPC',
      'open ENOSPC',
      'fdatasync EIO',
      'read EIO',
    ]) {
      expect(codes).toContain(expected);
    }
  });
});

describe('SimDisk: capacity', () => {
  it('ends a write where the space ends, and counts what is removed only when it is closed', async () => {
    await simulate(1, async (world) => {
      const { environment, drive } = world.addNode('a', { diskCapacityBytes: 1_000 });
      const { disk } = environment;
      const file = await disk.open('/a', { create: true });
      await file.write(0, [Buffer.alloc(600)]);
      expect(await disk.space('/')).toEqual({ totalBytes: 1_000, freeBytes: 400 });
      await expect(file.write(600, [Buffer.alloc(600)])).rejects.toMatchObject({ code: 'ENOSPC' });
      expect(await file.size()).toBe(1_000);
      await file.write(0, [Buffer.alloc(1_000)]);
      await disk.remove('/a');
      expect((await disk.space('/')).freeBytes).toBe(0);
      await file.close();
      expect((await disk.space('/')).freeBytes).toBe(1_000);
      expect(drive.openHandleCount()).toBe(0);
    });
  });
});

describe('SimDrive', () => {
  it('is cloned with what is cached and what is durable', async () => {
    await simulate(3, async (world) => {
      const node = world.addNode('a', {
        diskFaults: { ...SOUND_DISK, crashLoss: { lossProbability: 1, exposesGarbage: false } },
      });
      const file = await durableFileAt(node.environment.disk);
      await file.write(0, [Buffer.from('new')]);
      const copy = node.drive.clone();
      await file.write(0, [Buffer.from('xxx')]);
      expect(copy.contentOf('/a')!.toString()).toBe('new');
      copy.crash();
      expect(copy.contentOf('/a')!.toString()).toBe('old');
      expect(node.drive.contentOf('/a')!.toString()).toBe('xxx');
    });
  });

  it('tells of each operation when it begins, so that a node can crash at any of them', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a');
      const crashed = node.crashAtDiskOperation(2, 'write');
      const file = await node.environment.disk.open('/a', { create: true });
      await file.write(0, [Buffer.alloc(1)]);
      void file.write(1, [Buffer.alloc(1)]);
      expect(await crashed).toMatchObject({ kind: 'write', ordinalOfKind: 2, path: '/a' });
      expect(node.isAlive).toBe(false);
    });
  });
});

async function durableFileAt(disk: Disk): Promise<DiskFile> {
  const file = await disk.open('/a', { create: true });
  await file.write(0, [Buffer.from('old')]);
  await file.sync();
  await disk.syncDirectory('/');
  return file;
}
