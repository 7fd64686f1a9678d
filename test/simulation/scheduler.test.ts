import { describe, expect, it } from '@jest/globals';
import { Scheduler } from './scheduler.ts';

describe('Scheduler', () => {
  it('runs events by time, and those of one moment in the order of their scheduling', async () => {
    const scheduler = new Scheduler();
    const seen: string[] = [];
    for (const [delayMs, name] of [
      [5, 'c'],
      [1, 'a'],
      [5, 'd'],
      [1, 'b'],
    ] as const) {
      scheduler.schedule(delayMs, name, () => seen.push(name));
    }
    await scheduler.runToEnd();
    expect(seen.join('')).toBe('abcd');
    expect(scheduler.nowMs).toBe(5);
  });

  it('finishes everything that follows from an event before the next one', async () => {
    const scheduler = new Scheduler();
    const seen: string[] = [];
    const chain = async (): Promise<void> => {
      for (let i = 0; i < 500; i++) await Promise.resolve();
      await new Promise<void>((resolve) => process.nextTick(resolve));
      await new Promise<void>((resolve) => queueMicrotask(resolve));
      seen.push('first');
    };
    scheduler.schedule(1, 'first', () => void chain());
    scheduler.schedule(1, 'second', () => seen.push('second'));
    await scheduler.runToEnd();
    expect(seen).toEqual(['first', 'second']);
  });

  it('runs many events in order', async () => {
    const scheduler = new Scheduler();
    let lastMs = -1;
    for (let i = 0; i < 3_000; i++) {
      const atMs = (i * 7_919) % 1_009;
      scheduler.schedule(atMs, 'event', () => {
        expect(scheduler.nowMs).toBe(atMs);
        expect(atMs).toBeGreaterThanOrEqual(lastMs);
        lastMs = atMs;
      });
    }
    await scheduler.runToEnd();
    expect(scheduler.eventCount).toBe(3_000);
  });

  it('says so when the result can never come', async () => {
    const scheduler = new Scheduler();
    scheduler.schedule(1, 'something else', () => undefined);
    const never = scheduler.runUntil(new Promise(() => undefined));
    await expect(never).rejects.toThrow(/no event is left.*\n.*something else/);
  });

  it('ends a run that would go on for ever', async () => {
    const scheduler = new Scheduler();
    const again = (): void => void scheduler.schedule(1, 'again', again);
    again();
    const never = scheduler.runUntil(new Promise(() => undefined), { eventCountMax: 100 });
    await expect(never).rejects.toThrow(/too many events/);
  });

  it('fails the run when an event throws, and when a check does', async () => {
    const scheduler = new Scheduler();
    scheduler.schedule(1, 'bad', () => {
      throw new Error('thrown by an event');
    });
    await expect(scheduler.runToEnd()).rejects.toThrow('thrown by an event');
    const endCheck = scheduler.addCheck(() => {
      throw new Error('thrown by a check');
    });
    scheduler.schedule(1, 'good', () => undefined);
    await expect(scheduler.runToEnd()).rejects.toThrow('thrown by a check');
    endCheck();
    scheduler.schedule(1, 'good', () => undefined);
    await scheduler.runToEnd();
  });

  it('stands at the end of the time it was told to run for', async () => {
    const scheduler = new Scheduler();
    const seen: number[] = [];
    for (const delayMs of [3, 10, 11]) scheduler.schedule(delayMs, 'x', () => seen.push(delayMs));
    await scheduler.runFor(10);
    expect(seen).toEqual([3, 10]);
    expect(scheduler.nowMs).toBe(10);
  });
});
