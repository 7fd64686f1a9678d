import { describe, expect, it } from '@jest/globals';
import { ConfirmDeadlines } from '../../../broker/confirm-deadlines.ts';
import { isMqError } from '../../../common/errors/mq-error.ts';
import { simulate } from '../../simulation/world.ts';

const LIMIT_MS = 100;

async function outcome(work: Promise<string>): Promise<string> {
  return work.catch((error: unknown) => (isMqError(error) ? error.code : String(error)));
}

describe('confirm deadlines', () => {
  it('give what the work gives while it is in time, and end the wait when it is not', () =>
    simulate(1, async (world) => {
      const deadlines = new ConfirmDeadlines(world.addNode('b').environment, LIMIT_MS);
      const after = (ms: number, value: string): Promise<string> =>
        world.sleep(ms).then(() => value);
      const startMs = world.scheduler.nowMs;
      const endedMs: number[] = [];
      const ask = async (work: Promise<string>): Promise<string> => {
        const said = await outcome(deadlines.within(work));
        endedMs.push(Math.round(world.scheduler.nowMs - startMs));
        return said;
      };
      const answers = await Promise.all([
        ask(after(50, 'quick')),
        ask(after(10_000, 'slow')),
        ask(Promise.reject(new Error('broken'))),
        world.sleep(60).then(() => ask(new Promise<string>(() => undefined))),
        world.sleep(120).then(() => ask(after(90, 'late and quick'))),
      ]);
      expect(answers).toEqual([
        ...['quick', 'confirm-timeout', 'Error: broken', 'confirm-timeout'],
        'late and quick',
      ]);
      const [, , , last] = endedMs.toSorted((a, b) => a - b);
      expect(last).toBeGreaterThanOrEqual(160);
      expect(last).toBeLessThan(200);
    }));
});
