import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Folders that are not ours to judge: made by tools, or kept out of git. */
const FOREIGN = new Set([
  ...[
    'node_modules',
    'dist',
    'data',
    'coverage',
    '.git',
    '.orbitmq',
    '.venv',
    'target',
    '__pycache__',
  ],
  ...['proto/generated'],
]);

function* walk(folder: string): Generator<string> {
  for (const entry of readdirSync(folder === '' ? '.' : folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (FOREIGN.has(entry.name) || FOREIGN.has(path)) continue;
    if (entry.isDirectory()) yield* walk(path);
    else if (entry.isFile()) yield path;
  }
}

/** Every file of the repository as a path from its root, sorted. */
export const FILES: readonly string[] = [...walk('')].sort();

const PRODUCT = /^(common|broker|gateway|namesrv|operator|standalone|cli)\//;

export const TYPESCRIPT = FILES.filter((path) => path.endsWith('.ts'));
/** What runs at a user's: not tests, benches or scripts. */
export const PRODUCT_FILES = TYPESCRIPT.filter((path) => PRODUCT.test(path));
export const MARKDOWN = FILES.filter((path) => path.endsWith('.md'));

const texts = new Map<string, string>();

export function read(path: string): string {
  let text = texts.get(path);
  if (text === undefined) {
    text = readFileSync(path, 'utf8');
    texts.set(path, text);
  }
  return text;
}

/** `path:line` of every line that matches, for messages that an editor can follow. */
export function findLines(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
      ),
  );
}
