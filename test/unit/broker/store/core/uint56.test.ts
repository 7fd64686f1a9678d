import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readUint56, UINT56_BYTES, writeUint56 } from '../../../../../broker/store/core/uint56.ts';

const WHATEVER = 0xee;

describe('7-byte integers', () => {
  it('give back every safe integer, big-endian, and touch no other byte', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat({ max: 9 }), (value, at) => {
        const buffer = Buffer.alloc(20, WHATEVER);
        writeUint56(buffer, value, at);
        expect(readUint56(buffer, at)).toBe(value);
        expect(buffer.toString('hex', at, at + UINT56_BYTES)).toBe(
          value.toString(16).padStart(2 * UINT56_BYTES, '0'),
        );
        const untouched = [...buffer.subarray(0, at), ...buffer.subarray(at + UINT56_BYTES)];
        expect(untouched.every((byte) => byte === WHATEVER)).toBe(true);
      }),
      { examples: [[Number.MAX_SAFE_INTEGER, 3], [2 ** 32 - 1, 0], [2 ** 32, 0], [2 ** 48, 1]] }, // prettier-ignore
    );
  });

  it('read damaged bytes as something that is no offset, instead of throwing', () => {
    expect(Number.isSafeInteger(readUint56(Buffer.alloc(UINT56_BYTES, 0xff), 0))).toBe(false);
  });
});
