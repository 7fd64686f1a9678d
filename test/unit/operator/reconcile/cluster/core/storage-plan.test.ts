import { describe, expect, it } from '@jest/globals';
import {
  planStorage,
  quantityBytes,
  type Claim,
} from '../../../../../../operator/reconcile/cluster/core/storage-plan.ts';

const claim = (name: string, requestedBytes: number, facts: Partial<Claim> = {}): Claim => ({
  ...{ name, requestedBytes, capacityBytes: requestedBytes, isResizing: false },
  ...facts,
});

describe('the plan of a volume', () => {
  it('enlarges all claims before the StatefulSet is made anew', () => {
    const claims = [claim('a', 20), claim('b', 10)];
    const plan = planStorage({ wantedBytes: 20, templateBytes: 10, claims });
    expect(plan).toMatchObject({ grow: ['b'], recreates: false, refusal: '' });
    const next = planStorage({ wantedBytes: 20, templateBytes: 10, claims: [claim('a', 20)] });
    expect(next).toMatchObject({ grow: [], recreates: true });
  });

  it('names claims whose volumes have not grown yet', () => {
    const claims = [claim('a', 20, { capacityBytes: 10 }), claim('b', 20, { isResizing: true })];
    const plan = planStorage({ wantedBytes: 20, templateBytes: 20, claims });
    expect(plan).toMatchObject({ grow: [], recreates: false, growing: ['a', 'b'] });
  });

  it('has nothing to do for what is as it is wanted, or not there yet', () => {
    const nothing = { grow: [], recreates: false, growing: [], refusal: '' };
    expect(planStorage({ wantedBytes: 9, templateBytes: 9, claims: [claim('a', 9)] })).toEqual(
      nothing,
    );
    expect(planStorage({ wantedBytes: 9, templateBytes: undefined, claims: [] })).toEqual(nothing);
  });

  it('refuses to shrink, whoever made it larger', () => {
    expect(planStorage({ wantedBytes: 5, templateBytes: 9, claims: [] }).refusal).toMatch(/shrink/);
    const byHand = { wantedBytes: 9, templateBytes: 9, claims: [claim('a', 12)] };
    expect(planStorage(byHand)).toMatchObject({ grow: [], recreates: false });
    expect(planStorage(byHand).refusal).toMatch(/from 12 to 9/);
  });

  it.each([
    ['10Gi', 10 * 2 ** 30],
    ['1.5Ki', 1536],
    ['2G', 2e9],
    ['1e3', 1_000],
    ['42', 42],
    ['much', undefined],
  ])('reads %s', (text, bytes) => {
    expect(quantityBytes(text)).toBe(bytes);
  });
});
