import { describe, expect, it } from '@jest/globals';
import { ReplicaFile } from '../../../../broker/ha/replica-file.ts';
import { isStoreError } from '../../../../broker/store/store-error.ts';
import type { EpochStart } from '../../../../common/model/broker-group.ts';
import { epoch } from '../../../../common/model/offsets.ts';
import { simulate } from '../../../simulation/world.ts';

const starts = (...pairs: [number, number][]): EpochStart[] =>
  pairs.map(([term, startOffset]) => ({ epoch: epoch(term), startOffset }));

describe('the file of a member', () => {
  it('keeps epochs over a restart, and never accepts a lower one', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('n');
      const file = await ReplicaFile.open('/data', node.environment.disk);
      expect([file.acceptedEpoch, file.history.starts]).toEqual([0, []]);
      await file.accept(7);
      await file.accept(5);
      await file.beginEpoch(6, 0, true);
      await file.beginEpoch(7, 400, false);
      node.crash();
      const again = await ReplicaFile.open('/data', node.restart().disk);
      expect(again.acceptedEpoch).toBe(7);
      expect(again.history.starts).toEqual(starts([6, 0], [7, 400]));
      expect([again.isOwnEpoch(6), again.isOwnEpoch(7)]).toEqual([true, false]);
      await again.truncateHistory(400);
      expect(again.history.starts).toEqual(starts([6, 0]));
      await again.beginEpoch(6, 300, false);
      expect([again.isOwnEpoch(6), again.history.starts]).toEqual([false, starts([6, 0])]);
    });
  });

  it('is whole after a crash at any step, with the old content or the new one', async () => {
    for (let crashAt = 1; crashAt < 40; crashAt += 1) {
      await simulate(crashAt, async (world) => {
        const node = world.addNode('n');
        const promised: number[] = [];
        const work = async (): Promise<void> => {
          const file = await ReplicaFile.open('/data', node.environment.disk);
          for (const term of [1, 2, 3]) {
            await file.accept(term);
            promised.push(term);
          }
        };
        await Promise.race([node.crashAtDiskOperation(crashAt), work()]);
        node.crash();
        const again = await ReplicaFile.open('/data', node.restart().disk);
        expect(again.acceptedEpoch).toBeGreaterThanOrEqual(promised.at(-1) ?? 0);
      });
    }
  });

  it('is refused when it is damaged', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('n');
      const file = await ReplicaFile.open('/data', node.environment.disk);
      await file.accept(7);
      node.drive.corrupt('/data/replica', 30);
      const opening = ReplicaFile.open('/data', node.environment.disk);
      const error: unknown = await opening.catch((caught: unknown) => caught);
      expect(isStoreError(error) && error.kind).toBe('corrupt');
    });
  });

  it('changes nothing in memory that the disk refuses', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('n');
      const file = await ReplicaFile.open('/data', node.environment.disk);
      node.drive.injectNext('write', { kind: 'error', code: 'EIO' });
      await expect(file.accept(7)).rejects.toMatchObject({ code: 'EIO' });
      expect(file.acceptedEpoch).toBe(0);
      await file.accept(7);
      expect(file.acceptedEpoch).toBe(7);
    });
  });

  it('is brought in line with the log after a recovery', async () => {
    await simulate(1, async (world) => {
      const file = await ReplicaFile.open('/data', world.addNode('n').environment.disk);
      await file.beginEpoch(2, 100, true);
      await file.beginEpoch(3, 500, true);
      await file.reconcile(500, starts([2, 300]));
      expect(file.history.starts).toEqual(starts([2, 100]));
      await file.reconcile(900, starts([2, 300], [4, 600]));
      expect(file.history.starts).toEqual(starts([2, 100], [4, 600]));
      expect(file.acceptedEpoch).toBe(4);
    });
  });

  it('takes a log from before the first master for its own from the beginning', async () => {
    await simulate(1, async (world) => {
      const file = await ReplicaFile.open('/data', world.addNode('n').environment.disk);
      await file.reconcile(900, starts([0, 300]));
      expect(file.history.starts).toEqual(starts([0, 0]));
      expect(file.isOwnEpoch(0)).toBe(true);
    });
  });
});
