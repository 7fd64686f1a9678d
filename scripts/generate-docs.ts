/** `npm run docs`: writes the reference pages anew from the tables in the code. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { REFERENCE_PAGES } from './docs/reference-pages.ts';

const ROOT = join(import.meta.dirname, '..');

for (const [path, page] of Object.entries(REFERENCE_PAGES)) {
  const file = join(ROOT, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, await format(page(), { ...(await resolveConfig(file)), filepath: file }));
}
