import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  planRetention,
  type RetainedSegment,
  type RetentionLimits,
} from '../../../../../broker/store/core/retention-policy.ts';

const HOUR = 3_600_000;

/** Segments of 100 bytes, newest records at the given hours. */
const segments = (...hours: (number | undefined)[]): RetainedSegment[] =>
  hours.map((hour, index) => ({
    startOffset: index * 100,
    endOffset: index * 100 + 100,
    newestStoreTimeMs: hour === undefined ? undefined : hour * HOUR,
  }));

const limits = (changes: Partial<RetentionLimits> = {}): RetentionLimits => ({
  nowMs: 100 * HOUR,
  retentionMs: 72 * HOUR,
  retentionBytes: 0,
  mustFreeBytes: 0,
  keepFrom: Infinity,
  ...changes,
});

const plan = (list: RetainedSegment[], changes: Partial<RetentionLimits> = {}): string =>
  planRetention(list, limits(changes))
    .map(({ startOffset, reason }) => `${startOffset} ${reason}`)
    .join(', ');

describe('planRetention', () => {
  it('deletes segments whose newest record is older than the retention', () => {
    expect(plan(segments(10, 27, 29, 90))).toBe('0 expired, 100 expired');
  });

  it('never deletes the last segment, however old', () => {
    expect(plan(segments(1, 2, 3), { retentionBytes: 1, mustFreeBytes: 1e9 })).toBe(
      '0 expired, 100 expired',
    );
    expect(plan(segments(1), { mustFreeBytes: 1e9 })).toBe('');
  });

  it('takes the next known time for a segment whose own is unknown', () => {
    expect(plan(segments(undefined, 27, 90))).toBe('0 expired, 100 expired');
    expect(plan(segments(undefined, 90, 91))).toBe('');
    expect(plan(segments(undefined, undefined))).toBe('');
  });

  it('keeps at least retentionBytes', () => {
    expect(plan(segments(99, 99, 99, 99), { retentionBytes: 250 })).toBe('0 over-bytes');
    expect(plan(segments(99, 99, 99, 99), { retentionBytes: 200 })).toBe(
      '0 over-bytes, 100 over-bytes',
    );
  });

  it('frees what the watermark asks for and no more', () => {
    expect(plan(segments(99, 99, 99, 99), { mustFreeBytes: 101 })).toBe(
      '0 disk-forced, 100 disk-forced',
    );
  });

  it('stops at what a restart or a slave still needs', () => {
    expect(plan(segments(1, 1, 1, 1), { keepFrom: 199, mustFreeBytes: 1e9 })).toBe('0 expired');
  });

  it('always deletes a prefix that leaves the last segment and what is kept', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.nat(100), { nil: undefined }), { minLength: 1, maxLength: 12 }),
        fc.nat(1500),
        fc.nat(1500),
        fc.nat(1300),
        (hours, retentionBytes, mustFreeBytes, keepFrom) => {
          const list = segments(...hours);
          const deleted = planRetention(list, limits({ retentionBytes, mustFreeBytes, keepFrom }));
          expect(deleted.map((step) => step.startOffset)).toEqual(
            deleted.map((_, index) => index * 100),
          );
          expect(deleted.length).toBeLessThan(list.length);
          for (const step of deleted) expect(step.endOffset).toBeLessThanOrEqual(keepFrom);
        },
      ),
    );
  });
});
