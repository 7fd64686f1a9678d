import { describe, expect, it } from '@jest/globals';
import { CommitLog } from '../../../../broker/store/commit-log.ts';
import { HEADER_BYTES } from '../../../../broker/store/record-codec.ts';
import { RecordType } from '../../../../broker/store/record-type.ts';
import { epoch, physicalOffset } from '../../../../common/model/offsets.ts';
import type { SimNode } from '../../../simulation/sim-node.ts';
import { simulate, type World } from '../../../simulation/world.ts';
import { openLog, put, smallOptions, texts } from './store-kit.ts';

const ALL = 1 << 20;

/** A master's log of `count` records of `epochValue`, all of them durable. */
async function masterLog(world: World, count: number, segmentBytes = 500): Promise<CommitLog> {
  const log = await openLog(world.addNode('master').environment, { segmentBytes });
  log.setEpoch(epoch(3));
  for (let index = 0; index < count; index += 1) put(log, `${index} ${'m'.repeat(index % 90)}`);
  await log.sync();
  return log;
}

/** Everything from `from` on, in batches of at most `bytesMax`. */
async function copyTo(log: CommitLog, from: CommitLog, bytesMax = ALL): Promise<void> {
  while (log.endOffset < from.writtenOffset) {
    const batch = await from.readBatch(log.endOffset, bytesMax);
    expect(log.appendRaw(batch)).toEqual({ kind: 'appended' });
  }
  await log.sync();
}

const segmentStarts = (log: CommitLog): number[] =>
  log.segments().map(({ startOffset }) => startOffset);

describe('appendRaw', () => {
  it('makes the same log as the master has, in the same segments, in any batches', async () => {
    await simulate(1, async (world) => {
      const master = await masterLog(world, 100);
      for (const bytesMax of [1, 100, 1_000, ALL]) {
        const node = world.addNode(`slave ${bytesMax}`);
        const slave = await openLog(node.environment, { segmentBytes: 500 });
        await copyTo(slave, master, bytesMax);
        expect(slave.durableOffset).toBe(master.endOffset);
        expect(await texts(slave)).toEqual(await texts(master));
        expect(segmentStarts(slave)).toEqual(segmentStarts(master));
        expect(slave.lastEpoch).toBe(3);
        node.crash();
        const again = await openLog(node.restart(), { segmentBytes: 500 });
        expect(await texts(again)).toEqual(await texts(master));
        expect(again.recovery).toMatchObject({
          lastEpoch: 3,
          epochs: [{ epoch: 3, startOffset: 0 }],
        });
      }
    });
  });

  it('takes nothing when any record is damaged, out of place or of an older epoch', async () => {
    await simulate(2, async (world) => {
      const master = await masterLog(world, 3, ALL);
      const good = Buffer.from(await master.readBatch(master.startOffset, ALL));
      const slave = await openLog(world.addNode('slave').environment);
      const second = HEADER_BYTES + 2;
      const flipped = Buffer.from(good);
      flipped[second + HEADER_BYTES] = 0;
      expect(slave.appendRaw(flipped)).toEqual({
        kind: 'damaged',
        offset: second,
        state: 'bad-crc',
      });
      expect(slave.appendRaw(good.subarray(second))).toMatchObject({ state: 'wrong-position' });
      expect(slave.appendRaw(good.subarray(0, -1))).toMatchObject({ state: 'short-body' });
      expect(slave.endOffset).toBe(0);
      expect(slave.appendRaw(good)).toEqual({ kind: 'appended' });
    });
  });

  it('takes records of an older epoch than those that a truncation dropped', async () => {
    await simulate(18, async (world) => {
      const master = await masterLog(world, 3, ALL);
      const slave = await openLog(world.addNode('slave').environment);
      await copyTo(slave, master);
      const common = slave.endOffset;
      slave.setEpoch(epoch(9));
      put(slave, 'never confirmed');
      await slave.truncateTo(common);
      put(master, 'confirmed');
      await master.sync();
      await copyTo(slave, master);
      expect(await texts(slave)).toEqual(await texts(master));
      expect(slave.lastEpoch).toBe(3);
    });
  });

  it('refuses records of an older epoch than the last one', async () => {
    await simulate(3, async (world) => {
      const old = await openLog(world.addNode('old').environment);
      put(old, 'a');
      put(old, 'b');
      await old.sync();
      const slave = await openLog(world.addNode('slave').environment);
      slave.setEpoch(epoch(2));
      put(slave, 'a');
      const rest = await old.readBatch(slave.endOffset, ALL);
      expect(slave.appendRaw(rest)).toMatchObject({ kind: 'damaged', state: 'old-epoch' });
    });
  });

  it('is bounded as append is, and always takes one batch', async () => {
    await simulate(4, async (world) => {
      const master = await masterLog(world, 50, ALL);
      const all = await master.readBatch(master.startOffset, ALL);
      put(master, 'more');
      await master.sync();
      const more = await master.readBatch(physicalOffset(all.length), ALL);
      const options = { pendingBytesMax: 100 };
      const slave = await openLog(world.addNode('slave').environment, options);
      expect(slave.appendRaw(all)).toEqual({ kind: 'appended' });
      expect(slave.appendRaw(more)).toEqual({ kind: 'log-full' });
      await slave.sync();
      expect(slave.appendRaw(more)).toEqual({ kind: 'appended' });
    });
  });
});

describe('readBatch', () => {
  it.each([0, ALL])(
    'gives whole records, at least one and at most what was asked for, with %d bytes of memory',
    async (cacheBytes) => {
      await simulate(5, async (world) => {
        const node = world.addNode('a');
        const first = await openLog(node.environment, { segmentBytes: 500 });
        for (let index = 0; index < 100; index += 1) put(first, 'x'.repeat(index));
        await first.close();
        const log = await openLog(node.restart(), { segmentBytes: 500, cacheBytes });
        for (let index = 0; index < 100; index += 1) put(log, 'y'.repeat(index));
        await log.sync();
        const whole = await log.read(log.startOffset, log.endOffset);
        for (const bytesMax of [1, 50, 200, ALL]) {
          let at = log.startOffset;
          while (at < log.writtenOffset) {
            const batch = await log.readBatch(at, bytesMax);
            expect(batch.equals(whole.subarray(at, at + batch.length))).toBe(true);
            expect(batch.length > 0).toBe(true);
            const isOne = batch.readUInt32BE(0) === batch.length;
            expect(batch.length <= bytesMax || isOne).toBe(true);
            at = physicalOffset(at + batch.length);
          }
          expect(await log.readBatch(at, bytesMax)).toHaveLength(0);
        }
      });
    },
  );

  it('answers from memory at once, and says what it no longer has', async () => {
    await simulate(6, async (world) => {
      const log = await openLog(world.addNode('a').environment, { segmentBytes: 100 });
      for (let index = 0; index < 10; index += 1) put(log, 'x'.repeat(80));
      await log.sync();
      expect(Buffer.isBuffer(log.readBatch(log.startOffset, ALL))).toBe(true);
      const old = log.startOffset;
      await log.close();
      const again = await openLog(world.nodes[0]!.restart(), { segmentBytes: 100 });
      await again.deleteSegmentsBefore(physicalOffset(300));
      await expect(again.readBatch(old, ALL)).rejects.toMatchObject({ kind: 'out-of-range' });
      const { endOffset } = again;
      await again.truncateTo(physicalOffset(600));
      await expect(again.readBatch(endOffset, ALL)).rejects.toMatchObject({ kind: 'out-of-range' });
    });
  });

  it('believes damage only when it stays', async () => {
    await simulate(7, async (world) => {
      const node = world.addNode('a');
      const log = await openLog(node.environment);
      for (let index = 0; index < 10; index += 1) put(log, `${index}`);
      await log.close();
      const again = await openLog(node.restart());
      const ordinal = node.drive.operationCount('read') + 1;
      node.drive.inject({ operation: 'read', ordinal, fault: { kind: 'bit-flip' } });
      expect((await again.readBatch(again.startOffset, 1)).length).toBe(HEADER_BYTES + 1);
      node.drive.corrupt('/data/commitlog/00000000000000000000.log', HEADER_BYTES);
      await expect(again.readBatch(again.startOffset, ALL)).rejects.toMatchObject({
        kind: 'corrupt',
        offset: 0,
      });
    });
  });
});

describe('truncateTo', () => {
  it.each(['sync', 'async'] as const)(
    'drops everything above, whether it waits, is written or durable, and goes on there (%s)',
    async (flush) => {
      await simulate(8, async (world) => {
        for (let keep = 0; keep <= 40; keep += 4) {
          const node = world.addNode(`${keep}`);
          const log = await openLog(node.environment, { flush, segmentBytes: 300 });
          const offsets: number[] = [];
          for (let index = 0; index < 40; index += 1) {
            offsets.push(put(log, `${index}`));
            if (index === 20) await log.sync();
            if (index === 30) await world.sleep(1);
          }
          offsets.push(log.endOffset);
          const cut = log.truncateTo(physicalOffset(offsets[keep] ?? 0));
          expect(log.append(RecordType.Message, 0, 0, () => undefined)).toBe('log-failed');
          await cut;
          expect(log.durableOffset).toBe(offsets[keep]);
          put(log, 'new');
          const expected = [...Array.from({ length: keep }, (_, index) => `${index}`), 'new'];
          await log.sync();
          expect(await texts(log)).toEqual(expected);
          node.crash();
          const again = await openLog(node.restart(), { flush, segmentBytes: 300 });
          expect(await texts(again)).toEqual(expected);
        }
      });
    },
  );

  it('leaves no checkpoint that claims more, in either slot', async () => {
    await simulate(9, async (world) => {
      const node = world.addNode('a');
      const log = await openLog(node.environment);
      const second = (put(log, 'one'), put(log, 'two'));
      await log.close();
      const again = await openLog(node.restart());
      await again.truncateTo(second);
      node.crash();
      const bytes = node.drive.contentOf('/data/checkpoint') ?? Buffer.alloc(0);
      for (const at of [0, 4096])
        expect(Number.parseInt(bytes.toString('hex', at + 18, at + 25), 16)).toBe(second);
    });
  });

  it('fails the log when the disk refuses, and is finished by reopen', async () => {
    await simulate(10, async (world) => {
      for (const operation of ['truncate', 'write', 'sync'] as const) {
        const node = world.addNode(operation);
        const log = await openLog(node.environment);
        const second = (put(log, 'one'), put(log, 'two'));
        await log.sync();
        const ordinal = node.drive.operationCount(operation) + 1;
        node.drive.inject({ operation, ordinal, fault: { kind: 'error', code: 'EIO' } });
        await expect(log.truncateTo(second)).rejects.toMatchObject({ kind: 'io' });
        expect(log.failure).toMatchObject({ operation: 'truncate', keptOffset: second });
        await log.reopen();
        expect(await texts(log)).toEqual(['one']);
        put(log, 'three');
        await log.close();
        expect(await texts(await openLog(node.restart()))).toEqual(['one', 'three']);
      }
    });
  });

  it('lets whoever waits for the dropped part go on, and close afterwards', async () => {
    await simulate(11, async (world) => {
      const log = await openLog(world.addNode('a').environment, { flush: 'async' });
      const first = put(log, 'one');
      const waiting = log.sync();
      await log.truncateTo(first);
      await waiting;
      const last = log.truncateTo(first);
      await Promise.all([last, log.close()]);
    });
  });
});

describe('resetTo', () => {
  const start = physicalOffset(7_000);
  const openAt = (node: SimNode): Promise<CommitLog> =>
    CommitLog.open(smallOptions(), node.restart(), { scanFrom: start, durableFloor: start });

  it('leaves an empty log that starts at the offset, whatever was there', async () => {
    await simulate(12, async (world) => {
      const node = world.addNode('a');
      const log = await openLog(node.environment, { segmentBytes: 100 });
      for (let index = 0; index < 20; index += 1) put(log, 'x'.repeat(50));
      await log.close();
      await CommitLog.resetTo(smallOptions(), node.restart(), start);
      node.crash();
      const again = await openAt(node);
      expect([again.startOffset, again.endOffset]).toEqual([start, start]);
      put(again, 'new');
      await again.close();
      expect(await texts(await openAt(node))).toEqual(['new']);
    });
  });

  it('is finished by the next open after a crash at any disk operation', async () => {
    await simulate(13, async (world) => {
      let outcomes = '';
      for (let count = 1; count < 40; count += 1) {
        const node = world.addNode(`${count}`);
        const log = await openLog(node.environment, { segmentBytes: 100 });
        for (let index = 0; index < 5; index += 1) put(log, 'x'.repeat(50));
        await log.close();
        const environment = node.restart();
        const crash = node.crashAtDiskOperation(count);
        const reset = CommitLog.resetTo(smallOptions(), environment, start).then(() => 'done');
        const ended = await Promise.race([crash, reset]);
        const opened = await openAt(node).catch(() => openLog(node.restart()));
        const isOld = opened.startOffset === 0 && (await texts(opened)).length === 5;
        const isNew = opened.startOffset === start && opened.endOffset === start;
        expect(isOld || isNew).toBe(true);
        if (ended === 'done') expect(isNew).toBe(true);
        outcomes += isOld ? 'o' : 'n';
      }
      expect(outcomes).toMatch(/^o+n+$/);
    });
  });
});

describe('what a restart knows', () => {
  it('keeps the confirmed offset, never above what is durable', async () => {
    await simulate(14, async (world) => {
      const node = world.addNode('a');
      let confirmed = 0;
      const options = { confirmOffset: () => confirmed };
      const log = await openLog(node.environment, options);
      const second = (put(log, 'one'), put(log, 'two'));
      await log.sync();
      await world.sleep(1_500);
      confirmed = second;
      await world.sleep(1_500);
      node.crash();
      const again = await openLog(node.restart(), options);
      expect(again.recovery.confirmOffset).toBe(second);
      confirmed = 1_000_000;
      await again.close();
      const third = await openLog(node.restart());
      expect(third.recovery.confirmOffset).toBe(third.endOffset);
    });
  });

  it('knows the last epoch also when nothing is scanned, from the checkpoint or the records', async () => {
    await simulate(15, async (world) => {
      const node = world.addNode('a');
      const log = await openLog(node.environment);
      for (const value of [1, 4, 4, 6]) {
        log.setEpoch(epoch(value));
        put(log, 'x');
      }
      await log.close();
      const end = log.endOffset;
      const bytes = end / 4;
      const range = { scanFrom: end, durableFloor: end };
      const again = await CommitLog.open(smallOptions(), node.restart(), range);
      expect(again.recovery).toMatchObject({ recordsScanned: 0, lastEpoch: 6, epochs: [] });
      expect((await openLog(node.restart())).recovery.epochs).toEqual([
        { epoch: 1, startOffset: 0 },
        { epoch: 4, startOffset: bytes },
        { epoch: 6, startOffset: 3 * bytes },
      ]);
      await node.restart().disk.remove('/data/checkpoint');
      const third = await CommitLog.open(smallOptions(), node.restart(), range);
      expect(third.lastEpoch).toBe(6);
      await third.truncateTo(physicalOffset(3 * bytes));
      expect(third.lastEpoch).toBe(4);
    });
  });

  it('takes what a master says of its own disk for no proof of ours', async () => {
    await simulate(16, async (world) => {
      const master = await openLog(world.addNode('master').environment, { segmentBytes: ALL });
      for (const text of ['one', 'two']) {
        put(master, text);
        await master.sync();
      }
      for (const isOwn of [true, false]) {
        const node = world.addNode(`own: ${String(isOwn)}`);
        const options = { segmentBytes: ALL, isOwnEpoch: () => isOwn };
        const log = await openLog(node.environment, options);
        await copyTo(log, master);
        node.crash();
        node.drive.corrupt('/data/commitlog/00000000000000000000.log', HEADER_BYTES);
        const opened = await openLog(node.restart(), options).catch((error: unknown) => error);
        if (isOwn) expect(opened).toMatchObject({ kind: 'corrupt' });
        else expect(opened).toMatchObject({ recovery: { decision: 'truncate' } });
      }
    });
  });

  it('reads what was kept by a failure after reopen, also when it has left memory', async () => {
    await simulate(17, async (world) => {
      const node = world.addNode('a');
      const log = await openLog(node.environment, { flush: 'async', cacheBytes: 0 });
      const big = 'x'.repeat(90_000);
      for (let index = 0; index < 40; index += 1) {
        put(log, big);
        await log.sync();
      }
      const kept = log.writtenOffset;
      const ordinal = node.drive.operationCount('write') + 1;
      node.drive.inject({ operation: 'write', ordinal, fault: { kind: 'error', code: 'EIO' } });
      put(log, 'lost');
      await world.sleep(50);
      expect(log.failure?.keptOffset).toBe(kept);
      await log.reopen();
      expect(log.recordSync(physicalOffset(0))).toBeUndefined();
      expect(await texts(log)).toHaveLength(40);
      expect(await log.read(physicalOffset(0), kept)).toHaveLength(kept);
    });
  });
});
