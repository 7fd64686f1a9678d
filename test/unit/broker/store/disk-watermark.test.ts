import { describe, expect, it } from '@jest/globals';
import { simulate } from '../../../simulation/world.ts';
import { DEFAULT_WATERMARKS } from '../../../../broker/store/core/watermark-policy.ts';
import { DiskWatermark } from '../../../../broker/store/disk-watermark.ts';

describe('DiskWatermark', () => {
  it('tells each change of state, keeps the last one over a failed look, and stops', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a', { diskCapacityBytes: 1000 });
      const { disk, timers } = node.environment;
      const file = await disk.open('/filler', { create: true });
      const watermark = new DiskWatermark(disk, timers, {
        directory: '/',
        intervalMs: 100,
        watermarks: DEFAULT_WATERMARKS,
      });
      const seen: string[] = [];
      watermark.onChange(({ state, mustFreeBytes }, before) =>
        seen.push(`${before} ${state} ${mustFreeBytes}`),
      );
      watermark.onFailure(({ code }) => seen.push(code));
      await watermark.start();
      for (const bytes of [760, 860, 950, 850, 100]) {
        await file.truncate(bytes);
        await world.sleep(250);
      }
      node.drive.injectNext('space', { kind: 'error', code: 'EIO' });
      await world.sleep(250);
      expect(seen).toEqual([
        'ok cleanup 0',
        'cleanup forced 30',
        'forced full 120',
        'full forced 20',
        'forced ok 0',
        'EIO',
      ]);
      watermark.stop();
      const looks = node.drive.operationCount('space');
      await world.sleep(1000);
      expect(node.drive.operationCount('space')).toBe(looks);
    });
  });
});
