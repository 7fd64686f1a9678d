import { describe, expect, it } from '@jest/globals';
import { simulate } from '../../../simulation/world.ts';
import type { SimNode } from '../../../simulation/sim-node.ts';
import { isStoreError, type StoreError } from '../../../../broker/store/store-error.ts';
import type { CommitLog } from '../../../../broker/store/commit-log.ts';
import { openLog, put, texts } from './store-kit.ts';

const FIRST_SEGMENT = '/data/commitlog/00000000000000000000.log';

interface Small {
  node: SimNode;
  expected: string[];
  /** Offset of each record, and the end. */
  bounds: number[];
}

/** A log that ended by a crash after everything was synced; with `segmentBytes` small, over three segments. */
async function smallLog(node: SimNode, segmentBytes: number, batches = 4): Promise<Small> {
  const log = await openLog(node.environment, { segmentBytes });
  const expected: string[] = [];
  const bounds: number[] = [];
  for (let batch = 0; batch < batches; batch += 1) {
    for (let index = 0; index < 2; index += 1) {
      expected.push(`${batch}.${index}`.repeat(index * 9 + 1));
      bounds.push(put(log, expected.at(-1) ?? ''));
    }
    await log.sync();
  }
  bounds.push(log.endOffset);
  node.crash();
  node.restart();
  return { node, expected, bounds };
}

async function reopened(node: SimNode, segmentBytes: number): Promise<CommitLog | StoreError> {
  try {
    return await openLog(node.restart(), { segmentBytes });
  } catch (error) {
    if (!isStoreError(error)) throw error;
    return error;
  }
}

describe('recovery of a small log of which any byte may be wrong', () => {
  it.each([1 << 20, 150])(
    'flipped: an exact prefix or a loud error, with segments of %d bytes',
    async (segmentBytes) => {
      const outcomes = { whole: 0, prefix: 0, refused: 0 };
      await simulate(1, async (world) => {
        const { node, bounds } = await smallLog(world.addNode('model'), segmentBytes);
        const segments = [...node.drive.names.paths()].filter((path) => path.endsWith('.log'));
        const total = bounds.at(-1) ?? 0;
        for (let position = 0; position < total; position += 1) {
          const copy = world.addNode(`flip ${position}`);
          const { expected } = await smallLog(copy, segmentBytes);
          const file = segments.findLast((path) => Number(path.slice(-24, -4)) <= position) ?? '';
          copy.drive.corrupt(file, position - Number(file.slice(-24, -4)), 1 << (position % 8));
          // Losing the checkpoint leaves only the evidence of the log itself.
          if (position % 2 === 0) copy.drive.corrupt('/data/checkpoint', 0);
          if (
            position % 2 === 0 &&
            (copy.drive.contentOf('/data/checkpoint')?.length ?? 0) > 4096
          ) {
            copy.drive.corrupt('/data/checkpoint', 4096);
          }
          const result = await reopened(copy, segmentBytes);
          if (isStoreError(result)) {
            outcomes.refused += 1;
            expect(result.kind).toBe('corrupt');
            expect(bounds).toContain(result.offset);
            expect(result.offset).toBeLessThanOrEqual(position);
            expect(result.message).toContain(file);
            continue;
          }
          const found = await texts(result);
          expect(found).toEqual(expected.slice(0, found.length));
          outcomes[found.length === expected.length ? 'whole' : 'prefix'] += 1;
          // Only what nothing later proves durable may be cut: the last batch, which no record follows.
          expect(found.length).toBeGreaterThanOrEqual(expected.length - 2);
          expect(result.recovery.truncatedBytes).toBeGreaterThan(0);
        }
      });
      expect(outcomes.whole).toBe(0);
      expect(outcomes.refused).toBeGreaterThan(outcomes.prefix);
      expect(outcomes.prefix).toBeGreaterThan(0);
    },
  );

  it('truncated: an exact prefix, or a loud error when the checkpoint knows better', async () => {
    await simulate(2, async (world) => {
      const total = (await smallLog(world.addNode('model'), 1 << 20)).bounds.at(-1) ?? 0;
      for (let length = 0; length < total; length += 1) {
        const { node, expected, bounds } = await smallLog(world.addNode(`cut ${length}`), 1 << 20);
        const file = await node.environment.disk.open(FIRST_SEGMENT, { create: false });
        await file.truncate(length);
        await file.sync();
        const isCheckpointLost = length % 2 === 0;
        if (isCheckpointLost) await node.environment.disk.remove('/data/checkpoint');
        const result = await reopened(node, 1 << 20);
        if (isStoreError(result)) throw result;
        const found = await texts(result);
        expect(found).toEqual(expected.slice(0, found.length));
        expect(bounds[found.length]).toBeLessThanOrEqual(length);
        expect(bounds[found.length + 1]).toBeGreaterThan(length);
      }
    });
  });

  it('refuses a log that ends below its checkpoint', async () => {
    await simulate(3, async (world) => {
      const node = world.addNode('a');
      const log = await openLog(node.environment);
      put(log, 'hello');
      put(log, 'world');
      await log.close();
      const disk = node.restart().disk;
      const file = await disk.open(FIRST_SEGMENT, { create: false });
      await file.truncate(41);
      await file.sync();
      expect(await reopened(node, 1 << 20)).toMatchObject({ kind: 'corrupt', offset: 41 });
      expect(node.drive.contentOf(FIRST_SEGMENT)?.length).toBe(41);
    });
  });

  it('refuses a missing segment and a shortened one before the last', async () => {
    await simulate(4, async (world) => {
      for (const harm of ['remove', 'shorten'] as const) {
        const { node } = await smallLog(world.addNode(harm), 150, 8);
        const [, second] = node.drive.names.paths().filter((path) => path.endsWith('.log'));
        const { disk } = node.environment;
        const file = await disk.open(second ?? '', { create: false });
        if (harm === 'shorten') await file.truncate(20);
        else await disk.remove(second ?? '');
        await file.sync();
        await disk.syncDirectory('/data/commitlog');
        expect(await reopened(node, 150)).toMatchObject({ kind: 'corrupt' });
      }
    });
  });

  it('refuses an intact record of an unknown type, even at the very end', async () => {
    await simulate(5, async (world) => {
      const node = world.addNode('a');
      const log = await openLog(node.environment);
      put(log, 'hello');
      log.append(99 as never, 0, 3, () => undefined);
      await log.close();
      expect(await reopened(node, 1 << 20)).toMatchObject({ kind: 'unsupported', offset: 41 });
    });
  });

  it('believes damage only when it sees it again', async () => {
    await simulate(6, async (world) => {
      const { node, expected } = await smallLog(world.addNode('a'), 1 << 20);
      for (let ordinal = 1; ordinal <= 6; ordinal += 1) {
        const environment = node.restart();
        node.drive.clearInjections();
        node.drive.inject({
          operation: 'read',
          pathSuffix: '.log',
          ordinal: node.drive.operationCount('read') + ordinal,
          fault: { kind: 'bit-flip' },
        });
        const log = await openLog(environment);
        expect(log.recovery.decision).toBe('end');
        expect(await texts(log)).toEqual(expected);
      }
    });
  });

  it('refuses when the snapshot reaches beyond the log, or begins before it', async () => {
    await simulate(7, async (world) => {
      const { node } = await smallLog(world.addNode('a'), 150);
      const { CommitLog } = await import('../../../../broker/store/commit-log.ts');
      const { smallOptions } = await import('./store-kit.ts');
      const log = await openLog(node.restart(), { segmentBytes: 150 });
      const beyond = (log.endOffset + 1) as typeof log.endOffset;
      const second = log.segments()[1]?.startOffset ?? log.endOffset;
      await log.deleteSegmentsBefore(second);
      await log.close();
      const at = (scanFrom: typeof beyond): Promise<unknown> =>
        CommitLog.open(smallOptions(), node.restart(), { scanFrom, durableFloor: scanFrom }).catch(
          (error: unknown) => error,
        );
      expect(await at(beyond)).toMatchObject({ kind: 'missing-log' });
      expect(await at(0 as typeof beyond)).toMatchObject({ kind: 'missing-log' });
      expect(await at(second)).toMatchObject({ recovery: { decision: 'end' } });
      expect(node.drive.openHandleCount()).toBeLessThan(10);
    });
  });
});
