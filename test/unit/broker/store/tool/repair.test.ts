import { describe, expect, it } from '@jest/globals';
import { simulate } from '../../../../simulation/world.ts';
import type { SimNode } from '../../../../simulation/sim-node.ts';
import { physicalOffset } from '../../../../../common/model/offsets.ts';
import { describeStore } from '../../../../../broker/store/tool/describe.ts';
import { type RepairReport, repairStore } from '../../../../../broker/store/tool/repair.ts';
import {
  describeDamage,
  isSound,
  type VerifyReport,
  verifyStore,
} from '../../../../../broker/store/tool/verify.ts';
import { finish, openLog, put, texts } from '../store-kit.ts';

const ZERO = physicalOffset(0);

const verify = (node: SimNode): Promise<VerifyReport> =>
  finish(verifyStore(node.environment, '/data'));
const repair = (node: SimNode): Promise<RepairReport> =>
  finish(repairStore(node.environment, '/data', ZERO));

/** Twelve records of 40 bytes over three segments of 160; closed, so that the checkpoint knows the end. */
async function twelve(node: SimNode): Promise<string[]> {
  const log = await openLog(node.environment, { segmentBytes: 160 });
  const expected = Array.from({ length: 12 }, (_, index) => `r${String(index).padStart(3, '0')}`);
  for (const text of expected) {
    put(log, text);
    await log.sync();
  }
  await log.close();
  node.restart();
  return expected;
}

const segment = (start: number): string => `/data/commitlog/${String(start).padStart(20, '0')}.log`;

async function cut(node: SimNode, start: number, length: number): Promise<void> {
  const file = await node.environment.disk.open(segment(start), { create: false });
  await file.truncate(length);
  await file.sync();
}

/** What the log gives afterwards; a Hole as its length. */
async function after(node: SimNode): Promise<string[]> {
  const log = await openLog(node.restart(), { segmentBytes: 160 });
  const found = await texts(log);
  put(log, 'next');
  await log.close();
  node.restart();
  return found.map((text) =>
    text.startsWith('\0') || text === '' ? `hole ${text.length + 36}` : text,
  );
}

describe('store tools', () => {
  it('describe counts records by type and names segments, epochs and checkpoint', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a');
      await twelve(node);
      const description = await finish(describeStore(node.environment, '/data'));
      expect(description).toMatchObject({
        startOffset: 0,
        endOffset: 480,
        records: 12,
        recordsByType: { Message: 12 },
        epochs: [{ epoch: 0, startOffset: 0 }],
        checkpoint: { durableOffset: 480 },
      });
      expect(description.segments.map(({ records }) => records)).toEqual([4, 4, 4]);
      expect(node.drive.openHandleCount()).toBe(0);
    });
  });

  it('verify finds nothing wrong in a sound log, and changes nothing', async () => {
    await simulate(2, async (world) => {
      const node = world.addNode('a');
      await twelve(node);
      const writes = node.drive.operationCount('write');
      const report = await verify(node);
      expect(isSound(report)).toBe(true);
      expect(report).toMatchObject({ records: 12, bytes: 480 });
      expect(node.drive.operationCount('write')).toBe(writes);
    });
  });

  it('repairs damage in the middle of a segment by a filler of the same length', async () => {
    await simulate(3, async (world) => {
      const node = world.addNode('a');
      const expected = await twelve(node);
      node.drive.corrupt(segment(160), 45);
      const [damage] = (await verify(node)).damages;
      expect(damage).toMatchObject({ state: 'bad-crc', start: 200, end: 240, resumesAt: 240 });
      expect(damage === undefined ? '' : describeDamage(damage)).toBe(
        `${segment(160)}: bad-crc at log offset 200, 40 bytes unreadable; intact records go on at 240`,
      );
      const damaged = node.drive.contentOf(segment(160))?.subarray(40, 80);
      const report = await repair(node);
      expect(report).toMatchObject({ lostBytes: 40, endOffset: 480 });
      expect(report.steps).toMatchObject([
        { action: 'fill', start: 200, end: 240, isResyncMissing: false },
      ]);
      const aside = node.drive.contentOf(`/data/${report.steps[0]?.quarantineFile ?? ''}`);
      expect(aside?.equals(damaged ?? Buffer.alloc(0))).toBe(true);
      expect(node.drive.names.paths().some((path) => path.endsWith('-report.json'))).toBe(true);
      expect(await after(node)).toEqual(expected.with(5, 'hole 40'));
    });
  });

  it('says so when no record follows the damage in its segment', async () => {
    await simulate(4, async (world) => {
      const node = world.addNode('a');
      const expected = await twelve(node);
      for (const position of [85, 125]) node.drive.corrupt(segment(0), position);
      const report = await repair(node);
      expect(report.steps).toMatchObject([
        { action: 'fill', start: 80, end: 160, isResyncMissing: true },
      ]);
      expect(await after(node)).toEqual([...expected.slice(0, 2), 'hole 80', ...expected.slice(4)]);
    });
  });

  it('fills a segment that lost its end, and one that is missing', async () => {
    await simulate(5, async (world) => {
      const node = world.addNode('a');
      const expected = await twelve(node);
      await cut(node, 0, 130);
      await node.environment.disk.remove(segment(160));
      await node.environment.disk.syncDirectory('/data/commitlog');
      const report = await repair(node);
      expect(report.steps).toMatchObject([{ action: 'fill', start: 120, end: 320 }]);
      expect(await after(node)).toEqual([
        ...expected.slice(0, 3),
        'hole 200',
        ...expected.slice(8),
      ]);
    });
  });

  it('fills a damaged or missing tail up to what the checkpoint knows, so that no offset is used twice', async () => {
    await simulate(6, async (world) => {
      for (const length of [160 - 40, 160 - 45, 0]) {
        const node = world.addNode(`cut to ${length}`);
        const expected = await twelve(node);
        await cut(node, 320, length);
        expect(isSound(await verify(node))).toBe(false);
        const report = await repair(node);
        expect(report.endOffset).toBe(480);
        const kept = 8 + Math.floor(length / 40);
        expect(await after(node)).toEqual([...expected.slice(0, kept), `hole ${480 - kept * 40}`]);
      }
    });
  });

  it('truncates a tail that nothing proves', async () => {
    await simulate(7, async (world) => {
      const node = world.addNode('a');
      const expected = await twelve(node);
      await node.environment.disk.remove('/data/checkpoint');
      await node.environment.disk.syncDirectory('/data');
      node.drive.corrupt(segment(320), 159);
      const report = await repair(node);
      expect(report.steps).toMatchObject([{ action: 'truncate', start: 440, end: 480 }]);
      expect(await after(node)).toEqual(expected.slice(0, 11));
    });
  });

  it('refuses to touch intact records of a newer format', async () => {
    await simulate(8, async (world) => {
      const node = world.addNode('a');
      const log = await openLog(node.environment);
      log.append(77 as never, 0, 5, () => undefined);
      await log.close();
      await expect(repair(node)).rejects.toMatchObject({ kind: 'unsupported', offset: 0 });
    });
  });

  it('does not run while a broker holds the lock', async () => {
    await simulate(9, async (world) => {
      const node = world.addNode('a');
      await twelve(node);
      await node.environment.disk.lock('/data/lock');
      await expect(repair(node)).rejects.toMatchObject({ code: 'ELOCKED' });
    });
  });
});
