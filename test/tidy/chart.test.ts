import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { read } from './source-tree.ts';

describe('the chart', () => {
  it('has the version of the product, in both places', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    const chart = parse(read('charts/orbitmq/Chart.yaml')) as Record<string, string>;
    expect([chart['version'], chart['appVersion']]).toEqual([version, version]);
  });
});
