/** `npm run docs`: writes the reference pages, and the custom resource definitions of the chart, anew from the tables in the code. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { CRD_FILES } from './docs/crd-files.ts';
import { CHART_FILES } from './chart/chart-files.ts';
import { REFERENCE_PAGES } from './docs/reference-pages.ts';

const ROOT = join(import.meta.dirname, '..');

for (const [path, page] of Object.entries(REFERENCE_PAGES)) {
  const file = fileFor(path);
  writeFileSync(file, await format(page(), { ...(await resolveConfig(file)), filepath: file }));
}
// Templates of a chart are no YAML before Helm has read them: they are written as they are.
for (const [path, template] of Object.entries(CRD_FILES)) writeFileSync(fileFor(path), template());

function fileFor(path: string): string {
  const file = join(ROOT, path);
  mkdirSync(dirname(file), { recursive: true });
  return file;
}

for (const [path, content] of Object.entries(CHART_FILES)) {
  const file = join(ROOT, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content());
}
