import { describe, expect, it } from '@jest/globals';
import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { epoch, physicalOffset } from '../../../../common/model/offsets.ts';
import {
  encodeRecord,
  HEADER_BYTES,
  inspectRecord,
  RECORD_BYTES_MAX,
  recordAt,
  type RecordHeader,
} from '../../../../broker/store/record-codec.ts';
import { RecordType } from '../../../../broker/store/record-type.ts';

const header = (changes: Partial<RecordHeader> = {}): RecordHeader => ({
  length: HEADER_BYTES + 5,
  type: RecordType.Message,
  flags: 0,
  epoch: epoch(3),
  offset: physicalOffset(1000),
  storeTimeMs: 1_700_000_000_000,
  durableOffset: physicalOffset(900),
  ...changes,
});

function record(changes: Partial<RecordHeader> = {}, payload = Buffer.from('hello')): Buffer {
  const buffer = Buffer.alloc(HEADER_BYTES + payload.length);
  payload.copy(buffer, HEADER_BYTES);
  encodeRecord(buffer, 0, header({ length: buffer.length, ...changes }));
  return buffer;
}

const crcOf = (bytes: Buffer): number => crc32c(bytes.subarray(8));

/** A record changed on purpose, with a checksum that fits. */
function resealed(change: (bytes: Buffer) => void): Buffer {
  const bytes = record();
  change(bytes);
  bytes.writeUInt32BE(crcOf(bytes), 4);
  return bytes;
}

describe('record codec', () => {
  it('has the layout of the byte table', () => {
    const bytes = record({ flags: 7 });
    expect(HEADER_BYTES).toBe(36);
    expect(bytes.readUInt32BE(0)).toBe(41);
    expect(bytes.readUInt32BE(4)).toBe(crcOf(bytes));
    expect([...bytes.subarray(8, 12)]).toEqual([1, 7, 0, 1]);
    expect(bytes.readUInt32BE(12)).toBe(3);
    expect(bytes.toString('hex', 16, 23)).toBe('000000000003e8');
    expect(bytes.readUIntBE(23, 6)).toBe(1_700_000_000_000);
    expect(bytes.toString('hex', 29, 36)).toBe('00000000000384');
    expect(bytes.toString('utf8', 36)).toBe('hello');
  });

  it('gives back every field, at any position in a buffer', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat({ max: 50 }),
        fc.maxSafeNat(),
        fc.nat({ max: 255 }),
        fc.integer({ min: 1, max: 16 }),
        (payload, at, offset, flags, type) => {
          const length = HEADER_BYTES + payload.length;
          const buffer = Buffer.alloc(at + length + 10, 0xee);
          buffer.set(payload, at + HEADER_BYTES);
          const fields = header({
            length,
            flags,
            type: type as RecordType,
            offset: physicalOffset(offset),
            durableOffset: physicalOffset(Math.floor(offset / 2)),
          });
          encodeRecord(buffer, at, fields);
          expect(inspectRecord(buffer, at, buffer.length, offset)).toBe('ok');
          const back = recordAt(buffer, at);
          const { length: bytes, ...rest } = fields;
          expect(back).toMatchObject({ ...rest, bytes, payloadEnd: at + length });
          expect(
            buffer.subarray(back.payloadStart, back.payloadEnd).equals(Buffer.from(payload)),
          ).toBe(true);
          expect(buffer[at + length]).toBe(0xee);
        },
      ),
    );
  });

  it('notices every flipped bit', () => {
    const bytes = record();
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(inspectRecord(damaged, 0, damaged.length, 1000)).not.toBe('ok');
    }
  });

  it('names what is wrong', () => {
    const bytes = record();
    expect(inspectRecord(bytes, 0, 0, 1000)).toBe('short-header');
    expect(inspectRecord(bytes, 0, 35, 1000)).toBe('short-header');
    expect(inspectRecord(bytes, 0, 40, 1000)).toBe('short-body');
    expect(inspectRecord(bytes, 0, 41, 1001)).toBe('wrong-position');
    expect(inspectRecord(Buffer.alloc(100), 0, 100, 0)).toBe('zero-header');
    expect(inspectRecord(Buffer.alloc(100, 0xff), 0, 100, 0)).toBe('bad-length');
    expect(
      inspectRecord(
        resealed((b) => b.writeUInt16BE(2, 10)),
        0,
        41,
        1000,
      ),
    ).toBe('bad-version');
    expect(
      inspectRecord(
        resealed((b) => b.writeUInt8(99, 8)),
        0,
        41,
        1000,
      ),
    ).toBe('bad-type');
  });

  it('refuses to write what it could not read', () => {
    const bytes = Buffer.alloc(100);
    expect(() => encodeRecord(bytes, 0, header({ durableOffset: physicalOffset(1001) }))).toThrow(
      'beyond itself',
    );
    expect(() => encodeRecord(bytes, 0, header({ length: RECORD_BYTES_MAX + 1 }))).toThrow(
      'record of',
    );
    expect(() => encodeRecord(bytes, 0, header({ length: 35 }))).toThrow('record of');
  });
});
