import { describe, expect, it } from '@jest/globals';
import {
  decodeDirectoryRow,
  decodeSegmentHeader,
  decodeSegmentTrailer,
  DIRECTORY_ROW_BYTES,
  emptyRow,
  encodeDirectoryRow,
  encodeSegmentHeader,
  encodeSegmentTrailer,
  isDirectoryIntact,
  pageLocation,
  positionOf,
  segmentName,
  segmentNumber,
  segmentOf,
} from '../../../../../../broker/store/index/core/index-segment.ts';

const HEADER = { number: 0x01020304, priorPhysicalMax: 0x0a0b0c0d0e0f10, incarnation: 0x11121314 };
const TRAILER = {
  number: 7,
  directoryPosition: 0x01020304,
  rowCount: 1,
  physicalMax: 0x0a0b0c0d0e0f10,
};
const ROW = {
  queueNo: 0x01020304,
  generation: 0x05060708,
  firstOffset: 0x0a0b0c0d0e0f,
  count: 0x1011,
  firstPhysical: 0x11121314151617,
  lastPhysical: 0x212223242526,
  position: 0x31323334,
};

function directory(): Buffer {
  const rows = Buffer.alloc(DIRECTORY_ROW_BYTES);
  encodeDirectoryRow(rows, 0, ROW);
  return rows;
}

describe('index segment', () => {
  it('is named by its number', () => {
    expect(segmentName(42)).toBe('0000000042.idx');
    expect(segmentNumber('0000000042.idx')).toBe(42);
    expect(segmentNumber('42.idx')).toBeUndefined();
  });

  it('has the header bytes that its table says, and refuses any flipped bit', () => {
    const header = encodeSegmentHeader(HEADER);
    const expected =
      '4f514958' + '0001' + '0000' + '01020304' + '0a0b0c0d0e0f10' + '00' + '11121314';
    expect(header.subarray(4).toString('hex')).toBe(expected);
    expect(decodeSegmentHeader(header)).toEqual(HEADER);
    for (let bit = 0; bit < header.length * 8; bit++) {
      const bad = Buffer.from(header);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(decodeSegmentHeader(bad)).toBeUndefined();
    }
  });

  it('has the directory bytes that its table says', () => {
    expect(directory().toString('hex')).toBe(
      '01020304' +
        '05060708' +
        '0a0b0c0d0e0f' +
        '1011' +
        '11121314151617' +
        '00212223242526' +
        '31323334',
    );
    const row = emptyRow();
    decodeDirectoryRow(directory(), 0, row);
    expect(row).toEqual(ROW);
  });

  it('refuses any flipped bit of directory and trailer', () => {
    const rows = directory();
    const trailer = encodeSegmentTrailer(TRAILER, rows);
    expect(decodeSegmentTrailer(trailer)).toEqual(TRAILER);
    expect(isDirectoryIntact(rows, trailer)).toBe(true);
    const whole = Buffer.concat([rows, trailer]);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const bad = Buffer.from(whole);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      const isIntact = isDirectoryIntact(bad.subarray(0, rows.length), bad.subarray(rows.length));
      expect(isIntact).toBe(false);
    }
  });

  it('packs segment and position into one safe integer', () => {
    const location = pageLocation(2 ** 21 - 1, 2 ** 32 - 1);
    expect(Number.isSafeInteger(location)).toBe(true);
    expect([segmentOf(location), positionOf(location)]).toEqual([2 ** 21 - 1, 2 ** 32 - 1]);
  });
});
