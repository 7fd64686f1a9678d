import { describe, expect, it } from '@jest/globals';
import { withoutRepeats } from '../../../../common/rpc/repeated-value.ts';

describe('a metadata value that a retry has added again', () => {
  it.each([
    ['client-1', 'client-1'],
    ['client-1, client-1', 'client-1'],
    [', , ', ''],
    ['', ''],
    ['a, b', 'a, b'],
    ['a, a, b', 'a, a, b'],
  ])('%j means %j', (value, meant) => {
    expect(withoutRepeats(value)).toBe(meant);
  });
});
