import { describe, expect, it } from '@jest/globals';
import { EntryBatch } from '../../../../../broker/store/index/core/entry-batch.ts';
import { simulate } from '../../../../simulation/world.ts';
import type { World } from '../../../../simulation/world.ts';
import type { SimNode } from '../../../../simulation/sim-node.ts';
import { capture, contents, DIRECTORY, fill, openIndex, put } from './index-kit.ts';

const inWorld = (body: (node: SimNode, world: World) => Promise<void>): Promise<void> =>
  simulate(1, (world) => body(world.addNode('a'), world));

const range = (from: number, to: number, step: number): number[] => {
  const all: number[] = [];
  for (let value = from; value < to; value += step) all.push(value);
  return all;
};

describe('QueueIndex: appending and reading', () => {
  it('gives back every field of every entry, from memory and from disk', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      fill(index, [0, 1, 2], 500);
      await index.flush();
      expect(index.stats().segments).toBeGreaterThan(2);
      for (const queueNo of [0, 1, 2]) {
        expect(await contents(index, queueNo)).toEqual(range(queueNo * 10, 15_000, 30));
      }
    }));

  it('keeps 53 bits of physical offset, 24 of length and 32 of hash', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      const large = Number.MAX_SAFE_INTEGER;
      index.append(0, 0, large - 40, 2 ** 24 - 1, 2 ** 32 - 1, 65_535);
      for (let i = 1; i < 40; i++) index.append(0, i, large - 40 + i, 1, 0, 0);
      await index.flush();
      const batch = new EntryBatch(1);
      expect(index.readSync(0, 0, 1, batch)).toBe('needs-disk');
      expect(await index.read(0, 0, 1, batch)).toBe(1);
      expect(batch.physical[0]).toBe(large - 40);
      expect([batch.bytes[0], batch.tagHash[0], batch.flags[0]]).toEqual([
        2 ** 24 - 1,
        2 ** 32 - 1,
        65_535,
      ]);
    }));

  it('reads the tail without the disk and says when it needs it', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      fill(index, [4], 100);
      await index.flush();
      const batch = new EntryBatch(100);
      expect(index.readSync(4, 0, 100, batch)).toBe('needs-disk');
      expect(index.readSync(4, 99, 100, batch)).toBe(1);
      expect(batch.physical[0]).toBe(990);
      expect(index.readSync(4, 100, 100, batch)).toBe(0);
      expect(index.readSync(5, 0, 100, batch)).toBe(0);
    }));

  it('continues from cached pages into the tail in one read', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment, undefined, { pageCacheBytes: 100_000 });
      fill(index, [0], 100);
      await index.flush();
      await contents(index, 0);
      const batch = new EntryBatch(100);
      expect(index.readSync(0, 0, 100, batch)).toBe(100);
      expect([...batch.physical]).toEqual(range(0, 1000, 10));
    }));

  it('lets an unknown queue begin anywhere and then demands dense offsets', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      put(index, 9, 1000, 50);
      expect([index.minOffset(9), index.endOffset(9)]).toEqual([1000, 1001]);
      expect(() => put(index, 9, 1002, 70)).toThrow('dense');
      expect(() => put(index, 9, 1001, 50)).toThrow('follows the log');
    }));

  it('ignores what it has already, and takes a different entry at the same place for a bug', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      fill(index, [0], 60);
      await index.flush();
      put(index, 0, 0, 0);
      put(index, 0, 59, 590);
      expect(index.endOffset(0)).toBe(60);
      expect(() => put(index, 0, 59, 591)).toThrow('same entry');
    }));

  it('refuses a queue number that cannot be dense', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      expect(() => put(index, 2 ** 31, 0, 0)).toThrow('dense');
    }));

  it('forgets a removed queue and starts its number anew, also while a page of it is being written', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      const end = fill(index, [0, 1], 200);
      const writing = index.flush();
      index.removeQueue(0);
      put(index, 0, 7, end);
      await writing;
      expect(index.minOffset(0)).toBe(7);
      expect(await contents(index, 0)).toEqual([end]);
      expect((await contents(index, 1)).length).toBe(200);
    }));
});

describe('QueueIndex: minimum and retention', () => {
  it('raises the minimum inside pages, inside the tail and beyond the end, and never lowers it', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      fill(index, [0], 100);
      await index.flush();
      index.setMinOffset(0, 40);
      expect((await contents(index, 0))[0]).toBe(400);
      index.setMinOffset(0, 99);
      expect(await contents(index, 0)).toEqual([990]);
      index.setMinOffset(0, 50);
      expect(index.minOffset(0)).toBe(99);
      index.setMinOffset(0, 150);
      expect([index.minOffset(0), index.endOffset(0)]).toEqual([150, 150]);
      put(index, 0, 150, 2000);
      expect(await contents(index, 0)).toEqual([2000]);
    }));

  it('finds the first entry at or after a log offset, wherever it lies', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      fill(index, [0, 1], 200);
      await index.flush();
      for (const physical of [0, 1, 20, 21, 639, 640, 641, 2000, 3975, 3980, 3981, 9999]) {
        const expected = Math.min(200, Math.ceil(physical / 20));
        expect([physical, await index.offsetAtOrAfter(0, physical)]).toEqual([physical, expected]);
      }
      index.setMinOffset(0, 50);
      expect(await index.offsetAtOrAfter(0, 10)).toBe(50);
    }));

  it('raises every queue and deletes the segments below the start of the log', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      fill(index, [0, 1, 2], 500);
      await index.flush();
      const before = index.stats().segments;
      const deleted = await index.deleteBefore(9000);
      expect(deleted).toBeGreaterThan(0);
      expect(index.stats().segments).toBe(before - (deleted as number));
      expect([...index.queuesBelow(9000)]).toEqual([]);
      for (const queueNo of [0, 1, 2]) {
        expect(index.minOffset(queueNo)).toBe(300);
        expect(await contents(index, queueNo)).toEqual(range(9000 + queueNo * 10, 15_000, 30));
      }
      expect((await node.environment.disk.list(DIRECTORY)).length).toBe(index.stats().segments);
    }));

  it('keeps an idle queue at its end when everything it had is deleted', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      const end = fill(index, [0], 100);
      fill(index, [1], 400, end);
      await index.flush();
      await index.deleteBefore(end);
      expect([index.minOffset(0), index.endOffset(0)]).toEqual([100, 100]);
      expect(await contents(index, 0)).toEqual([]);
    }));
});

describe('QueueIndex: memory', () => {
  it('writes the longest tails early when memory is short, so that tails stay below their bound', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment, undefined, { pageEntries: 256 });
      let end = 0;
      for (let round = 0; round < 50; round++) {
        end = fill(index, [0, 1, 2, 3, 4, 5, 6, 7], 10, end);
        await index.flush();
        expect(index.stats().tailBytesUsed).toBeLessThanOrEqual(4096);
      }
      for (const queueNo of [0, 7]) expect((await contents(index, queueNo)).length).toBe(500);
    }));

  it('does not wear the tails of quiet queues down when one queue takes nearly all messages', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      const quiet = [1, 2, 3, 4];
      let end = fill(index, quiet, 20);
      for (let round = 0; round < 20; round++) {
        end = fill(index, [0], 600, end);
        await index.flush();
      }
      const batch = new EntryBatch(20);
      for (const queueNo of quiet) expect(index.readSync(queueNo, 0, 20, batch)).toBe(20);
      expect((await contents(index, 0)).length).toBe(12_000);
    }));

  it('writes tails of less than a chunk too when there are only such', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      const queues = range(0, 100, 1);
      fill(index, queues, 3);
      await index.flush();
      expect(index.stats().tailBytesUsed).toBeLessThanOrEqual(4096);
      fill(index, queues, 3, 3000);
      await index.flush();
      for (const queueNo of [0, 50, 99]) {
        expect(await contents(index, queueNo)).toEqual(
          [0, 1000, 2000, 3000, 4000, 5000].map((start) => start + queueNo * 10),
        );
      }
    }));

  it('writes a full page by itself within the write delay', () =>
    inWorld(async (node, world) => {
      const index = await openIndex(node.environment, undefined, { indexBufferBytes: 8192 });
      fill(index, [0], 40);
      expect(index.stats().segments).toBe(0);
      await world.sleep(200);
      expect(index.stats().segments).toBe(1);
      expect((await contents(index, 0)).length).toBe(40);
    }));

  it('bounds the pages it caches', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      fill(index, [0], 2000);
      await index.flush();
      await contents(index, 0);
      expect(index.stats().cacheBytes).toBeLessThanOrEqual(2048);
    }));
});

describe('QueueIndex: restart', () => {
  it('restores queues, pages and tails from a snapshot and takes the rest of the log', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      const end = fill(index, [0, 3], 300);
      await index.flush();
      const chunks = await capture(index, end);
      fill(index, [0, 3], 100, end);
      await index.flush();
      node.crash();
      const restored = await openIndex(node.restart(), { chunks, logStartOffset: 0 });
      expect(restored.endOffset(3)).toBe(300);
      expect(restored.has(1)).toBe(false);
      expect(restored.restoredAsOf(3)).toBe(end);
      fill(restored, [0, 3], 100, end);
      expect(await contents(restored, 3)).toEqual(range(10, 8000, 20));
    }));

  it('starts empty without a snapshot, whatever lies in the directory', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      fill(index, [0], 300);
      await index.flush();
      await index.close();
      const again = await openIndex(node.environment);
      expect(again.has(0)).toBe(false);
      expect(await node.environment.disk.list(DIRECTORY)).toEqual([]);
    }));

  it('accepts that segments below the start of the log went after the snapshot', () =>
    inWorld(async (node) => {
      const index = await openIndex(node.environment);
      const end = fill(index, [0, 1], 500);
      await index.flush();
      const chunks = await capture(index, end);
      expect(await index.deleteBefore(6000)).toBeGreaterThan(0);
      await index.close();
      const restored = await openIndex(node.environment, { chunks, logStartOffset: 6000 });
      await restored.deleteBefore(6000);
      expect(await contents(restored, 0)).toEqual(range(6000, 10_000, 20));
    }));
});
