import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { WireError } from '../../../../common/wire/wire-error.ts';
import { checkUtf8, WireReader } from '../../../../common/wire/wire-reader.ts';
import { varintBytes, writeVarint } from '../../../../common/wire/wire-writer.ts';

const bytes = (...values: number[]): Buffer => Buffer.from(values);

describe('WireReader', () => {
  it('reads back every varint that the writer writes, in as many bytes as it said', () => {
    const safe = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
    const nearPowers = fc
      .tuple(fc.nat(52), fc.integer({ min: -1, max: 1 }), fc.constantFrom(1, -1))
      .map(([power, delta, sign]) => sign * (2 ** power + delta));
    fc.assert(
      fc.property(fc.oneof(safe, nearPowers), (value) => {
        const target = Buffer.alloc(12);
        const end = writeVarint(target, 1, value);
        expect(end - 1).toBe(varintBytes(value));
        const theirs = protobuf.Writer.create().int64(value).finish();
        expect(target.subarray(1, end).equals(theirs)).toBe(true);
        const reader = new WireReader(target, 1, end);
        expect(reader.int64()).toBe(value === 0 ? 0 : value);
        expect(reader.hasMore).toBe(false);
      }),
    );
  });

  it('reads int32 as every decoder does: the low 32 bits, signed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (random) => {
        const end = random.findIndex((byte) => byte < 0x80);
        if (end === -1 || end > 9) return;
        const input = Buffer.from(random.subarray(0, end + 1));
        expect(new WireReader(input).int32()).toBe(protobuf.Reader.create(input).int32());
      }),
    );
  });

  it.each([
    ['an unfinished varint', bytes(0x80, 0x80)],
    ['a varint of eleven bytes', Buffer.concat([Buffer.alloc(10, 0x80), bytes(1)])],
    ['nothing', bytes()],
  ])('refuses %s', (_name, input) => {
    expect(() => new WireReader(input).int64()).toThrow(WireError);
  });

  it.each([
    ['field number 0', bytes(0x02)],
    ['field number 0 in two bytes', bytes(0x80, 0x00)],
    ['a tag of more than 32 bits', bytes(0xff, 0xff, 0xff, 0xff, 0x7f)],
    ['a tag in six bytes', bytes(0x8a, 0x80, 0x80, 0x80, 0x80, 0x00)],
  ])('refuses %s', (_name, input) => {
    expect(() => new WireReader(input).tag()).toThrow(WireError);
  });

  it('reads the largest field number', () => {
    const tag = ((2 ** 29 - 1) << 3) >>> 0;
    const target = Buffer.alloc(5);
    writeVarint(target, 0, tag);
    expect(new WireReader(target).tag()).toBe(tag);
  });

  it.each([
    ['beyond the end', bytes(0x0a, 5, 1, 2, 3, 4)],
    ['of more than 32 bits', bytes(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)],
  ])('refuses a length %s, and says where', (_name, input) => {
    const reader = new WireReader(input);
    const tag = reader.tag();
    expect(() => reader.skip(tag)).toThrow(
      expect.objectContaining({ code: 'WIRE_MALFORMED', position: 1 }),
    );
  });

  it('a nested value cannot reach beyond its own end', () => {
    const reader = new WireReader(bytes(0x0a, 2, 0x12, 3, 1, 2, 3));
    reader.tag();
    reader.enter();
    reader.tag();
    expect(() => reader.length()).toThrow(WireError);
  });

  it('skips values of every wire type, groups included', () => {
    const group = [0x53, 0x08, 0x01, 0x5b, 0x0a, 0x01, 0xff, 0x5c, 0x54];
    const fields = [
      [0x08, 0xff, 0x01],
      [0x09, 1, 2, 3, 4, 5, 6, 7, 8],
      [0x0a, 2, 1, 2],
      [0x0d, 1, 2, 3, 4],
      group,
    ];
    for (const field of fields) {
      const reader = new WireReader(bytes(...field));
      reader.skip(reader.tag());
      expect(reader.hasMore).toBe(false);
    }
  });

  it.each([
    ['an unknown wire type', [0x0e]],
    ['a group that does not end', [0x53, 0x08, 0x01]],
    ['an end without a group', [0x54]],
    ['a group that ends another', [0x53, 0x5c]],
    ['groups nested without end', new Array<number>(1000).fill(0x53)],
  ])('refuses %s', (_name, input) => {
    const reader = new WireReader(bytes(...input));
    expect(() => reader.skip(reader.tag())).toThrow(WireError);
  });

  it('never leaves its range, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (random, end) => {
        const reader = new WireReader(Buffer.from(random), 0, Math.min(end, random.length));
        try {
          while (reader.hasMore) {
            const before = reader.position;
            reader.skip(reader.tag());
            expect(reader.position).toBeGreaterThan(before);
          }
        } catch (error) {
          if (!(error instanceof WireError)) throw error;
        }
        expect(reader.position).toBeLessThanOrEqual(reader.end);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses a range outside its buffer', () => {
    expect(() => new WireReader(bytes(1, 2), 0, 3)).toThrow(WireError);
    expect(() => new WireReader(bytes(1, 2), 2, 1)).toThrow(WireError);
  });
});

describe('checkUtf8', () => {
  it('agrees with the platform about short and long strings', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 120 }),
        fc.string({ unit: 'grapheme', maxLength: 60 }),
        (random, text) => {
          const input = Buffer.concat([Buffer.from(text), random]);
          const isValid = input.toString('utf8').includes('\ufffd')
            ? Buffer.from(input.toString('utf8')).equals(input)
            : true;
          const check = (): void => checkUtf8(input, 0, input.length);
          if (isValid) check();
          else expect(check).toThrow(WireError);
        },
      ),
    );
  });
});
