import { describe, expect, it } from '@jest/globals';
import { Deadlines } from '../../../../broker/consume/deadlines.ts';
import { QueueProgress, type Pending } from '../../../../broker/consume/core/queue-progress.ts';
import type { Timers } from '../../../../common/environment/timers.ts';
import { simulate, type World } from '../../../simulation/world.ts';
import { ManualTime } from '../../../support/manual-time.ts';

/** Precision that the class promises. */
const GRANULE_MS = 10;

function pendings(count: number): Pending[] {
  const progress = new QueueProgress({ groupId: 1, topicId: 1, queueId: 0, queueNo: 0 }, 0);
  return Array.from({ length: count }, (_, offset) => progress.begin(offset));
}

interface Stage {
  world: World;
  deadlines: Deadlines;
  /** When each one became due, in order. */
  due: { pending: Pending; atMs: number }[];
  schedule: (pending: Pending, atMs: number) => void;
}

const withDeadlines = (body: (stage: Stage) => Promise<void>) => (): Promise<void> =>
  simulate(7, async (world) => {
    const { clock, timers } = world.addNode('n').environment;
    const due: Stage['due'] = [];
    const deadlines = new Deadlines(clock, timers, (pending) => {
      due.push({ pending, atMs: clock.monotonicMs() });
    });
    const schedule = (pending: Pending, atMs: number): void => {
      pending.dueAtMs = atMs;
      deadlines.schedule(pending);
    };
    await body({ world, deadlines, due, schedule });
  });

describe('deadlines', () => {
  it(
    'are never early, late by at most one granule, and end in the order of their granules',
    withDeadlines(async ({ world, due, schedule }) => {
      const all = pendings(500);
      for (const pending of all) schedule(pending, world.random.between(0, 3_000));
      await world.sleep(3_100);
      expect(due).toHaveLength(500);
      for (const { pending, atMs } of due) {
        expect(atMs).toBeGreaterThanOrEqual(pending.dueAtMs);
        expect(atMs - pending.dueAtMs).toBeLessThanOrEqual(GRANULE_MS + 0.001);
      }
      const granules = due.map(({ pending }) => Math.ceil(pending.dueAtMs / GRANULE_MS));
      expect(granules).toEqual([...granules].sort((a, b) => a - b));
    }),
  );

  it(
    'that are moved end once, at their last place; removed ones never do',
    withDeadlines(async ({ world, deadlines, due, schedule }) => {
      const all = pendings(300);
      const { random } = world;
      for (const pending of all) schedule(pending, random.between(500, 2_000));
      const removed = new Set<Pending>();
      for (let i = 0; i < 1_000; i++) {
        const pending = random.pick(all);
        removed.delete(pending);
        if (random.chance(0.3)) {
          deadlines.remove(pending);
          removed.add(pending);
        } else schedule(pending, random.between(500, 2_000));
        expect(deadlines.count).toBe(300 - removed.size);
      }
      await world.sleep(2_100);
      expect(new Set(due.map(({ pending }) => pending))).toEqual(
        new Set(all.filter((pending) => !removed.has(pending))),
      );
      expect(due).toHaveLength(300 - removed.size);
      for (const { pending, atMs } of due) {
        expect(atMs - pending.dueAtMs).toBeGreaterThanOrEqual(0);
        expect(atMs - pending.dueAtMs).toBeLessThanOrEqual(GRANULE_MS + 0.001);
      }
      expect(deadlines.count).toBe(0);
    }),
  );

  it(
    'may be scheduled, moved and removed while others end',
    withDeadlines(async ({ world }) => {
      const { clock, timers } = world.addNode('m').environment;
      const [again, first, victim, moved] = pendings(4);
      const ended: number[] = [];
      const deadlines = new Deadlines(clock, timers, (pending) => {
        ended.push(pending.offset);
        if (pending !== first) return;
        deadlines.remove(victim!);
        for (const later of [again!, moved!]) {
          later.dueAtMs = clock.monotonicMs() + 50;
          deadlines.schedule(later);
        }
      });
      for (const pending of [victim!, moved!, first!]) {
        pending.dueAtMs = 100;
        deadlines.schedule(pending);
      }
      await world.sleep(120);
      expect(ended).toEqual([1]);
      await world.sleep(60);
      expect(ended.sort()).toEqual([0, 1, 3]);
      expect(deadlines.count).toBe(0);
    }),
  );

  it(
    'that lie in the past end in the next turn, not inside the call',
    withDeadlines(async ({ world, due, schedule }) => {
      await world.sleep(1_000);
      const [pending] = pendings(1);
      schedule(pending!, 200);
      expect(due).toHaveLength(0);
      await world.sleep(1);
      expect(due).toHaveLength(1);
    }),
  );

  it(
    'never end once closed, whatever is scheduled afterwards',
    withDeadlines(async ({ world, deadlines, due, schedule }) => {
      const [one, other] = pendings(2);
      schedule(one!, 100);
      deadlines.close();
      schedule(other!, 50);
      await world.sleep(1_000);
      expect(due).toEqual([]);
    }),
  );

  it('that end by the thousand leave the event loop in between, and are all handled', () => {
    const time = new ManualTime();
    const perTurn: number[] = [];
    let thisTurn = 0;
    const timers: Timers = {
      soon: (task) => {
        time.soon(task);
      },
      after: (delayMs, task) =>
        time.after(delayMs, () => {
          thisTurn = 0;
          task();
          perTurn.push(thisTurn);
        }),
    };
    const deadlines = new Deadlines(time, timers, () => {
      thisTurn++;
    });
    const all = pendings(25_000);
    all.forEach((pending, i) => {
      pending.dueAtMs = 100 + (i % 20);
      deadlines.schedule(pending);
    });
    time.advance(1_000);
    expect(perTurn.reduce((sum, count) => sum + count, 0)).toBe(25_000);
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(1_000);
    expect(all.every(({ bucket, slot }) => bucket === -1 && slot === -1)).toBe(true);
  });

  it('leave nothing behind: one timer at most while something waits, none when nothing does', () => {
    const time = new ManualTime();
    const deadlines = new Deadlines(time, time, () => undefined);
    const all = pendings(50);
    for (let round = 0; round < 2_000; round++) {
      const pending = all[round % all.length]!;
      pending.dueAtMs = round * 7 + 30_000;
      deadlines.schedule(pending);
      if (round % 3 === 0) deadlines.remove(pending);
      expect(time.waiting).toBeLessThanOrEqual(1);
      time.advance(1);
    }
    time.advance(100_000);
    expect([deadlines.count, time.waiting]).toEqual([0, 0]);
  });
});
