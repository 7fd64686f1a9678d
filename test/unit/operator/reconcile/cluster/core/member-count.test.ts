import { describe, expect, it } from '@jest/globals';
import {
  ordinalOf,
  replicasFor,
} from '../../../../../../operator/reconcile/cluster/core/member-count.ts';

describe('the number of pods of a group', () => {
  it.each([
    ['a new group', { wanted: 2, replicas: undefined, recorded: [], master: undefined }, 2],
    ['members are added at once', { wanted: 3, replicas: 2, recorded: [0, 1], master: 0 }, 3],
    [
      'one that the record names stays',
      { wanted: 2, replicas: 3, recorded: [0, 1, 2], master: 0 },
      3,
    ],
    ['the master stays', { wanted: 1, replicas: 3, recorded: [0], master: 2 }, 3],
    ['one that it does not name goes', { wanted: 2, replicas: 3, recorded: [0, 1], master: 1 }, 2],
  ])('%s', (_case, input, expected) => {
    expect(replicasFor(input)).toBe(expected);
  });

  it('knows a member by the number at the end of its name', () => {
    expect(ordinalOf('orders-broker-3-12')).toBe(12);
  });
});
