import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isSharedWith, winnerOver } from '../../../../../operator/reconcile/core/conflict.ts';

describe('a conflict', () => {
  const any = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      uid: fc.string({ minLength: 1, maxLength: 3 }),
      createdAt: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
      isDeleting: fc.boolean(),
    }),
    { selector: ({ uid }) => uid, minLength: 1, maxLength: 5 },
  );

  it('has one winner, and all others name it', () => {
    fc.assert(
      fc.property(any, (claimants) => {
        const winners = claimants.filter((one) => winnerOver(one, claimants) === undefined);
        expect(winners).toHaveLength(1);
        for (const one of claimants) expect(winnerOver(one, claimants) ?? one).toBe(winners[0]);
        const oldest = claimants.map(({ createdAt }) => createdAt).toSorted()[0];
        expect(winners[0]?.createdAt).toBe(oldest);
      }),
    );
  });

  it('keeps what somebody else stands for', () => {
    const one = { name: 'a', uid: '1', createdAt: '', isDeleting: true };
    expect(isSharedWith(one, [one, { ...one, uid: '2' }])).toBe(false);
    expect(isSharedWith(one, [one, { ...one, uid: '2', isDeleting: false }])).toBe(true);
  });
});
