import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { flat } from '../../../../scripts/chart/chart-readme.ts';
import { readChartValues } from '../../../../scripts/chart/chart-values.ts';
import { valuesSchema } from '../../../../scripts/chart/values-schema.ts';

const CHART = join(import.meta.dirname, '../../../../charts/orbitmq');
const read = (path: string): string => readFileSync(join(CHART, path), 'utf8');
const values = readChartValues(read('values.yaml'));

const ajv = new Ajv({ allErrors: true, strict: false });
const validate = ajv.compile(JSON.parse(valuesSchema()) as object);
const problems = (text: string): unknown[] => {
  validate(parse(text));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
};

describe('values of the chart', () => {
  it('are each described by a sentence', () => {
    const silent = flat(values).filter(({ description }) => !/^[A-Z].*[.]$/s.test(description));
    expect(silent.map(({ path }) => path.join('.'))).toEqual([]);
  });

  it('are used by a template, and templates use no others', () => {
    const templates = ['templates', 'templates/tests'].flatMap((folder) =>
      readdirSync(join(CHART, folder))
        .filter((name) => /\.(yaml|tpl|txt)$/.test(name))
        .map((name) => read(`${folder}/${name}`)),
    );
    const text = [...templates, read('templates/crds/topics.yaml')].join('\n');
    const named = [...text.matchAll(/\.Values\.([\w.]+)/g)].map(([, path = '']) => path);
    const known = flat(values).map(({ path }) => path.join('.'));
    const isPartOf = (inner: string, outer: string): boolean =>
      inner === outer || inner.startsWith(`${outer}.`);
    expect(known.filter((path) => !named.some((name) => isPartOf(path, name)))).toEqual([]);
    expect(named.filter((name) => !known.some((path) => isPartOf(path, name)))).toEqual([]);
  });
});

describe('the schema of the values', () => {
  it('takes the defaults', () => {
    expect(problems(read('values.yaml'))).toEqual([]);
  });

  it.each(readdirSync(join(CHART, 'ci')))('takes ci/%s', (name) => {
    expect(problems(read(`ci/${name}`))).toEqual([]);
  });

  it.each([
    ['a name that is not there', 'operator: { replica: 1 }', /operator must NOT have additional/],
    ['a name at the top', 'clusters: {}', / must NOT have additional properties/],
    ['a wrong type', 'operator: { replicas: two }', /operator\/replicas must be integer/],
    ['a wrong choice', 'image: { pullPolicy: Sometimes }', /pullPolicy must be equal to one/],
    ['no replicas', 'operator: { replicas: 0 }', /replicas must be >= 1/],
    ['a typo in a cluster', 'cluster: { spec: { group: 2 } }', /cluster\/spec must NOT have add/],
    ['too many groups', 'cluster: { spec: { groups: 65 } }', /spec\/groups must be <= 64/],
  ])('refuses %s', (_, text, message) => {
    expect(problems(text)).toEqual([expect.stringMatching(message)]);
  });

  it('lets a chart around it give global values', () => {
    expect(problems('global: { imageRegistry: example.com }')).toEqual([]);
  });
});
