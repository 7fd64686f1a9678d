import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { parseAllDocuments } from 'yaml';
import type { OwnKind } from '../../../../operator/api/conditions.ts';
import { KINDS } from '../../../../operator/api/kinds.ts';
import type { KubernetesObject } from '../../../../operator/api/object-meta.ts';
import { openApiSchema } from '../../../../operator/api/openapi-schema.ts';
import { parseResource } from '../../../../operator/api/parse-resource.ts';
import { clusterContext } from '../../../../operator/resource/cluster-context.ts';
import { optionProblems } from '../../../../operator/resource/node-config.ts';
import { strictSchema } from '../../../../scripts/chart/values-schema.ts';

interface Sample extends KubernetesObject {
  readonly kind: OwnKind;
  readonly spec?: { readonly clusterRef?: { readonly name: string } };
}

const FOLDER = join(import.meta.dirname, '../../../../docs/samples');
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
const samplesOf = (file: string): Sample[] =>
  parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8')).map((doc) => doc.toJS() as Sample);

const ajv = new Ajv({ allErrors: true, strict: false });
const schemas = new Map(
  KINDS.map(({ kind, spec }) => [kind, ajv.compile(strictSchema(openApiSchema(spec)))]),
);

const cases = files.flatMap((file) =>
  samplesOf(file).map((sample) => ({ name: `${file}: ${sample.metadata.name}`, sample })),
);

describe('samples', () => {
  it.each(cases)(
    '$name has only fields that its kind has, with values that it takes',
    ({ sample }) => {
      expect(sample.apiVersion).toBe('orbitmq.io/v1alpha1');
      const validate = schemas.get(sample.kind);
      expect(validate?.(sample.spec ?? {})).toBe(true);
      expect(parseResource(sample.kind, sample)).toMatchObject({ ok: true });
    },
  );

  it.each(cases.filter(({ sample }) => sample.kind === 'BrokerCluster'))(
    '$name gives its nodes options that they take',
    ({ sample }) => {
      const parsed = parseResource('BrokerCluster', sample);
      if (!parsed.ok) throw new Error(parsed.problems.join('; '));
      const defaults = { image: 'orbitmq', operatorNamespace: 'orbitmq' };
      expect(optionProblems(clusterContext(parsed.resource, defaults))).toEqual([]);
    },
  );

  it('have names of their own, so that all can be applied to one namespace', () => {
    const names = cases.map(({ sample }) => `${sample.kind} ${sample.metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it('belong to a cluster that is a sample too', () => {
    const clusters = cases
      .filter(({ sample }) => sample.kind === 'BrokerCluster')
      .map(({ sample }) => sample.metadata.name);
    const named = cases.flatMap(({ sample }) => sample.spec?.clusterRef?.name ?? []);
    expect(named.filter((name) => !clusters.includes(name))).toEqual([]);
  });

  it('are each listed', () => {
    const page = readFileSync(join(FOLDER, 'README.md'), 'utf8');
    expect([...page.matchAll(/^\| \[(.+)\]\(\1\)/gm)].map(([, file]) => file).sort()).toEqual(
      files,
    );
  });
});
