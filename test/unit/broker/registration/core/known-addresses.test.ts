import { describe, expect, it } from '@jest/globals';
import { KnownAddresses } from '../../../../../broker/registration/core/known-addresses.ts';

const MINUTE_MS = 60_000;

describe('the addresses of a name', () => {
  it('are one NameServer that does not answer, while none was found', () => {
    const known = new KnownAddresses();
    expect(known.hosts).toEqual([]);
    expect(known.count(0)).toBe(1);
  });

  it('are each there once, in one order', () => {
    const known = new KnownAddresses();
    known.found(['10.0.0.2', '10.0.0.1', '10.0.0.2'], 0);
    expect(known.hosts).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(known.count(0)).toBe(2);
  });

  it('count as many as there were in the last ten minutes, so that a gap makes no majority', () => {
    const known = new KnownAddresses();
    known.found(['a', 'b', 'c'], 0);
    known.found(['a'], 1_000);
    known.found(['a', 'b'], 5 * MINUTE_MS);
    expect(known.hosts).toEqual(['a', 'b']);
    expect(known.count(10 * MINUTE_MS - 1)).toBe(3);
    expect(known.count(10 * MINUTE_MS)).toBe(2);
    expect(known.count(60 * MINUTE_MS)).toBe(2);
  });

  it('stay when an answer is empty', () => {
    const known = new KnownAddresses();
    known.found(['a'], 0);
    known.found([], 1);
    expect(known.hosts).toEqual(['a']);
  });

  it('are bounded in number', () => {
    const known = new KnownAddresses();
    known.found(
      Array.from({ length: 1_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`),
      0,
    );
    expect(known.hosts).toHaveLength(64);
  });
});
