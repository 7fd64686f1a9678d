import { describe, expect, it } from '@jest/globals';
import { simulate } from '../../../simulation/world.ts';
import type { Environment } from '../../../../common/environment/environment.ts';
import { physicalOffset, type PhysicalOffset } from '../../../../common/model/offsets.ts';
import { CommitLog, type CommitLogOptions } from '../../../../broker/store/commit-log.ts';
import { RecordType } from '../../../../broker/store/record-type.ts';
import { HEADER_BYTES } from '../../../../broker/store/record-codec.ts';
import { assert } from '../../../../common/assert.ts';

const START = { scanFrom: physicalOffset(0), durableFloor: physicalOffset(0) };

const options = (changes: Partial<CommitLogOptions> = {}): CommitLogOptions => ({
  directory: '/data',
  segmentBytes: 10_000,
  flush: 'sync',
  flushIntervalMs: 100,
  cacheBytes: 1 << 20,
  batchBytesMax: 4_000,
  pendingBytesMax: 100_000,
  ...changes,
});

function put(log: CommitLog, text: string): PhysicalOffset {
  const payload = Buffer.from(text);
  const result = log.append(RecordType.Message, 0, payload.length, (buffer, at) => void payload.copy(buffer, at));
  assert(typeof result === 'number', `append answered ${result}`);
  return result;
}

async function texts(log: CommitLog, from = log.startOffset): Promise<string[]> {
  const found: string[] = [];
  for await (const records of log.scan(from)) {
    for (const record of records) found.push(record.buffer.toString('utf8', record.payloadStart, record.payloadEnd));
  }
  return found;
}

const open = (environment: Environment, changes: Partial<CommitLogOptions> = {}): Promise<CommitLog> =>
  CommitLog.open(options(changes), environment, START);

describe.each(['sync', 'async'] as const)('CommitLog with flush %s', (flush) => {
  it('gives back after a restart, in order and over segments, what was synced', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a');
      const log = await open(node.environment, { flush });
      const expected = Array.from({ length: 500 }, (_, index) => `${index} ${'x'.repeat(index % 300)}`);
      for (const text of expected) {
        put(log, text);
        if (text.length % 7 === 0) await world.sleep(3);
      }
      await log.sync();
      expect(log.durableOffset).toBe(log.endOffset);
      expect(log.segments().length).toBeGreaterThan(5);
      expect(await texts(log)).toEqual(expected);
      node.crash();
      const again = await open(node.restart(), { flush });
      expect(again.recovery.decision).toBe('end');
      expect(await texts(again)).toEqual(expected);
      put(again, 'more');
      await again.close();
      const third = await open(node.restart(), { flush });
      expect(await texts(third)).toEqual([...expected, 'more']);
    });
  });

  it('reads one record from memory without a copy, and from a file after eviction', async () => {
    await simulate(2, async (world) => {
      const log = await open(world.addNode('a').environment, { flush, cacheBytes: 0 });
      const first = put(log, 'first');
      expect(log.readSync(first, HEADER_BYTES + 5)?.toString('utf8', HEADER_BYTES)).toBe('first');
      expect(log.recordSync(first)?.payloadEnd).toBe(HEADER_BYTES + 5);
      for (let index = 0; index < 40; index += 1) {
        put(log, 'y'.repeat(90_000));
        await log.sync();
      }
      expect(log.readSync(first, HEADER_BYTES + 5)).toBeUndefined();
      expect((await log.read(first, HEADER_BYTES + 5)).toString('utf8', HEADER_BYTES)).toBe('first');
    });
  });
});
