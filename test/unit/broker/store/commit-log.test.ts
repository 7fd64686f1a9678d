import { describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { simulate } from '../../../simulation/world.ts';
import { nodeEnvironment } from '../../../../common/environment/node/node-environment.ts';
import { epoch, physicalOffset } from '../../../../common/model/offsets.ts';
import { HEADER_BYTES } from '../../../../broker/store/record-codec.ts';
import { openLog, put, texts, tryPut } from './store-kit.ts';

describe.each(['sync', 'async'] as const)('CommitLog with flush %s', (flush) => {
  it('gives back after a restart, in order and over segments, what was synced', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a');
      const log = await openLog(node.environment, { flush });
      const expected = Array.from(
        { length: 500 },
        (_, index) => `${index} ${'x'.repeat(index % 300)}`,
      );
      for (const text of expected) {
        put(log, text);
        if (text.length % 7 === 0) await world.sleep(3);
      }
      await log.sync();
      expect(log.durableOffset).toBe(log.endOffset);
      expect(log.segments().length).toBeGreaterThan(5);
      expect(await texts(log)).toEqual(expected);
      node.crash();
      const again = await openLog(node.restart(), { flush });
      expect(again.recovery).toMatchObject({
        decision: 'end',
        row: 'C',
        truncatedBytes: 0,
        recordsScanned: 500,
      });
      expect(await texts(again)).toEqual(expected);
      put(again, 'more');
      await again.close();
      const third = await openLog(node.restart(), { flush });
      expect(await texts(third)).toEqual([...expected, 'more']);
    });
  });

  it('works on a real disk', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'orbitmq-log-'));
    try {
      const log = await openLog(nodeEnvironment(), { flush, directory });
      const expected = Array.from({ length: 300 }, (_, index) => `${index} ${'x'.repeat(index)}`);
      for (const text of expected) put(log, text);
      await log.close();
      const again = await openLog(nodeEnvironment(), { flush, directory });
      expect(await texts(again)).toEqual(expected);
      const infos = again.segments();
      expect(infos.slice(0, -1).every((info) => (info.newestStoreTimeMs ?? 0) > 1e12)).toBe(true);
      expect(await again.deleteSegmentsBefore(infos[2]?.startOffset ?? physicalOffset(0))).toBe(2);
      expect(again.startOffset).toBe(infos[2]?.startOffset);
      await expect(again.read(physicalOffset(0), 40)).rejects.toMatchObject({
        kind: 'out-of-range',
      });
      await again.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it('reads one record from memory without a copy, and from a file after eviction', async () => {
    await simulate(2, async (world) => {
      const log = await openLog(world.addNode('a').environment, { flush, cacheBytes: 0 });
      const first = put(log, 'first');
      expect(log.readSync(first, HEADER_BYTES + 5)?.toString('utf8', HEADER_BYTES)).toBe('first');
      expect(log.recordSync(first)?.payloadEnd).toBe(HEADER_BYTES + 5);
      for (let index = 0; index < 40; index += 1) {
        put(log, 'y'.repeat(90_000));
        await log.sync();
      }
      expect(log.cachedBytes).toBeLessThanOrEqual(1 << 20);
      expect(log.readSync(first, HEADER_BYTES + 5)).toBeUndefined();
      expect((await log.read(first, HEADER_BYTES + 5)).toString('utf8', HEADER_BYTES)).toBe(
        'first',
      );
      expect((await texts(log)).length).toBe(41);
    });
  });

  it('moves writtenOffset before durableOffset, both to the end, and tells', async () => {
    await simulate(3, async (world) => {
      const log = await openLog(world.addNode('a').environment, { flush });
      const seen: string[] = [];
      log.onAdvance(() => seen.push(`${log.writtenOffset} ${log.durableOffset}`));
      put(log, 'a');
      put(log, 'b');
      expect([log.endOffset, log.writtenOffset, log.durableOffset]).toEqual([74, 0, 0]);
      await world.sleep(1000);
      expect(seen).toEqual(['74 0', '74 74']);
    });
  });

  it('answers log-full beyond pendingBytesMax and takes appends again after the write', async () => {
    await simulate(4, async (world) => {
      const log = await openLog(world.addNode('a').environment, { flush, pendingBytesMax: 1000 });
      expect(tryPut(log, 'x'.repeat(5000))).toBe(0);
      expect(tryPut(log, 'x')).toBe('log-full');
      await log.sync();
      expect(tryPut(log, 'x')).toBe(5036);
    });
  });

  it('writes the epoch into every record from then on', async () => {
    await simulate(5, async (world) => {
      const log = await openLog(world.addNode('a').environment, { flush });
      put(log, 'a');
      log.setEpoch(epoch(7));
      const second = put(log, 'b');
      expect(log.recordSync(physicalOffset(0))?.epoch).toBe(0);
      expect(log.recordSync(second)?.epoch).toBe(7);
    });
  });
});

describe('CommitLog', () => {
  it('gathers the appends of one turn in one write and one fdatasync', async () => {
    await simulate(6, async (world) => {
      const node = world.addNode('a');
      const log = await openLog(node.environment, { batchBytesMax: 1 << 20 });
      const before = node.drive.operationCount('write');
      for (let index = 0; index < 50; index += 1) put(log, 'x');
      await log.sync();
      expect(node.drive.operationCount('write') - before).toBe(1);
    });
  });

  it('with flush async, syncs in the background once per interval', async () => {
    await simulate(7, async (world) => {
      const node = world.addNode('a');
      const log = await openLog(node.environment, { flush: 'async', segmentBytes: 1 << 20 });
      const before = node.drive.operationCount('sync');
      for (let index = 0; index < 95; index += 1) {
        put(log, 'x');
        await world.sleep(10);
      }
      // Ten of the log, one of the checkpoint at most.
      expect(node.drive.operationCount('sync') - before).toBeGreaterThan(7);
      expect(node.drive.operationCount('sync') - before).toBeLessThan(12);
      await world.sleep(3000);
      const idle = node.drive.operationCount();
      await world.sleep(60_000);
      expect(node.drive.operationCount()).toBe(idle);
    });
  });

  it('rejects a read of damaged bytes instead of returning them, and shrugs off a transient bit flip', async () => {
    await simulate(8, async (world) => {
      const node = world.addNode('a');
      const log = await openLog(node.environment);
      put(log, 'hello');
      put(log, 'world');
      await log.close();
      const again = await openLog(node.restart());
      node.drive.injectNext('read', { kind: 'bit-flip' });
      expect((await again.read(physicalOffset(0), 41)).toString('utf8', 36)).toBe('hello');
      node.drive.corrupt('/data/commitlog/00000000000000000000.log', 41 + 38);
      await expect(again.read(physicalOffset(0), 82)).rejects.toMatchObject({
        kind: 'corrupt',
        offset: 41,
      });
      await expect(texts(again)).rejects.toMatchObject({ kind: 'corrupt', offset: 41 });
      expect((await again.read(physicalOffset(0), 41)).toString('utf8', 36)).toBe('hello');
    });
  });
});
