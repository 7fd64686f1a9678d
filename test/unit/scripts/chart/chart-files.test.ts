import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { CHART_FILES } from '../../../../scripts/chart/chart-files.ts';

const ROOT = join(import.meta.dirname, '../../../..');

describe('files of the chart', () => {
  it.each(Object.keys(CHART_FILES))('%s is as `npm run docs` makes it', (path) => {
    expect(readFileSync(join(ROOT, path), 'utf8')).toBe(CHART_FILES[path]?.());
  });
});
