import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { describeTimersPort } from '../support/timers-port-suite.ts';
import { SIM_EPOCH_MS } from './sim-clock.ts';
import { simulate, World } from './world.ts';

for (const drift of [0, 0.001, -0.001]) {
  describeTimersPort(`simulated, drift ${drift}`, () => {
    const world = new World(1);
    const skew = { wallOffsetMs: 0, drift };
    const { clock, timers } = world.addNode('a', { skew }).environment;
    return { clock, timers, run: (body) => world.run(body) };
  });
}

describe('SimTimers', () => {
  it('keep "at least" on a clock of any drift, at any time, for any delay', async () => {
    const property = fc.asyncProperty(
      fc.double({ min: -0.01, max: 0.01, noNaN: true }),
      fc.double({ min: 0, max: 1e12, noNaN: true }),
      fc.double({ min: 0, max: 1e11, noNaN: true }),
      async (drift, startMs, delayMs) => {
        await simulate(1, async (world) => {
          await world.sleep(startMs);
          const skew = { wallOffsetMs: 0, drift };
          const { clock, timers } = world.addNode('a', { skew }).environment;
          const dueMs = clock.monotonicMs() + delayMs;
          await new Promise<void>((resolve) => timers.after(delayMs, resolve));
          expect(clock.monotonicMs()).toBeGreaterThanOrEqual(dueMs);
        });
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });

  it('pass a year in no time', async () => {
    await simulate(1, async (world) => {
      const { clock, timers } = world.addNode('a').environment;
      const yearMs = 365 * 24 * 3_600_000;
      await new Promise<void>((resolve) => timers.after(yearMs, resolve));
      expect(clock.nowMs()).toBe(SIM_EPOCH_MS + yearMs);
    });
  });

  it('die with the process that set them', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a');
      let runs = 0;
      node.environment.timers.after(5, () => runs++);
      node.environment.timers.soon(() => runs++);
      node.restart();
      await world.sleep(10);
      expect(runs).toBe(0);
    });
  });

  it('of a stopped process fire when it is continued, in order', async () => {
    await simulate(1, async (world) => {
      const node = world.addNode('a');
      const seen: string[] = [];
      for (const delayMs of [9, 3, 6]) {
        node.environment.timers.after(delayMs, () =>
          seen.push(`${delayMs} at ${world.scheduler.nowMs}`),
        );
      }
      await world.sleep(4);
      node.process.stop();
      await world.sleep(46);
      expect(seen).toEqual(['3 at 3']);
      node.process.continue();
      await world.sleep(1);
      expect(seen).toEqual(['3 at 3', '6 at 50', '9 at 50']);
    });
  });
});

describe('SimClock', () => {
  it('may be wrong by an offset, jump, and run too fast; its monotonic side never jumps', async () => {
    await simulate(1, async (world) => {
      const skew = { wallOffsetMs: -5_000, drift: 0.001 };
      const { clock } = world.addNode('a', { skew });
      await world.sleep(100_000);
      expect(clock.nowMs()).toBe(SIM_EPOCH_MS - 5_000 + 100_100);
      clock.jump(-60_000);
      expect(clock.nowMs()).toBe(SIM_EPOCH_MS - 65_000 + 100_100);
      expect(clock.monotonicMs()).toBeCloseTo(100_100);
    });
  });
});
