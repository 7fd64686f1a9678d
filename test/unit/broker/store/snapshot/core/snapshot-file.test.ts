import { describe, expect, it } from '@jest/globals';
import {
  decodeSnapshotHeader,
  decodeSnapshotTrailer,
  encodeSectionHeader,
  encodeSnapshotHeader,
  encodeSnapshotTrailer,
  isTemporaryName,
  sectionHeaderCrc,
  snapshotName,
  snapshotSequence,
  temporaryName,
} from '../../../../../../broker/store/snapshot/core/snapshot-file.ts';

const HEADER = { sequence: 0x01020304, begin: 0x0a0b0c0d0e0f10 };
const TRAILER = {
  sequence: 0x01020304,
  sectionCount: 0x11121314,
  end: 0x0a0b0c0d0e0f10,
  fileBytes: 0x212223242526,
  sectionsCrc: 0x31323334,
};

function expectNoFlip(bytes: Buffer, decode: (bytes: Buffer) => object | string): void {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const bad = Buffer.from(bytes);
    bad[bit >> 3]! ^= 1 << (bit & 7);
    expect(typeof decode(bad)).toBe('string');
  }
}

describe('snapshot file', () => {
  it('is named by its sequence, and so that a temporary one is never taken for a snapshot', () => {
    expect(snapshotSequence(snapshotName(12))).toBe(12);
    expect(snapshotSequence(temporaryName(12))).toBeUndefined();
    expect(isTemporaryName(temporaryName(12))).toBe(true);
    expect(isTemporaryName(snapshotName(12))).toBe(false);
  });

  it('has the bytes that its tables say', () => {
    const header = encodeSnapshotHeader(HEADER).subarray(4).toString('hex');
    expect(header).toBe('4f51534e' + '0001' + '0000' + '01020304' + '0a0b0c0d0e0f10' + '00');
    const section = encodeSectionHeader(0x0102, Buffer.from('abc')).subarray(4).toString('hex');
    expect(section).toBe('0102' + '0000' + '00000003');
    expect(encodeSnapshotTrailer(TRAILER).subarray(4).toString('hex')).toBe(
      'ffff' +
        '0000' +
        '4f515345' +
        '01020304' +
        '11121314' +
        '0a0b0c0d0e0f10' +
        '00' +
        '212223242526' +
        '0000' +
        '31323334',
    );
  });

  it('decodes what it encoded and refuses any flipped bit of header and trailer', () => {
    const header = encodeSnapshotHeader(HEADER);
    expect(decodeSnapshotHeader(header)).toEqual(HEADER);
    expectNoFlip(header, decodeSnapshotHeader);
    const trailer = encodeSnapshotTrailer(TRAILER);
    expect(decodeSnapshotTrailer(trailer)).toEqual(TRAILER);
    expectNoFlip(trailer, decodeSnapshotTrailer);
  });

  it('covers kind and length of a section by its checksum', () => {
    const payload = Buffer.alloc(3);
    const one = sectionHeaderCrc(encodeSectionHeader(1, payload));
    expect(sectionHeaderCrc(encodeSectionHeader(2, payload))).not.toBe(one);
    expect(sectionHeaderCrc(encodeSectionHeader(1, Buffer.alloc(4)))).not.toBe(one);
  });
});
