import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NO_STAMP, recordStamp, stampOf } from '../../../../common/model/record-stamp.ts';

const epochs = fc.nat({ max: 2 ** 32 - 1 });
const times = fc.nat({ max: 2 ** 48 - 1 });

describe('the stamp of a record', () => {
  it('fits its 48 bits, and is known as a stamp', () => {
    fc.assert(
      fc.property(epochs, times, (epoch, storeTimeMs) => {
        const stamp = recordStamp(epoch, storeTimeMs);
        expect(Number.isSafeInteger(stamp) && stamp < 2 ** 48).toBe(true);
        expect(stampOf(stamp)).toBe(stamp);
      }),
    );
  });

  it('is another one in each of the next 63 epochs, whatever the clocks say', () => {
    fc.assert(
      fc.property(epochs, fc.integer({ min: 1, max: 63 }), times, times, (epoch, later, a, b) => {
        expect(recordStamp(epoch + later, a)).not.toBe(recordStamp(epoch, b));
      }),
    );
  });

  it('is another one at each other time in 69 years, whatever the epochs are', () => {
    fc.assert(
      fc.property(
        epochs,
        epochs,
        times,
        fc.integer({ min: 1, max: 2 ** 41 - 1 }),
        (a, b, ms, later) => {
          expect(recordStamp(a, ms + later)).not.toBe(recordStamp(b, ms));
        },
      ),
    );
  });

  it('is not what brokers without stamps wrote there: a time, or nothing', () => {
    const year6400Ms = 139_800_000_000_000;
    for (const bits of [0, 1, Date.UTC(2026, 10, 21), Date.UTC(2099, 0, 1), year6400Ms])
      expect(stampOf(bits)).toBe(NO_STAMP);
  });
});
