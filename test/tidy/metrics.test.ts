import { describe, expect, it } from '@jest/globals';
import { METRICS } from '../../common/metrics/metric-table.ts';
import { PRODUCT_FILES, read } from './source-tree.ts';

/** Files that have to do with metrics. */
const sources = PRODUCT_FILES.filter((path) => !path.startsWith('common/metrics/'))
  .map(read)
  .filter((text) => /\bmetrics\b/i.test(text));

describe('metrics', () => {
  it('are filled by somebody, all that are declared', () => {
    const empty = Object.keys(METRICS).filter(
      (key) => !sources.some((text) => text.includes(`'${key}'`)),
    );
    expect(empty).toEqual([]);
  });
});
