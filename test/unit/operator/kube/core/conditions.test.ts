import { describe, expect, it } from '@jest/globals';
import {
  removeCondition,
  setCondition,
  type Condition,
} from '../../../../../operator/kube/core/conditions.ts';

const ready = { type: 'Ready', status: 'True', reason: 'AllUp', message: 'all up' } as const;
const before: readonly Condition[] = [
  { ...ready, observedGeneration: 1, lastTransitionTime: 'then' },
];

describe('a condition', () => {
  it('that is new begins now', () => {
    expect(setCondition([], ready, 'now')).toEqual([{ ...ready, lastTransitionTime: 'now' }]);
  });

  it('that is as it was is the same array: there is nothing to write', () => {
    expect(setCondition(before, { ...ready, observedGeneration: 1 }, 'now')).toBe(before);
  });

  it('keeps its transition time while its status is the same', () => {
    const [after] = setCondition(before, { ...ready, observedGeneration: 2, reason: 'X' }, 'now');
    expect(after).toMatchObject({
      observedGeneration: 2,
      reason: 'X',
      lastTransitionTime: 'then',
    });
  });

  it('gets a new transition time with a new status, and leaves the others alone', () => {
    const other: Condition = { ...ready, type: 'Other', lastTransitionTime: 'long ago' };
    const after = setCondition([...before, other], { ...ready, status: 'False' }, 'now');
    expect(after).toEqual([{ ...ready, status: 'False', lastTransitionTime: 'now' }, other]);
  });

  it('can be taken away', () => {
    expect(removeCondition(before, 'Ready')).toEqual([]);
    expect(removeCondition(before, 'Other')).toBe(before);
  });
});
