import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeChange, encodeChange } from '../../../../../broker/state/payload/change-record.ts';
import { readUint48, writeUint48 } from '../../../../../broker/state/payload/integers.ts';
import {
  MESSAGE_FIXED_BYTES,
  readCarriedStamp,
  readMessagePlace,
  readStoredParts,
  writeCarriedStamp,
  writeMessageFixed,
} from '../../../../../broker/state/payload/message-record.ts';
import {
  readReference,
  REFERENCE_BYTES,
  writeReference,
} from '../../../../../broker/state/payload/reference-record.ts';
import {
  ackBytes,
  readAck,
  readQueueKey,
  readRedelivery,
  redeliveryBytes,
  SETTLEMENTS_PER_RECORD_MAX,
  writeAck,
  writeRedelivery,
} from '../../../../../broker/state/payload/settlement-record.ts';
import { NO_STAMP, recordStamp } from '../../../../../common/model/record-stamp.ts';

/** Any number of so many bits, and often its extremes. */
const unsigned = (bits: number): fc.Arbitrary<number> =>
  fc.oneof(fc.constantFrom(0, 1, 2 ** (bits - 1), 2 ** bits - 1), fc.nat(2 ** bits - 1));
const u16 = unsigned(16);
const u32 = unsigned(32);
const u48 = unsigned(48);

const GUARD = 0xa5;
const MARGIN = 9;

/** Lets `write` fill a payload of `bytes` inside a larger buffer, and requires that it has touched nothing else. */
function written(bytes: number, write: (buffer: Buffer, at: number) => void): Buffer {
  const buffer = Buffer.alloc(bytes + 2 * MARGIN, GUARD);
  write(buffer, MARGIN);
  const outside = [...buffer.subarray(0, MARGIN), ...buffer.subarray(MARGIN + bytes)];
  expect(outside.every((byte) => byte === GUARD)).toBe(true);
  return buffer;
}

describe('48-bit integers', () => {
  it('are read as they were written, big-endian', () => {
    fc.assert(
      fc.property(u48, (value) => {
        const buffer = written(6, (into, at) => {
          writeUint48(into, value, at);
        });
        expect(readUint48(buffer, MARGIN)).toBe(value);
        expect(buffer.readUIntBE(MARGIN, 6)).toBe(value);
      }),
    );
  });
});

describe('a carry record', () => {
  const place = fc.record({ topicId: u32, queueId: u16, queueOffset: u48, tagHash: u32 });
  const carry = (
    fields: { topicId: number; queueId: number; queueOffset: number; tagHash: number },
    stamp: number | undefined,
  ): Buffer =>
    written(MESSAGE_FIXED_BYTES, (into, at) => {
      writeMessageFixed(into, at, { ...fields, idHashHigh: 0, idHashLow: 0 }, 8, 9);
      if (stamp !== undefined) writeCarriedStamp(into, at, stamp);
    });

  it('says which message it repeats, and everything that a message record says', () => {
    fc.assert(
      fc.property(place, u32, u48, (fields, epoch, storeTimeMs) => {
        const stamp = recordStamp(epoch, storeTimeMs);
        const buffer = carry(fields, stamp);
        expect(readCarriedStamp(buffer, MARGIN)).toBe(stamp);
        expect(readMessagePlace(buffer, MARGIN)).toMatchObject(fields);
        expect(readStoredParts(buffer, MARGIN).systemEnd).toBe(MARGIN + MESSAGE_FIXED_BYTES + 17);
      }),
    );
  });

  it('says nothing of it when a broker wrote it that knew of no stamps', () => {
    fc.assert(
      fc.property(place, (fields) => {
        expect(readCarriedStamp(carry(fields, undefined), MARGIN)).toBe(NO_STAMP);
      }),
    );
  });
});

describe('a message record', () => {
  it('says where the message stands and where its parts lie, at any extreme', () => {
    const place = fc.record({
      topicId: u32,
      queueId: u16,
      queueOffset: u48,
      tagHash: u32,
      idHashHigh: u32,
      idHashLow: u32,
    });
    fc.assert(
      fc.property(place, u32, u32, (expected, headBytes, systemBytes) => {
        const buffer = written(MESSAGE_FIXED_BYTES, (into, at) => {
          writeMessageFixed(into, at, expected, headBytes, systemBytes);
        });
        expect(readMessagePlace(buffer, MARGIN)).toEqual(expected);
        const headStart = MARGIN + MESSAGE_FIXED_BYTES;
        expect(readStoredParts(buffer, MARGIN)).toEqual({
          buffer,
          headStart,
          headEnd: headStart + headBytes,
          systemStart: headStart + headBytes,
          systemEnd: headStart + headBytes + systemBytes,
        });
      }),
    );
  });
});

describe('a reference record', () => {
  const references = fc.record({
    topicId: u32,
    queueId: u16,
    queueOffset: u48,
    tagHash: u32,
    targetPhysical: fc.maxSafeNat(),
    targetBytes: u32,
    groupId: u32,
    sourceTopicId: u32,
    sourceQueueId: u16,
    sourceOffset: u48,
    attempts: u16,
  });

  it('says what was written, at any extreme', () => {
    fc.assert(
      fc.property(references, (reference) => {
        const buffer = written(REFERENCE_BYTES, (into, at) => {
          writeReference(into, at, reference);
        });
        expect(readReference(buffer, MARGIN)).toEqual(reference);
      }),
    );
  });

  it('begins with the place in a queue just as a message record does', () => {
    fc.assert(
      fc.property(references, (reference) => {
        const buffer = written(REFERENCE_BYTES, (into, at) => {
          writeReference(into, at, reference);
        });
        const { topicId, queueId, queueOffset, tagHash } = reference;
        expect(readMessagePlace(buffer, MARGIN)).toMatchObject({
          topicId,
          queueId,
          queueOffset,
          tagHash,
        });
      }),
    );
  });
});

describe('settlement records', () => {
  const keys = fc.record({ groupId: u32, topicId: u32, queueId: u16 });

  it('say which offsets of which queue are acknowledged', () => {
    fc.assert(
      fc.property(keys, fc.array(u48, { maxLength: 50 }), (key, offsets) => {
        const buffer = written(ackBytes(offsets.length), (into, at) => {
          writeAck(into, at, key, offsets);
        });
        expect(readQueueKey(buffer, MARGIN)).toEqual(key);
        expect([...readAck(buffer, MARGIN)]).toEqual(offsets);
      }),
    );
  });

  it('say which attempts have ended, how many before them, and until when to wait', () => {
    const entries = fc.array(fc.record({ offset: u48, ended: u16, notBeforeMs: u48 }), {
      maxLength: 50,
    });
    fc.assert(
      fc.property(keys, entries, (key, ended) => {
        const buffer = written(redeliveryBytes(ended.length), (into, at) => {
          writeRedelivery(into, at, key, ended);
        });
        expect(readQueueKey(buffer, MARGIN)).toEqual(key);
        expect([...readRedelivery(buffer, MARGIN)]).toEqual(ended);
      }),
    );
  });

  it('hold as many entries as one record may have', () => {
    const key = { groupId: 1, topicId: 2, queueId: 3 };
    const offsets = Array.from({ length: SETTLEMENTS_PER_RECORD_MAX }, (_, i) => i * 2 ** 34);
    const buffer = written(ackBytes(offsets.length), (into, at) => {
      writeAck(into, at, key, offsets);
    });
    expect([...readAck(buffer, MARGIN)]).toEqual(offsets);
  });
});

describe('a change record', () => {
  it('brings back every field, in any language, and an undefined one as absent', () => {
    const names = fc.string({ unit: 'binary', maxLength: 20 });
    const change = fc.record(
      { topicId: u32, topic: names, filterKey: names, to: fc.array(u48, { maxLength: 5 }) },
      { requiredKeys: ['topicId'] },
    );
    fc.assert(
      fc.property(change, (expected) => {
        const payload = encodeChange({ ...expected, retentionMs: undefined });
        const framed = Buffer.concat([Buffer.from('{'), payload, Buffer.from('}')]);
        expect(decodeChange(framed, 1, 1 + payload.length)).toEqual(expected);
      }),
    );
  });
});
