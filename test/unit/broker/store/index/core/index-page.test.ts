import { describe, expect, it } from '@jest/globals';
import { physicalAt, writeEntry } from '../../../../../../broker/store/index/core/index-entry.ts';
import {
  decodePageEntries,
  decodePageHeader,
  firstEntryNotBelow,
  pageBytes,
  sealPage,
} from '../../../../../../broker/store/index/core/index-page.ts';

const HEADER = {
  queueNo: 0x01020304,
  generation: 0x05060708,
  firstOffset: 0x0a0b0c0d0e0f,
  count: 2,
  firstPhysical: 0x11121314151617,
  lastPhysical: 0x212223242526,
};

function page(): Buffer {
  const buffer = Buffer.from(new ArrayBuffer(pageBytes(2)));
  const words = new Uint32Array(buffer.buffer);
  writeEntry(words, 9, 0x11121314151617, 0x323334, 0x41424344, 0x5152);
  writeEntry(words, 13, 0x212223242526, 7, 8, 9);
  sealPage(buffer, HEADER);
  return buffer;
}

describe('index page', () => {
  it('has the bytes that its table says', () => {
    expect(page().subarray(4).toString('hex')).toBe(
      '5047' + '0002' + '01020304' + '05060708' + '0a0b0c0d0e0f' + '11121314151617' +
        '00212223242526' +
        '11121314151617' + '323334' + '5152' + '41424344' +
        '00212223242526' + '000007' + '0009' + '00000008',
    ); // prettier-ignore
  });

  it('decodes to what was encoded, at any place in a buffer', () => {
    const shifted = Buffer.concat([Buffer.alloc(3), page(), Buffer.alloc(5)]);
    expect(decodePageHeader(shifted, 3)).toEqual(HEADER);
    const words = decodePageEntries(shifted, 3, 2);
    expect(physicalAt(words, 0)).toBe(0x11121314151617);
    expect([...words.subarray(1, 4)]).toEqual([0x15161732, 0x33345152, 0x41424344]);
  });

  it('is refused with any bit flipped, and with any byte missing', () => {
    const good = page();
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = Buffer.from(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodePageHeader(bad, 0)).toBeUndefined();
    }
    for (let length = 0; length < good.length; length++) {
      expect(decodePageHeader(good.subarray(0, length), 0)).toBeUndefined();
    }
  });

  it('finds the first entry not below an offset', () => {
    const words = new Uint32Array(4 * 4);
    for (let i = 0; i < 4; i++) writeEntry(words, i * 4, 100 + i * 10, 0, 0, 0);
    const found = [0, 100, 101, 110, 130, 131].map((value) => firstEntryNotBelow(words, 4, value));
    expect(found).toEqual([0, 0, 1, 1, 3, 4]);
  });
});
