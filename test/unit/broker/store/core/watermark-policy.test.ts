import { describe, expect, it } from '@jest/globals';
import {
  bytesToFree,
  DEFAULT_WATERMARKS,
  nextWatermark,
  type WatermarkState,
} from '../../../../../broker/store/core/watermark-policy.ts';

const next = (state: WatermarkState, ratio: number): WatermarkState =>
  nextWatermark(state, ratio, DEFAULT_WATERMARKS);

describe('nextWatermark', () => {
  it('rises at 75, 85 and 90 %, also several steps at once', () => {
    expect(
      [0, 0.7499, 0.75, 0.8499, 0.85, 0.8999, 0.9, 1].map((ratio) => next('ok', ratio)),
    ).toEqual(['ok', 'ok', 'cleanup', 'cleanup', 'forced', 'forced', 'full', 'full']);
  });

  it('falls only once usage is 2 % below the mark', () => {
    expect(next('full', 0.89)).toBe('full');
    expect(next('full', 0.8799)).toBe('forced');
    expect(next('forced', 0.84)).toBe('forced');
    expect(next('forced', 0.8299)).toBe('cleanup');
    expect(next('cleanup', 0.74)).toBe('cleanup');
    expect(next('cleanup', 0.7299)).toBe('ok');
    expect(next('full', 0.1)).toBe('ok');
  });
});

describe('bytesToFree', () => {
  it('asks for what brings a forced disk below its mark, and for nothing otherwise', () => {
    expect(bytesToFree('forced', 86, 100, DEFAULT_WATERMARKS)).toBe(3);
    expect(bytesToFree('full', 95, 100, DEFAULT_WATERMARKS)).toBe(12);
    expect(bytesToFree('cleanup', 80, 100, DEFAULT_WATERMARKS)).toBe(0);
    expect(bytesToFree('ok', 10, 100, DEFAULT_WATERMARKS)).toBe(0);
    expect(next('forced', 0.829)).toBe('cleanup');
  });
});
