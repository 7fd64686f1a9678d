import { describe, expect, it } from '@jest/globals';
import type { World } from '../../../simulation/world.ts';
import { simulate } from '../../../simulation/world.ts';
import type { Fault } from '../../../simulation/disk-faults.ts';
import type { SimNode } from '../../../simulation/sim-node.ts';
import type { CommitLog } from '../../../../broker/store/commit-log.ts';
import { isStoreError } from '../../../../broker/store/store-error.ts';
import type { LogFailure } from '../../../../broker/store/group-commit.ts';
import { openLog, put, texts, tryPut } from './store-kit.ts';

const EIO: Fault = { kind: 'error', code: 'EIO' };
const ENOSPC: Fault = { kind: 'error', code: 'ENOSPC' };

interface Attempt {
  /** Acknowledged texts by offset. */
  acknowledged: Map<number, string>;
  failures: LogFailure[];
}

type Flush = 'sync' | 'async';

/** Appends 30 records, reopening after each failure; what is below the acknowledging offset counts as acknowledged. */
async function work(world: World, log: CommitLog, flush: Flush, attempt: Attempt): Promise<void> {
  const pending = new Map<number, string>();
  let failed = false;
  log.onFailure((failure) => {
    attempt.failures.push(failure);
    failed = true;
    for (const offset of [...pending.keys()])
      if (offset >= failure.keptOffset) pending.delete(offset);
  });
  log.onAdvance(() => {
    const line = flush === 'sync' ? log.durableOffset : log.writtenOffset;
    for (const [offset, text] of pending) {
      if (offset >= line) break;
      attempt.acknowledged.set(offset, text);
      pending.delete(offset);
    }
  });
  const reopen = async (): Promise<void> => {
    for (let retry = 0; failed && retry < 50; retry += 1) {
      try {
        await log.reopen();
        failed = false;
      } catch (error) {
        if (!isStoreError(error)) throw error;
        await world.sleep(10);
      }
    }
  };
  for (let index = 0; index < 30; index += 1) {
    await reopen();
    const text = `${index}:${'x'.repeat(index * 7)}`;
    const offset = tryPut(log, text);
    if (typeof offset === 'number') pending.set(offset, text);
    if (index % 2 === 0) await world.sleep(index % 4 === 0 ? 40 : 1);
  }
  await world.sleep(500);
  await reopen();
}

/** Short, so that a difference is readable. */
async function digest(log: CommitLog): Promise<string[]> {
  return (await texts(log)).map((text) => `${text.slice(0, 5)}/${text.length}`);
}

async function expectAcknowledged(log: CommitLog, attempt: Attempt): Promise<void> {
  const found = new Map<number, string>();
  for await (const records of log.scan(log.startOffset)) {
    for (const record of records) {
      found.set(
        record.offset,
        record.buffer.toString('utf8', record.payloadStart, record.payloadEnd),
      );
    }
  }
  for (const [offset, text] of attempt.acknowledged)
    expect(`${offset} ${found.get(offset)}`).toBe(`${offset} ${text}`);
}

async function restarted(node: SimNode, how: 'crash' | 'kill', flush: Flush): Promise<CommitLog> {
  node[how]();
  node.drive.clearInjections();
  return openLog(node.restart(), { flush, segmentBytes: 700 });
}

describe.each(['sync', 'async'] as const)(
  'with flush %s, a disk that fails at any operation',
  (flush) => {
    it.each([
      ['EIO once', EIO, 1],
      ['ENOSPC once', ENOSPC, 1],
      ['EIO five times in a row', EIO, 5],
    ] as const)(
      '%s: loses nothing acknowledged, by reopen and by restart',
      async (_name, fault, times) => {
        let failures = 0;
        let operations = 1000;
        for (let ordinal = 1; ordinal <= operations; ordinal += 1) {
          await simulate(ordinal, async (world) => {
            const node = world.addNode('a');
            node.drive.inject({ operation: 'any', ordinal, times, fault });
            const attempt: Attempt = { acknowledged: new Map(), failures: [] };
            let log: CommitLog;
            try {
              log = await openLog(node.environment, { flush, segmentBytes: 700 });
            } catch (error) {
              if (!isStoreError(error)) throw error;
              expect(error.kind).toBe('io');
              return;
            }
            await work(world, log, flush, attempt);
            operations = Math.min(operations, node.drive.operationCount());
            failures += attempt.failures.length;
            expect(log.failure).toBeUndefined();
            expect(attempt.acknowledged.size).toBeGreaterThan(15);
            await expectAcknowledged(log, attempt);
            // Acknowledged by flush async survives kill -9; only what is durable survives power loss.
            await expectAcknowledged(
              await restarted(
                node,
                flush === 'sync' && ordinal % 2 === 0 ? 'crash' : 'kill',
                flush,
              ),
              attempt,
            );
          });
        }
        expect(operations).toBeGreaterThan(45);
        expect(failures).toBeGreaterThan(20);
      },
    );
  },
);

describe('a failed log', () => {
  it('refuses appends, keeps reading below, and goes on at the kept offset after reopen', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a');
      const log = await openLog(node.environment);
      const seen: LogFailure[] = [];
      log.onFailure((failure) => seen.push(failure));
      put(log, 'kept');
      await log.sync();
      node.drive.injectNext('sync', EIO);
      put(log, 'dropped');
      await expect(log.sync()).rejects.toMatchObject({ kind: 'log-failed' });
      expect(seen).toMatchObject([
        { operation: 'sync', code: 'EIO', fromOffset: 40, keptOffset: 40 },
      ]);
      expect(tryPut(log, 'x')).toBe('log-failed');
      expect(await texts(log)).toEqual(['kept']);
      await log.reopen();
      expect(put(log, 'next')).toBe(40);
      await log.sync();
      expect(await texts(log)).toEqual(['kept', 'next']);
    });
  });

  it('stays failed while the disk is full, and says so, then recovers when space returns', async () => {
    await simulate(2, async (world) => {
      const node = world.addNode('a', { diskCapacityBytes: 20_000 });
      const log = await openLog(node.environment);
      for (let index = 0; log.failure === undefined && index < 100; index += 1) {
        put(log, 'x'.repeat(1000));
        await world.sleep(20);
      }
      expect(log.failure).toMatchObject({ operation: 'write', code: 'ENOSPC' });
      const kept = log.endOffset;
      await expect(log.reopen()).rejects.toMatchObject({ kind: 'disk-full' });
      expect(tryPut(log, 'x')).toBe('log-failed');
      expect((await digest(log)).length).toBe(kept / 1036);
      node.drive.capacityBytes = 100_000;
      await log.reopen();
      expect(put(log, 'more')).toBe(kept);
      await log.sync();
    });
  });

  it('does not trust pages that a failed fdatasync left clean: flush async, then power loss', async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      await simulate(seed, async (world) => {
        const node = world.addNode('a');
        const log = await openLog(node.environment, { flush: 'async', cacheBytes: 0 });
        node.drive.injectNext('sync', EIO);
        for (let index = 0; index < 20; index += 1) put(log, `${index} ${'y'.repeat(997)}`);
        await world.sleep(1000);
        // Reopen either makes all of it durable, or refuses because the kernel forgot some of it.
        const error = await log.reopen().catch((reason: unknown) => reason);
        if (error !== undefined) {
          expect(error).toMatchObject({ kind: 'corrupt' });
          return;
        }
        expect(log.durableOffset).toBe(log.endOffset);
        const expected = await digest(log);
        expect(expected.length).toBeGreaterThan(8);
        node.crash();
        expect(await digest(await openLog(node.restart(), { flush: 'async' }))).toEqual(expected);
      });
    }
  });

  it('is not trusted by the next process either: failed fdatasync, kill -9, restart, power loss', async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      await simulate(seed, async (world) => {
        const node = world.addNode('a');
        const log = await openLog(node.environment);
        node.drive.injectNext('sync', EIO);
        for (let index = 0; index < 20; index += 1) put(log, `${index} ${'y'.repeat(997)}`);
        await world.sleep(1000);
        expect(log.failure?.operation).toBe('sync');
        node.kill();
        const again = await openLog(node.restart());
        const visible = await digest(again);
        node.crash();
        expect(await digest(await openLog(node.restart()))).toEqual(visible);
      });
    }
  });
});
