import { describe, expect, it } from '@jest/globals';
import type { Environment } from '../../common/environment/environment.ts';

export interface TimersHarness extends Pick<Environment, 'clock' | 'timers'> {
  /** Runs the body of the test; simulated time only passes inside. */
  run(body: () => Promise<void>): Promise<void>;
}

const MONTH_MS = 30 * 24 * 3_600_000;

/** What every pair of clock and timers must do. */
export function describeTimersPort(name: string, makeHarness: () => TimersHarness): void {
  const claim = (text: string, body: (harness: TimersHarness) => Promise<void>): void => {
    it(text, async () => {
      const harness = makeHarness();
      await harness.run(() => body(harness));
    });
  };

  describe(`${name}: timers`, () => {
    claim('never run a task before its delay has passed', async ({ clock, timers }) => {
      const delaysMs = [0, 0.3, 1, 1.7, 2, 3.5, 5, 7, 9, 12];
      const early = await Promise.all(
        delaysMs.map(
          (delayMs) =>
            new Promise<boolean>((resolve) => {
              const startMs = clock.monotonicMs();
              timers.after(delayMs, () => resolve(clock.monotonicMs() - startMs < delayMs));
            }),
        ),
      );
      expect(early).not.toContain(true);
    });

    claim('never run a task inside the call that schedules it', async ({ timers }) => {
      const seen: string[] = [];
      const both = Promise.all([
        new Promise<void>((resolve) => timers.after(0, () => resolve(void seen.push('after')))),
        new Promise<void>((resolve) => timers.soon(() => resolve(void seen.push('soon')))),
      ]);
      expect(seen).toEqual([]);
      await both;
      expect(seen.sort()).toEqual(['after', 'soon']);
    });

    claim('run tasks in the order in which they are due', async ({ timers }) => {
      const seen: number[] = [];
      const delaysMs = [30, 5, 18];
      await Promise.all(
        delaysMs.map(
          (delayMs) =>
            new Promise<void>((resolve) => {
              timers.after(delayMs, () => resolve(void seen.push(delayMs)));
            }),
        ),
      );
      expect(seen).toEqual([5, 18, 30]);
    });

    claim('forget a task that was cancelled', async ({ timers }) => {
      let hasRun = false;
      const handle = timers.after(2, () => (hasRun = true));
      handle.cancel();
      handle.cancel();
      await new Promise<void>((resolve) => timers.after(15, resolve));
      expect(hasRun).toBe(false);
    });

    claim('do not mind a cancel after the task has run', async ({ timers }) => {
      let runs = 0;
      const handle = timers.after(1, () => runs++);
      await new Promise<void>((resolve) => timers.after(15, resolve));
      handle.cancel();
      expect(runs).toBe(1);
    });

    claim('wait for longer than 2^31 milliseconds', async ({ timers }) => {
      let hasRun = false;
      const handles = [MONTH_MS, 365 * 24 * 3_600_000, 2 ** 31].map((delayMs) =>
        timers.after(delayMs, () => (hasRun = true)),
      );
      await new Promise<void>((resolve) => timers.after(20, resolve));
      expect(hasRun).toBe(false);
      for (const handle of handles) handle.cancel();
    });

    claim('refuse a delay that makes no sense', async ({ timers }) => {
      for (const delayMs of [-1, NaN, Infinity]) {
        expect(() => timers.after(delayMs, () => undefined)).toThrow();
      }
    });

    claim('run soon what is wanted soon, in order, before any later delay', async ({ timers }) => {
      const seen: string[] = [];
      await new Promise<void>((resolve) => {
        timers.after(500, () => resolve(void seen.push('late')));
        timers.soon(() => {
          seen.push('first');
          timers.soon(() => seen.push('third'));
        });
        timers.soon(() => seen.push('second'));
      });
      expect(seen).toEqual(['first', 'second', 'third', 'late']);
    });
  });

  describe(`${name}: clock`, () => {
    claim('never goes back, and goes on while a timer waits', async ({ clock, timers }) => {
      const readings = [clock.monotonicMs()];
      for (let i = 0; i < 3; i++) {
        await new Promise<void>((resolve) => timers.after(2, resolve));
        readings.push(clock.monotonicMs());
      }
      expect(readings.every((value, i) => i === 0 || value >= readings[i - 1]! + 2)).toBe(true);
    });

    claim('tells the wall time in whole milliseconds of this century', async ({ clock }) => {
      const nowMs = clock.nowMs();
      expect(Number.isSafeInteger(nowMs)).toBe(true);
      expect(nowMs).toBeGreaterThan(Date.UTC(2020, 0, 1));
      expect(nowMs).toBeLessThan(Date.UTC(2100, 0, 1));
    });
  });
}
