import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { pollingBudgetMs } from '../../../gateway/polling-budget.ts';

const usual = {
  requestedMs: undefined,
  settingsMs: undefined,
  defaultMs: 20_000,
  maxMs: 30_000,
  remainingMs: undefined,
};

describe('the polling budget', () => {
  it.each([
    ['what the request asks for', { requestedMs: 5_000 }, 5_000],
    ['at once when the request says 0', { requestedMs: 0 }, 0],
    ['the limit of the server', { requestedMs: 90_000 }, 30_000],
    ['what Settings said when the request says nothing', { settingsMs: 7_000 }, 7_000],
    ['the default when Settings say 0, which is how Go says nothing', { settingsMs: 0 }, 20_000],
    [
      'a margin less than a deadline equal to the polling time (Rust)',
      { requestedMs: 40_000, remainingMs: 40_000 },
      30_000,
    ],
    ['a margin less than a short such deadline', { requestedMs: 5_000, remainingMs: 5_000 }, 4_500],
    ['within the 3 s of a Go consumer that never asks', { remainingMs: 3_000 }, 2_700],
    ['no lower limit', { requestedMs: 50, remainingMs: 3_000 }, 50],
    ['at once when the deadline is nearly over', { requestedMs: 5_000, remainingMs: 15 }, 0],
  ])('is %s', (_name, times, expected) => {
    expect(pollingBudgetMs({ ...usual, ...times })).toBe(expected);
  });

  it('is never negative, never above the limit, and always ends before the deadline', () => {
    const maybe = fc.option(fc.nat(100_000), { nil: undefined });
    fc.assert(
      fc.property(maybe, maybe, maybe, (requestedMs, settingsMs, remainingMs) => {
        const budgetMs = pollingBudgetMs({ ...usual, requestedMs, settingsMs, remainingMs });
        expect(budgetMs).toBeGreaterThanOrEqual(0);
        expect(budgetMs).toBeLessThanOrEqual(usual.maxMs);
        if (remainingMs !== undefined && remainingMs > 0)
          expect(budgetMs).toBeLessThan(remainingMs);
      }),
    );
  });
});
