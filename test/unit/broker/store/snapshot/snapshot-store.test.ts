import { describe, expect, it } from '@jest/globals';
import { physicalOffset } from '../../../../../common/model/offsets.ts';
import type { Environment } from '../../../../../common/environment/environment.ts';
import { SnapshotStore } from '../../../../../broker/store/snapshot/snapshot-store.ts';
import type { PublishOutcome } from '../../../../../broker/store/snapshot/snapshot-writer.ts';
import { SOUND_DISK } from '../../../../simulation/disk-faults.ts';
import type { NameLoss } from '../../../../simulation/sim-names.ts';
import type { SimNode } from '../../../../simulation/sim-node.ts';
import { simulate } from '../../../../simulation/world.ts';

const DIRECTORY = '/data/snapshots';

/** Payloads of snapshot `id`: small ones, an empty one, and one larger than the writer gathers. */
const payloads = (id: number): Buffer[] => [
  Buffer.from(`first of ${id}`),
  Buffer.alloc(0),
  Buffer.alloc(300_000, id),
  Buffer.from(`last of ${id}`),
];

async function publish(store: SnapshotStore, id: number): Promise<PublishOutcome> {
  const writer = await store.create(physicalOffset(id * 1000));
  try {
    for (const [kind, payload] of payloads(id).entries()) await writer.section(kind, payload);
    return await writer.publish(physicalOffset(id * 1000 + 500));
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Number of the snapshot that is found, its content checked; 0 for none. */
async function found(store: SnapshotStore): Promise<number> {
  const reader = await store.latest();
  if (reader === undefined) return 0;
  const id = reader.begin / 1000;
  expect(reader.end).toBe(id * 1000 + 500);
  const expected = payloads(id);
  let count = 0;
  for await (const { kind, payload } of reader.sections()) {
    expect(kind).toBe(count);
    // Not toEqual: it compares buffers byte by byte in JavaScript, half a second for these.
    expect(expected[count]!.equals(payload)).toBe(true);
    count++;
  }
  expect(count).toBe(expected.length);
  return id;
}

const open = ({ disk }: Environment): Promise<SnapshotStore> => SnapshotStore.open(DIRECTORY, disk);
const paths = async ({ disk }: Environment): Promise<string[]> =>
  (await disk.list(DIRECTORY)).map((name) => `${DIRECTORY}/${name}`);
const inWorld = (body: (node: SimNode) => Promise<void>, seed = 1): Promise<void> =>
  simulate(seed, (world) => body(world.addNode('a')));

describe('SnapshotStore', () => {
  it('has no snapshot at first', () =>
    inWorld(async ({ environment }) => {
      const store = await open(environment);
      expect(await store.latest()).toBeUndefined();
      expect(store.problems).toEqual([]);
      expect(store.previousBegin).toBeUndefined();
    }));

  it('gives back the newest, section by section, also after a restart', () =>
    inWorld(async (node) => {
      const store = await open(node.environment);
      await publish(store, 1);
      await publish(store, 2);
      expect(await found(store)).toBe(2);
      const again = await open(node.restart());
      expect(await found(again)).toBe(2);
      expect(again.previousBegin).toBe(1000);
    }));

  it('keeps two', () =>
    inWorld(async ({ environment }) => {
      const store = await open(environment);
      for (const id of [1, 2, 3, 4]) await publish(store, id);
      expect(await environment.disk.list(DIRECTORY)).toEqual([
        '0000000003.snapshot',
        '0000000004.snapshot',
      ]);
    }));

  it('shows nothing of a snapshot that was given up', () =>
    inWorld(async ({ environment }) => {
      const store = await open(environment);
      await publish(store, 1);
      const writer = await store.create(physicalOffset(2000));
      await writer.section(1, Buffer.alloc(500_000));
      await writer.abort();
      await writer.abort();
      expect(await environment.disk.list(DIRECTORY)).toEqual(['0000000001.snapshot']);
      await publish(store, 3);
      expect(await found(store)).toBe(3);
    }));

  it('removes what an interrupted writer left', () =>
    inWorld(async (node) => {
      const store = await open(node.environment);
      await store.create(physicalOffset(0));
      node.kill();
      const environment = node.restart();
      await open(environment);
      expect(await environment.disk.list(DIRECTORY)).toEqual([]);
    }));
});

describe('SnapshotStore: damage', () => {
  it('falls back to the one before for any damaged byte, and says why', () =>
    inWorld(async (node) => {
      const store = await open(node.environment);
      await publish(store, 1);
      await publish(store, 2);
      const newest = (await paths(node.environment))[1]!;
      const { length } = node.drive.contentOf(newest)!;
      const positions = [0, 5, 9, 12, 20, 23, 24, 30, 40, 60, 100_000, length - 40];
      for (let back = 1; back <= 36; back++) positions.push(length - back);
      for (const position of positions) {
        node.drive.corrupt(newest, position, 0x10);
        expect([position, await found(store)]).toEqual([position, 1]);
        const problem = { file: newest, reason: expect.any(String), isUnreadable: false };
        expect(store.problems).toEqual([problem]);
        node.drive.corrupt(newest, position, 0x10);
      }
      expect(await found(store)).toBe(2);
      expect(store.problems).toEqual([]);
    }));

  it('falls back from a file that was cut off or that grew', () =>
    inWorld(async (node) => {
      const store = await open(node.environment);
      await publish(store, 1);
      await publish(store, 2);
      const newest = (await paths(node.environment))[1]!;
      const content = node.drive.contentOf(newest)!;
      const file = await node.environment.disk.open(newest, { create: false });
      for (const length of [0, 10, 24, 59, 60, content.length - 1, content.length + 1]) {
        await file.truncate(length);
        expect([length, await found(store)]).toEqual([length, 1]);
        await file.write(0, [content]);
        await file.truncate(content.length);
      }
      expect(await found(store)).toBe(2);
    }));

  it('has none, with both reasons, when both are damaged', () =>
    inWorld(async (node) => {
      const store = await open(node.environment);
      await publish(store, 1);
      await publish(store, 2);
      for (const path of await paths(node.environment)) node.drive.corrupt(path, 50);
      expect(await store.latest()).toBeUndefined();
      expect(store.problems.length).toBe(2);
    }));

  it('does not count a damaged one among the two it keeps', () =>
    inWorld(async (node) => {
      const store = await open(node.environment);
      await publish(store, 1);
      await publish(store, 2);
      node.drive.corrupt((await paths(node.environment))[1]!, 50);
      expect(await found(store)).toBe(1);
      await publish(store, 3);
      expect(await node.environment.disk.list(DIRECTORY)).toEqual([
        '0000000001.snapshot',
        '0000000003.snapshot',
      ]);
    }));

  it('takes a file under another name for damage', () =>
    inWorld(async (node) => {
      const store = await open(node.environment);
      await publish(store, 1);
      const [path] = await paths(node.environment);
      await node.environment.disk.rename(path!, `${DIRECTORY}/0000000007.snapshot`);
      const again = await open(node.environment);
      expect(await again.latest()).toBeUndefined();
      expect(again.problems.length).toBe(1);
    }));

  it('falls back when the newest cannot be read, and rejects when it may not be opened', () =>
    inWorld(async (node) => {
      const store = await open(node.environment);
      await publish(store, 1);
      await publish(store, 2);
      node.drive.injectNext('read', { kind: 'error', code: 'EIO' });
      expect(await found(store)).toBe(1);
      expect(store.problems).toMatchObject([{ isUnreadable: true }]);
      expect(await found(store)).toBe(2);
      node.drive.injectNext('open', { kind: 'error', code: 'EMFILE' });
      await expect(store.latest()).rejects.toMatchObject({ code: 'EMFILE' });
    }));
});

describe('SnapshotStore: a failing disk', () => {
  it.each([
    ['write', 'ENOSPC'],
    ['write', 'EIO'],
    ['sync', 'EIO'],
    ['rename', 'EIO'],
    ['syncDirectory', 'EIO'],
    ['open', 'ENOSPC'],
  ] as const)('publishes nothing that is not whole when %s fails with %s', (operation, code) =>
    inWorld(async (node) => {
      const store = await open(node.environment);
      await publish(store, 1);
      node.drive.injectNext(operation, { kind: 'error', code });
      await expect(publish(store, 2)).rejects.toMatchObject({ code });
      const again = await open(node.restart());
      expect([1, 2]).toContain(await found(again));
      expect(again.problems).toEqual([]);
      await publish(again, 3);
      expect(await found(again)).toBe(3);
    }),
  );

  it('counts a snapshot as published though an old one could not be removed, and tries again', () =>
    inWorld(async (node) => {
      const store = await open(node.environment);
      await publish(store, 1);
      await publish(store, 2);
      node.drive.injectNext('remove', { kind: 'error', code: 'EIO' });
      const outcome = await publish(store, 3);
      expect(outcome.pruneFailure).toMatchObject({ code: 'EIO' });
      expect((await publish(store, 4)).pruneFailure).toBeUndefined();
      expect((await node.environment.disk.list(DIRECTORY)).length).toBe(2);
    }));
});

/** Crashes at the `count`th disk operation of the third publication; true when there are fewer. */
async function crashAt(count: number, seed: number, nameLoss: NameLoss): Promise<boolean> {
  return simulate(seed * 1000 + count, async (world) => {
    const node = world.addNode('a', { diskFaults: { ...SOUND_DISK, nameLoss } });
    const store = await open(node.environment);
    for (const id of [1, 2]) await publish(store, id);
    const crashed = node.crashAtDiskOperation(count).then(() => 'crashed');
    const outcome = await Promise.race([crashed, publish(store, 3)]);
    const isOver = outcome !== 'crashed';
    const again = await open(node.restart());
    expect(isOver ? [3] : [2, 3]).toContain(await found(again));
    expect(again.problems).toEqual([]);
    await publish(again, 4);
    expect(await found(again)).toBe(4);
    return isOver;
  });
}

describe('SnapshotStore: a crash', () => {
  it('never takes back a snapshot that an open has found, though its rename was not synced', () =>
    inWorld(async (node) => {
      const crashLoss = { lossProbability: 1, exposesGarbage: false };
      node.drive.faults = { ...SOUND_DISK, crashLoss };
      const store = await open(node.environment);
      await publish(store, 1);
      node.drive.injectNext('syncDirectory', { kind: 'error', code: 'EIO' });
      await expect(publish(store, 2)).rejects.toMatchObject({ code: 'EIO' });
      node.kill();
      expect(await found(await open(node.restart()))).toBe(2);
      expect(await found(await open(node.restart()))).toBe(2);
    }));

  it.each(['suffix', 'subset'] as const)(
    'at every disk operation of a publication leaves the old one or the new one, never a mixture (names: %s)',
    async (nameLoss) => {
      let isOver = false;
      for (let count = 1; !isOver; count++) {
        for (const seed of [1, 2, 3, 4]) isOver = await crashAt(count, seed, nameLoss);
        expect(count).toBeLessThan(100);
      }
    },
  );
});
