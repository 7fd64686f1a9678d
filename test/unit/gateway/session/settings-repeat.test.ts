import { describe, expect, it } from '@jest/globals';
import { SettingsRepeat } from '../../../../gateway/session/settings-repeat.ts';
import { ManualTime } from '../../../support/manual-time.ts';

function create() {
  const time = new ManualTime();
  const sentAtMs: number[] = [];
  const repeat = new SettingsRepeat(time, () => sentAtMs.push(time.monotonicMs()));
  return { time, sentAtMs, repeat };
}

describe('repeated Settings', () => {
  it('come soon, then ever more slowly, and end', () => {
    const { time, sentAtMs, repeat } = create();
    repeat.start();
    time.advance(600_000);
    expect(sentAtMs).toEqual([50, 150, 400, 1_000, 2_500, 5_000, 9_000, 15_000, 30_000]);
    expect(time.waiting).toBe(0);
  });

  it('end with one more at the first heartbeat', () => {
    const { time, sentAtMs, repeat } = create();
    repeat.start();
    time.advance(500);
    repeat.settle();
    repeat.settle();
    time.advance(600_000);
    expect(sentAtMs).toEqual([50, 150, 400, 500]);
  });

  it('do not begin anew with later Settings, and never after the stream is over', () => {
    const { time, sentAtMs, repeat } = create();
    repeat.start();
    time.advance(60);
    repeat.start();
    repeat.stop();
    repeat.start();
    time.advance(600_000);
    expect(sentAtMs).toEqual([50]);
  });
});
