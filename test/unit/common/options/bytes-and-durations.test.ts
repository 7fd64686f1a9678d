import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  formatBytes,
  formatDuration,
  parseBytes,
  parseDuration,
} from '../../../../common/options/bytes-and-durations.ts';

describe('sizes', () => {
  it.each([
    ['1GiB', 2 ** 30],
    ['1 gib', 2 ** 30],
    ['1.5MB', 1_500_000],
    ['64k', 65_536],
    ['4096', 4096],
    ['0', 0],
  ])('reads %s', (text, expected) => {
    expect(parseBytes(text)).toBe(expected);
  });

  it.each(['', '-1', '1 GiBB', '0.3B', 'GiB', '1e9', '99999999TiB'])('refuses %p', (text) => {
    expect(parseBytes(text)).toBeUndefined();
  });

  it('reads back every size that it writes', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        expect(parseBytes(formatBytes(value))).toBe(value);
      }),
    );
  });
});

describe('durations', () => {
  it.each([
    ['72h', 259_200_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['1.5s', 1_500],
    ['10 min', 600_000],
    ['14d', 1_209_600_000],
    ['0', 0],
  ])('reads %s', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it.each(['30', '', 'h', '-5s', '10 parsecs', '0.5ms'])('refuses %p', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('reads back every duration that it writes', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        expect(parseDuration(formatDuration(value))).toBe(value);
      }),
    );
  });
});
