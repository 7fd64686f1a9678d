import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { receiptMac } from '../../../../common/crypto/receipt-mac.ts';
import { queueOffset } from '../../../../common/model/offsets.ts';
import {
  decodeReceiptHandle,
  encodeReceiptHandle,
  peekReceiptHandle,
} from '../../../../common/model/receipt-handle.ts';

const mac = receiptMac(Buffer.alloc(32, 7));

const handles = fc.record({
  brokerName: fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_.-]{0,40}$/),
  topicId: fc.nat({ max: 2 ** 32 - 1 }),
  groupId: fc.nat({ max: 2 ** 32 - 1 }),
  queueId: fc.nat({ max: 2 ** 16 - 1 }),
  queueOffset: fc.nat({ max: 2 ** 48 - 1 }).map(queueOffset),
  attempt: fc.integer({ min: 1, max: 2 ** 16 - 1 }),
  issuedAtMs: fc.nat({ max: 2 ** 48 - 1 }),
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
});
