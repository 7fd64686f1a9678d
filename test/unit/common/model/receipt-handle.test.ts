import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { receiptMac } from '../../../../common/crypto/receipt-mac.ts';
import { queueOffset } from '../../../../common/model/offsets.ts';
import {
  decodeReceiptHandle,
  encodeReceiptHandle,
  peekReceiptHandle,
} from '../../../../common/model/receipt-handle.ts';
import { NO_STAMP, recordStamp } from '../../../../common/model/record-stamp.ts';

const mac = receiptMac(Buffer.alloc(32, 7));

const handles = fc.record({
  brokerName: fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_.-]{0,40}$/),
  topicId: fc.nat({ max: 2 ** 32 - 1 }),
  groupId: fc.nat({ max: 2 ** 32 - 1 }),
  queueId: fc.nat({ max: 2 ** 16 - 1 }),
  queueOffset: fc.nat({ max: 2 ** 48 - 1 }).map(queueOffset),
  attempt: fc.integer({ min: 1, max: 2 ** 16 - 1 }),
  stamp: fc.oneof(
    fc.constant(NO_STAMP),
    fc
      .tuple(fc.nat({ max: 2 ** 32 - 1 }), fc.nat({ max: 2 ** 48 - 1 }))
      .map(([epoch, storeTimeMs]) => recordStamp(epoch, storeTimeMs)),
  ),
});

describe('receipt handle', () => {
  it('says after decoding what was encoded', () => {
    fc.assert(
      fc.property(handles, (handle) => {
        const text = encodeReceiptHandle(handle, mac);
        expect(decodeReceiptHandle(text, mac)).toEqual({ ok: true, handle });
      }),
    );
  });

  it('is safe in any text: base64url only', () => {
    fc.assert(
      fc.property(handles, (handle) => {
        expect(encodeReceiptHandle(handle, mac)).toMatch(/^[A-Za-z0-9_-]+$/);
      }),
    );
  });

  it('tells the broker to a node without the key', () => {
    fc.assert(
      fc.property(handles, (handle) => {
        expect(peekReceiptHandle(encodeReceiptHandle(handle, mac))?.brokerName).toBe(
          handle.brokerName,
        );
      }),
    );
  });

  it('is refused when any character was changed', () => {
    fc.assert(
      fc.property(handles, fc.nat(), (handle, seed) => {
        const text = encodeReceiptHandle(handle, mac);
        const at = seed % text.length;
        const other = text[at] === 'A' ? 'B' : 'A';
        const changed = text.slice(0, at) + other + text.slice(at + 1);
        expect(decodeReceiptHandle(changed, mac).ok).toBe(false);
      }),
    );
  });

  it('is refused when another key signed it', () => {
    fc.assert(
      fc.property(handles, (handle) => {
        const text = encodeReceiptHandle(handle, receiptMac(Buffer.alloc(32, 8)));
        expect(decodeReceiptHandle(text, mac)).toEqual({ ok: false, reason: 'forged' });
      }),
    );
  });

  it('refuses any other text without throwing', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.base64String(), fc.string({ minLength: 500 })),
        (text) => {
          expect(decodeReceiptHandle(text, mac).ok).toBe(false);
        },
      ),
    );
  });

  it('is refused when it is cut short or made longer', () => {
    fc.assert(
      fc.property(handles, fc.nat(), (handle, seed) => {
        const text = encodeReceiptHandle(handle, mac);
        const shorter = text.slice(0, seed % text.length);
        for (const wrong of [shorter, `${text}A`, `${text}AAAA`, ` ${text}`, `${text}=`])
          expect(decodeReceiptHandle(wrong, mac)).toEqual({ ok: false, reason: 'malformed' });
      }),
    );
  });
});

describe('a receipt handle of a broker that knew of no stamps', () => {
  /** Made with the program before stamps: the last field was the time of the delivery. */
  const OLD = 'AQhicm9rZXItYQAAAAEAAwAAAAAABAAFAAAAAgGh-2cYAG19Lhc4A8JasZrKj8We1Cs';

  it('says the same as before, and nothing of which message it is for', () => {
    expect(decodeReceiptHandle(OLD, mac)).toEqual({
      ok: true,
      handle: {
        brokerName: 'broker-a',
        topicId: 1,
        groupId: 2,
        queueId: 3,
        queueOffset: 4,
        attempt: 5,
        stamp: NO_STAMP,
      },
    });
  });

  it('has the same bytes up to the last field, so that such a broker takes ours', () => {
    const handle = peekReceiptHandle(OLD);
    if (handle === undefined) throw new Error('no handle');
    const text = encodeReceiptHandle({ ...handle, stamp: recordStamp(7, 1_795_000_000_000) }, mac);
    const [old, ours] = [OLD, text].map((handleText) => Buffer.from(handleText, 'base64url'));
    expect(ours?.length).toBe(old?.length);
    expect(ours?.subarray(0, -22)).toEqual(old?.subarray(0, -22));
  });
});
