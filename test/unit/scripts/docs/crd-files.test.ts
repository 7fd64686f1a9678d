import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { crdSchemas } from '../../../../operator/api/crd.ts';
import { CRD_FILES } from '../../../../scripts/docs/crd-files.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** What Helm makes of it when everything is switched on. */
const rendered = (template: string): string =>
  template
    .split('\n')
    .filter((line) => !/^\s*\{\{-/.test(line))
    .join('\n');

describe('custom resource definitions of the chart', () => {
  it.each(Object.keys(CRD_FILES))('%s is as `npm run docs` makes it', (path) => {
    expect(read(path)).toBe(CRD_FILES[path]?.());
  });

  it('are all there, and no others', () => {
    const folder = 'charts/orbitmq/templates/crds';
    expect(readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`)).toEqual(
      Object.keys(CRD_FILES).sort(),
    );
  });

  it('say in YAML what the objects of the operator say, and are kept at uninstall', () => {
    const files = Object.values(CRD_FILES).map((template): unknown => parse(rendered(template())));
    const kept = crdSchemas().map(({ metadata, ...crd }) => ({
      ...crd,
      metadata: {
        ...metadata,
        annotations: { 'helm.sh/resource-policy': 'keep', ...metadata.annotations },
      },
    }));
    expect(files).toEqual(JSON.parse(JSON.stringify(kept)));
  });

  it('has no word that an older YAML reads as a boolean', () => {
    const words = Object.values(CRD_FILES).flatMap((template) =>
      rendered(template())
        .split('\n')
        .filter((line) => /(: |- )(yes|no|on|off|y|n)$/i.test(line)),
    );
    expect(words).toEqual([]);
  });
});
