import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  planDrain,
  QUIET_LOOKS_MIN,
  type DrainInput,
} from '../../../../../../operator/reconcile/cluster/core/drain-plan.ts';

const BASE: DrainInput = {
  ...{ isWanted: false, sinceMs: 1_000, nowMs: 2_000, timeoutMs: 10_000, isUnused: false },
  ...{ progress: { lag: 0, writableTopics: 0 }, quietLooks: QUIET_LOOKS_MIN },
};

describe('the plan of a drain', () => {
  it.each<[string, Partial<DrainInput>, string]>([
    ['a group that is wanted runs', { isWanted: true }, 'running'],
    ['one that was never used goes at once', { isUnused: true, sinceMs: undefined }, 'removing'],
    ['consumers have it all, seen twice', {}, 'removing'],
    ['seen once only', { quietLooks: 1 }, 'draining'],
    ['it has just begun', { sinceMs: undefined }, 'draining'],
    ['messages are left', { progress: { lag: 1, writableTopics: 0 } }, 'draining'],
    ['a topic still takes messages', { progress: { lag: 0, writableTopics: 1 } }, 'draining'],
    ['it cannot be asked', { progress: { lag: undefined, writableTopics: undefined } }, 'draining'],
    ['the time is over', { progress: { lag: 9, writableTopics: 0 }, nowMs: 11_000 }, 'removing'],
  ])('%s', (_case, facts, state) => {
    expect(planDrain({ ...BASE, ...facts }).state).toBe(state);
  });

  it('never lets a group go that may have messages for consumers, before the time that it names', () => {
    const lag = fc.option(fc.nat(3), { nil: undefined });
    fc.assert(
      fc.property(
        lag,
        lag,
        fc.nat(20_000),
        fc.nat(5),
        (left, writableTopics, nowMs, quietLooks) => {
          const input = { ...BASE, nowMs, quietLooks, progress: { lag: left, writableTopics } };
          const plan = planDrain(input);
          if (plan.state !== 'removing' || nowMs >= (plan.untilMs ?? 0)) return;
          expect([left, writableTopics]).toEqual([0, 0]);
          expect(plan.isForced).toBe(false);
        },
      ),
    );
  });
});
