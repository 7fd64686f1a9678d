import { readFileSync } from 'node:fs';

/** Version of the package that this file belongs to, beside its sources or above dist/. */
export function packageVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const text = readFileSync(new URL(path, import.meta.url), 'utf8');
      return (JSON.parse(text) as { version: string }).version;
    } catch {
      continue; // not there: the other layout
    }
  }
  return 'unknown';
}
