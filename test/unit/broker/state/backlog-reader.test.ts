import { describe, expect, it } from '@jest/globals';
import { BacklogReader, type MessageLog } from '../../../../broker/state/backlog-reader.ts';
import { encodeRecord, HEADER_BYTES } from '../../../../broker/store/record-codec.ts';
import { RecordType } from '../../../../broker/store/record-type.ts';
import { StoreError, type StoreErrorKind } from '../../../../broker/store/store-error.ts';
import { epoch, physicalOffset } from '../../../../common/model/offsets.ts';

const OFFSET = physicalOffset(4_096);
const LENGTH = HEADER_BYTES + 10;

/** Two records that stand at `offset`. */
function records(offset: number = OFFSET): Buffer {
  const buffer = Buffer.alloc(2 * LENGTH, 7);
  for (const at of [0, LENGTH]) {
    encodeRecord(buffer, at, {
      ...{ length: LENGTH, type: RecordType.Message, flags: 0, epoch: epoch(1) },
      ...{ offset: physicalOffset(offset + at), storeTimeMs: 1, durableOffset: physicalOffset(0) },
    });
  }
  return buffer;
}

function storeError(kind: StoreErrorKind): StoreError {
  return new StoreError({ kind, file: 'log/0', offset: OFFSET, reason: 'EIO', hint: '' });
}

function world(given: Buffer | undefined, readsMax = 1) {
  const own = records();
  const gates: (() => void)[] = [];
  let failure: Error | undefined;
  let isSlow = false;
  let diskReads = 0;
  let peerReads = 0;
  const spared: StoreError[] = [];
  const log: MessageLog = {
    startOffset: physicalOffset(0),
    readSync: () => undefined,
    read: async () => {
      diskReads += 1;
      if (isSlow) await new Promise<void>((resolve) => gates.push(resolve));
      if (failure !== undefined) throw failure;
      return own;
    },
  };
  const peer = {
    read: () => {
      peerReads += 1;
      return Promise.resolve(given);
    },
  };
  const reader = new BacklogReader(log, peer, readsMax, (error) => spared.push(error));
  return {
    read: () => reader.read(OFFSET, 2 * LENGTH),
    ...{ own, spared },
    counts: () => ({ diskReads, peerReads }),
    fail: (error: Error) => (failure = error),
    slow: () => (isSlow = true),
    release: () => {
      isSlow = false;
      for (const open of gates.splice(0)) open();
    },
  };
}

describe('old records of a master', () => {
  it('come from its own disk as long as that has little to do', async () => {
    const { read, counts } = world(records());
    await read();
    await read();
    expect(counts()).toEqual({ diskReads: 2, peerReads: 0 });
  });

  it('come from a slave when as many reads as are allowed are under way', async () => {
    const given = records();
    const { read, counts, slow, release } = world(given, 2);
    slow();
    const own = [read(), read()];
    expect(await read()).toBe(given);
    expect(counts()).toEqual({ diskReads: 2, peerReads: 1 });
    release();
    await Promise.all(own);
    await read();
    expect(counts()).toEqual({ diskReads: 3, peerReads: 1 });
  });

  it('come from the own disk after all when no slave helps', async () => {
    const { read, counts, slow, release, own } = world(undefined);
    slow();
    const first = read();
    const second = read();
    await new Promise((resolve) => setImmediate(resolve));
    release();
    expect(await second).toBe(own);
    await first;
    expect(counts()).toEqual({ diskReads: 2, peerReads: 1 });
  });

  it.each(['io', 'corrupt'] as const)(
    'come from a slave when the disk says %s, and that is told',
    async (kind) => {
      const given = records();
      const { read, fail, spared } = world(given);
      const error = storeError(kind);
      fail(error);
      expect(await read()).toBe(given);
      expect(spared).toEqual([error]);
    },
  );

  it('are not asked of a slave for other failures, and its own failure is told when no slave helps', async () => {
    const other = world(records());
    other.fail(storeError('out-of-range'));
    await expect(other.read()).rejects.toMatchObject({ kind: 'out-of-range' });
    expect(other.counts().peerReads).toBe(0);
    const alone = world(undefined);
    alone.fail(storeError('io'));
    await expect(alone.read()).rejects.toMatchObject({ kind: 'io' });
    expect(alone.spared).toEqual([]);
  });

  it('are checked when a slave gives them: damaged, from elsewhere or too short, they are not taken', async () => {
    const damaged = records();
    damaged.writeUInt8(damaged.readUInt8(LENGTH + HEADER_BYTES) ^ 1, LENGTH + HEADER_BYTES);
    for (const given of [damaged, records(OFFSET + 1), records().subarray(0, LENGTH)]) {
      const { read, fail } = world(given);
      fail(storeError('corrupt'));
      await expect(read()).rejects.toMatchObject({ kind: 'corrupt' });
    }
  });
});
