import { describe, expect, it } from '@jest/globals';
import { fetchSnapshot, type FetchedSnapshot } from '../../../../broker/ha/snapshot-fetch.ts';
import {
  incomingDirectory,
  SnapshotInstallation,
} from '../../../../broker/ha/snapshot-installation.ts';
import { SNAPSHOT_RANGE_BYTES } from '../../../../broker/ha/snapshot-transfer.ts';
import { SnapshotStore } from '../../../../broker/store/snapshot/snapshot-store.ts';
import { isStoreError } from '../../../../broker/store/store-error.ts';
import { assert } from '../../../../common/assert.ts';
import { epoch, type PhysicalOffset } from '../../../../common/model/offsets.ts';
import { simulate, type World } from '../../../simulation/world.ts';
import { TestMember, until } from './ha-kit.ts';

const SECTION_BYTES = 1_700_000;

interface Scene {
  readonly world: World;
  readonly a: TestMember;
  readonly b: TestMember;
}

/** A master whose log no longer begins at 0, and a slave that lacks what is gone. */
function withScene(
  body: (scene: Scene) => Promise<void>,
  sectionBytes = SECTION_BYTES,
): Promise<void> {
  return simulate(3, async (world) => {
    const a = await TestMember.start(world, 'a');
    const b = await TestMember.start(world, 'b');
    for (const term of [1, 2]) {
      await a.becomeMaster(term);
      a.putMany(300, `${term}/`);
      await until(world, () => a.log.durableOffset === a.log.endOffset, 'written');
    }
    await publish(a, a.log.durableOffset, sectionBytes);
    await a.log.deleteSegmentsBefore(a.log.durableOffset);
    a.putMany(20, 'tail');
    await b.log.sync();
    await body({ world, a, b });
  });
}

async function publish(
  member: TestMember,
  end: PhysicalOffset,
  sectionBytes = SECTION_BYTES,
): Promise<void> {
  const store = await SnapshotStore.open('/data/snapshot', member.node.environment.disk);
  const writer = await store.create(end);
  for (let section = 0; section < 3; section += 1)
    await writer.section(section, Buffer.alloc(sectionBytes, section + 1));
  await writer.publish(end);
}

const fetch = ({ a, b }: Scene, term = 2): Promise<FetchedSnapshot> =>
  fetchSnapshot({
    channel: b.channelTo(a),
    disk: b.node.environment.disk,
    directory: incomingDirectory('/data'),
    brokerName: 'g',
    memberName: 'b',
    epoch: epoch(term),
  });

describe('a snapshot of the master', () => {
  it('arrives whole, over several ranges', async () => {
    await withScene(async (scene) => {
      const { a, b } = scene;
      const fetched = await fetch(scene);
      expect(fetched.endOffset).toBeLessThanOrEqual(a.log.durableOffset);
      expect(fetched.logStartOffset).toBe(a.log.startOffset);
      expect(fetched.epochs).toEqual(a.replica.history.starts);
      const theirs = a.node.drive.contentOf(`/data/snapshot/${fetched.file}`);
      assert(theirs !== undefined, 'the master has the file');
      expect(theirs.length).toBeGreaterThan(SNAPSHOT_RANGE_BYTES);
      const ours = b.node.drive.contentOf(`/data/incoming/${fetched.file}`);
      expect(ours?.equals(theirs)).toBe(true);
    });
  });

  it('is fetched anew when the master deletes it on the way', async () => {
    await withScene(async (scene) => {
      const { world, a } = scene;
      const fetching = fetch(scene);
      await until(
        world,
        () => scene.b.node.drive.operationCount() > 0 && isUnderWay(scene),
        'the first range',
      );
      for (let n = 0; n < 2; n += 1) await publish(a, a.log.durableOffset);
      const fetched = await fetching;
      expect(fetched.file).toBe('0000000003.snapshot');
    }, 2 * SECTION_BYTES);
  });

  it('is an older one when the newest is damaged', async () => {
    await withScene(async (scene) => {
      const { a } = scene;
      await publish(a, a.log.durableOffset);
      a.node.drive.corrupt('/data/snapshot/0000000002.snapshot', 3_000_000);
      expect((await fetch(scene)).file).toBe('0000000001.snapshot');
    });
  });

  it('is refused to the member of another epoch, and when there is none', async () => {
    await withScene(async (scene) => {
      await expect(fetch(scene, 1)).rejects.toMatchObject({ rpcStatus: 14 });
      scene.a.node.drive.corrupt('/data/snapshot/0000000001.snapshot', 3_000_000);
      await expect(fetch(scene)).rejects.toMatchObject({ rpcStatus: 14 });
    });
  });

  it('is not taken when the disk has no room', async () => {
    await withScene(async (scene) => {
      scene.b.node.drive.capacityBytes = 1_000_000;
      const full: unknown = await fetch(scene).catch((error: unknown) => error);
      expect(isStoreError(full) && full.kind).toBe('disk-full');
    });
  });
});

const isUnderWay = ({ b }: Scene): boolean =>
  (b.node.drive.contentOf('/data/incoming/0000000001.snapshot')?.length ?? 0) > 0;

/** What a member does that is told to install: see the table in snapshot-installation.ts. */
async function install(scene: Scene): Promise<void> {
  const { world, a, b } = scene;
  const { environment } = b.node;
  const pending = await SnapshotInstallation.pending('/data', environment, b.replica);
  const installation =
    pending ??
    (await SnapshotInstallation.begin('/data', environment, b.replica, await fetch(scene)));
  await b.openAgain();
  await b.follow(a, 2);
  await until(world, () => installation.isEnough(b.log.durableOffset), 'streamed');
  await b.stop();
  await b.log.close();
  await installation.complete();
}

describe('the installation of a snapshot', () => {
  it('leaves a log from the start of the master on, and the snapshot', async () => {
    await withScene(async (scene) => {
      const { world, a, b } = scene;
      b.putMany(5, 'of another history');
      await b.log.close();
      await install(scene);
      await b.openAgain();
      expect(b.log.startOffset).toBe(a.log.startOffset);
      await b.follow(a, 2);
      await until(world, () => b.log.durableOffset === a.log.endOffset, 'following');
      expect(await b.texts()).toEqual(await a.texts());
      const store = await SnapshotStore.open('/data/snapshot', b.node.environment.disk);
      expect((await store.latest())?.begin).toBeLessThanOrEqual(b.log.endOffset);
      expect(await b.node.environment.disk.list('/data/incoming')).toEqual([]);
      expect(b.events.filter((event) => event === 'snapshot' || event.startsWith('rew'))).toEqual(
        [],
      );
    });
  });

  it('goes on after a crash at any step', async () => {
    for (let crashAt = 1; crashAt < 90; crashAt += 4) {
      await withScene(async (scene) => {
        const { a, b } = scene;
        await b.log.close();
        await Promise.race([
          b.node.crashAtDiskOperation(b.node.drive.operationCount() + crashAt),
          install(scene),
        ]);
        b.node.crash();
        await b.boot();
        await install(scene);
        const store = await SnapshotStore.open('/data/snapshot', b.node.environment.disk);
        const snapshot = await store.latest();
        await b.openAgain();
        expect(snapshot?.end).toBeLessThanOrEqual(b.log.endOffset);
        expect(b.log.startOffset).toBe(a.log.startOffset);
      }, 1_000);
    }
  });
});
