import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ERROR_CATALOG } from '../../../../common/errors/catalog.ts';
import { METRICS } from '../../../../common/metrics/metric-table.ts';
import { NODE_OPTION_NAMES } from '../../../../common/options/resolve-options.ts';
import { REFERENCE_PAGES } from '../../../../scripts/docs/reference-pages.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Prettier may break lines and pad tables; words and their order are what must agree. */
const words = (text: string): string[] => text.split(/[\s|-]+/).filter((word) => word !== '');

function headings(path: string, pattern: RegExp): string[] {
  return [...read(path).matchAll(pattern)].map(([, name = '']) => name).sort();
}

describe('reference pages', () => {
  it.each(Object.keys(REFERENCE_PAGES))('%s is as `npm run docs` makes it', (path) => {
    expect(words(read(path))).toEqual(words(REFERENCE_PAGES[path]?.() ?? ''));
  });

  it('have every error code and no other', () => {
    expect(headings('docs/reference/errors.md', /^### ([a-z-]+)$/gm)).toEqual(
      Object.keys(ERROR_CATALOG).sort(),
    );
  });

  it('have every option and no other', () => {
    expect(headings('docs/reference/options.md', /^### `(--[a-z-]+)`$/gm)).toEqual(
      [...NODE_OPTION_NAMES.values()].map(({ flag }) => flag).sort(),
    );
  });

  it('have every metric and no other', () => {
    expect(headings('docs/reference/metrics.md', /^\| `((?:rocketmq|orbitmq)_[a-z_]+)`/gm)).toEqual(
      Object.values(METRICS)
        .map(({ name }) => name)
        .sort(),
    );
  });
});
