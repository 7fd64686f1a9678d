import { describe, expect, it } from '@jest/globals';
import { EntryBatch } from '../../../../../broker/store/index/core/entry-batch.ts';
import { QueueIndex } from '../../../../../broker/store/index/queue-index.ts';
import type { SimNode } from '../../../../simulation/sim-node.ts';
import { simulate } from '../../../../simulation/world.ts';
import { capture, contents, DIRECTORY, fill, openIndex, smallOptions } from './index-kit.ts';

/** An index of two queues in a few segments, closed, and its snapshot. */
async function written(node: SimNode): Promise<{ chunks: Buffer[]; files: string[] }> {
  const index = await openIndex(node.environment);
  const end = fill(index, [0, 1], 500);
  await index.flush();
  const chunks = await capture(index, end);
  await index.close();
  const names = await node.environment.disk.list(DIRECTORY);
  return { chunks, files: names.map((name) => `${DIRECTORY}/${name}`) };
}

/** Opens and reads everything: how the damage was found, or 'intact'. */
async function reopen(node: SimNode, chunks: Buffer[], logStartOffset = 0): Promise<string> {
  const result = await QueueIndex.open(smallOptions(), node.environment, {
    chunks,
    logStartOffset,
  });
  if (result.kind === 'damaged') return `open: ${result.reason}`;
  const outcomes = [await readAll(result.index, 0), await readAll(result.index, 1)];
  await result.index.close();
  return outcomes.find((outcome) => outcome !== 'intact') ?? 'intact';
}

async function readAll(index: QueueIndex, queueNo: number): Promise<string> {
  const batch = new EntryBatch(500);
  for (let at = index.minOffset(queueNo); at < 500;) {
    const count = await index.read(queueNo, at, 500, batch);
    if (typeof count !== 'number') return `read: ${JSON.stringify(count.range)}`;
    const found = batch.physical.subarray(0, count);
    if (found.some((physical, i) => physical !== (at + i) * 20 + queueNo * 10)) return 'WRONG DATA';
    at += count;
  }
  return 'intact';
}

const inWorld = (body: (node: SimNode) => Promise<void>): Promise<void> =>
  simulate(1, (world) => body(world.addNode('a')));

describe('QueueIndex: damage', () => {
  it('tells which entries of which queue a damaged page had', () =>
    inWorld(async (node) => {
      const { chunks, files } = await written(node);
      node.drive.corrupt(files[0]!, 28 + 36 + 5);
      expect(await reopen(node, chunks)).toBe('read: {"queueNo":0,"startOffset":0,"endOffset":32}');
    }));

  it('is never wrong about any damaged byte of a segment, sealed or growing', () =>
    inWorld(async (node) => {
      const { chunks, files } = await written(node);
      expect(files.length).toBeGreaterThan(3);
      expect(await reopen(node, chunks)).toBe('intact');
      for (const file of [files[0]!, files.at(-1)!]) {
        const { length } = node.drive.contentOf(file)!;
        for (let position = 0; position < length; position += 7) {
          node.drive.corrupt(file, position, 1 << (position % 8));
          expect(await reopen(node, chunks)).toMatch(/^(open|read): /);
          node.drive.corrupt(file, position, 1 << (position % 8));
        }
      }
      expect(await reopen(node, chunks)).toBe('intact');
    }));

  it('notices a segment that is missing, at the front, in the middle or at the end', () =>
    inWorld(async (node) => {
      const { chunks, files } = await written(node);
      for (const file of [files[0]!, files[2]!, files.at(-1)!]) {
        const copy = node.drive.contentOf(file)!;
        await node.environment.disk.remove(file);
        const saved = new Map<string, Buffer>();
        for (const other of files) {
          const content = node.drive.contentOf(other);
          if (content !== undefined) saved.set(other, content);
        }
        expect(await reopen(node, chunks)).toMatch(/^open: .*missing/);
        for (const [path, content] of [...saved, [file, copy] as const]) {
          const restored = await node.environment.disk.open(path, { create: true });
          await restored.write(0, [content]);
          await restored.close();
        }
        expect(await reopen(node, chunks)).toBe('intact');
      }
    }));

  it('does not take a page for another one that lies in its place', () =>
    inWorld(async (node) => {
      const { chunks, files } = await written(node);
      const file = await node.environment.disk.open(files[0]!, { create: false });
      const pageBytes = 36 + 32 * 16;
      await file.write(28, [await file.read(28 + pageBytes, pageBytes)]);
      await file.close();
      expect(await reopen(node, chunks)).toMatch(/^read: /);
    }));

  it('does not combine a snapshot with the segments of an index rebuilt since', () =>
    inWorld(async (node) => {
      const { chunks } = await written(node);
      const rebuilt = await openIndex(node.environment);
      fill(rebuilt, [0, 1], 700);
      await rebuilt.flush();
      await rebuilt.close();
      expect(await reopen(node, chunks)).toBe(
        'open: the segment is of an index rebuilt after the snapshot',
      );
    }));

  it('takes a cut or foreign chunk for damage', () =>
    inWorld(async (node) => {
      const { chunks } = await written(node);
      expect(await reopen(node, chunks.slice(0, -1))).toMatch(/no end chunk/);
      const [first] = chunks as [Buffer];
      const cut = first.subarray(0, first.length - 1);
      expect(await reopen(node, [cut, ...chunks.slice(1)])).toMatch(/shorter/);
      expect(await reopen(node, [Buffer.alloc(40), ...chunks])).toMatch(/version/);
    }));

  it('rejects a read that the disk refuses, and reads again later', () =>
    inWorld(async (node) => {
      const { chunks } = await written(node);
      const index = await openIndex(node.environment, { chunks, logStartOffset: 0 });
      const batch = new EntryBatch(10);
      node.drive.injectNext('read', { kind: 'error', code: 'EIO' });
      await expect(index.read(0, 0, 10, batch)).rejects.toMatchObject({ code: 'EIO' });
      expect(await index.read(0, 0, 10, batch)).toBe(10);
    }));
});

describe('QueueIndex: a failing disk', () => {
  it.each(['ENOSPC', 'EIO'] as const)(
    'keeps every entry in memory while writes end with %s, says so, and recovers by itself',
    (code) =>
      simulate(1, async (world) => {
        const node = world.addNode('a');
        const index = await openIndex(node.environment);
        let end = fill(index, [0, 1], 50);
        await index.flush();
        node.drive.inject({ operation: 'write', times: Infinity, fault: { kind: 'error', code } });
        for (let round = 0; round < 12; round++) {
          end = fill(index, [0, 1], 50, end);
          await world.sleep(400);
        }
        expect(index.failure).toMatchObject({ code });
        expect(index.failure!.attempts).toBeGreaterThan(2);
        expect(index.isSaturated()).toBe(true);
        expect((await contents(index, 1)).length).toBe(650);
        node.drive.clearInjections();
        await index.relieved();
        await world.sleep(2000);
        expect(index.failure).toBeUndefined();
        expect(index.isSaturated()).toBe(false);
        expect((await contents(index, 0)).length).toBe(650);
      }),
  );

  it('after a failed sync, either writes the pages again or calls them lost before a snapshot counts on them', async () => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const outcome = await simulate(seed, async (world) => {
        const node = world.addNode('a');
        const index = await openIndex(node.environment);
        let end = fill(index, [0, 1], 100);
        await index.flush();
        await index.sync();
        end = fill(index, [0, 1], 400, end);
        await index.flush();
        node.drive.injectNext('sync', { kind: 'error', code: 'EIO' });
        await expect(index.sync()).rejects.toMatchObject({ code: 'EIO' });
        let chunks: Buffer[];
        try {
          chunks = await capture(index, end);
        } catch (error) {
          return (error as NodeJS.ErrnoException).code ?? 'bug';
        }
        node.restart();
        return reopen(node, chunks);
      });
      outcomes.add(outcome);
    }
    expect([...outcomes].sort()).toEqual(['INDEX_DAMAGED', 'intact']);
  });

  it('survives a crash at every disk operation of writing, sealing, syncing and deleting', async () => {
    for (let count = 1, isOver = false; !isOver; count++) {
      isOver = await simulate(count, async (world) => {
        const node = world.addNode('a');
        const first = await openIndex(node.environment);
        const end = fill(first, [0, 1], 200);
        await first.flush();
        const chunks = await capture(first, end);
        const crashed = node.crashAtDiskOperation(count).then(() => 'crashed');
        const work = async (): Promise<string> => {
          const more = fill(first, [0, 1], 300, end);
          await first.flush();
          await capture(first, more);
          await first.deleteBefore(2000);
          await first.close();
          return 'over';
        };
        const outcome = await Promise.race([crashed, work()]);
        const restored = await openIndex(node.restart(), { chunks, logStartOffset: 2000 });
        fill(restored, [0, 1], 300, end);
        await restored.deleteBefore(2000);
        for (const queueNo of [0, 1]) {
          expect((await contents(restored, queueNo)).length).toBe(400);
        }
        return outcome === 'over';
      });
      expect(count).toBeLessThan(200);
    }
  });
});
