import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { LatencyHistogram } from '../../../cli/latency-histogram.ts';

describe('LatencyHistogram', () => {
  it('is zero when nothing was measured', () => {
    expect(new LatencyHistogram().percentileMs(0.99)).toBe(0);
  });

  it('is right to two percent', () => {
    const values = fc.array(fc.double({ min: 0.002, max: 60_000, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, fraction) => {
        const histogram = new LatencyHistogram();
        for (const value of all) histogram.add(value);
        const sorted = [...all].sort((a, b) => a - b);
        const exact = sorted[Math.ceil(all.length * fraction) - 1]!;
        const found = histogram.percentileMs(fraction);
        expect(found).toBeGreaterThanOrEqual(exact * 0.999);
        expect(found).toBeLessThanOrEqual(exact * 1.021);
      }),
    );
  });
});
