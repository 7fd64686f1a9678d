import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { exportsOf, kebabCase } from './exports.ts';
import { FILES, PRODUCT_FILES, read, TYPESCRIPT } from './source-tree.ts';

const LINES_MAX = 600;
/** Files over the ceiling, each with the reason. Empty is the aim. */
const LONG_FILES: Record<string, string> = {};

const FILE_BYTES_MAX = 512 * 1024;
/** Files made by tools may be as large as they are. */
const LARGE_FILES = ['package-lock.json'];

const stem = (path: string): string => basename(path).replace(/(\.test)?\.ts$/, '');

/** `mq-errors` and `mq-error` are the same words. */
const singular = (word: string): string => word.replace(/ies$/, 'y').replace(/s$/, '');
const wordsOf = (kebab: string): string[] => kebab.split('-').map(singular);

/** A file and what it exports speak of the same thing when one name has a word of the other. */
function sharesWord(path: string, names: readonly string[]): boolean {
  const fileWords = wordsOf(stem(path));
  return names.some((name) => wordsOf(kebabCase(name)).some((word) => fileWords.includes(word)));
}

const classesOf = (path: string): string[] =>
  [...read(path).matchAll(/^export (?:abstract )?class (\w+)/gm)].map(([, name = '']) => name);

describe('files', () => {
  it(`have at most ${LINES_MAX} lines`, () => {
    const long = TYPESCRIPT.filter((path) => read(path).split('\n').length - 1 > LINES_MAX);
    expect(long).toEqual(Object.keys(LONG_FILES));
  });

  it('are not blobs', () => {
    const large = FILES.filter((path) => statSync(path).size > FILE_BYTES_MAX);
    expect(large.filter((path) => !LARGE_FILES.includes(path))).toEqual([]);
  });

  it('have names in kebab-case', () => {
    const odd = TYPESCRIPT.filter(
      (path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.types)?\.ts$/.test(basename(path)),
    );
    expect(odd).toEqual([]);
  });

  it('have names that say what is in them', () => {
    const vague = /\b(utils?|helpers?|misc|common|shared|stuff|various|tools?)\b/;
    expect(TYPESCRIPT.filter((path) => vague.test(basename(path)))).toEqual([]);
  });

  it('are not barrels', () => {
    expect(TYPESCRIPT.filter((path) => basename(path) === 'index.ts')).toEqual([]);
  });

  it('that export one class are named after it', () => {
    const misnamed = PRODUCT_FILES.filter((path) => {
      const [first, ...others] = classesOf(path);
      return first !== undefined && others.length === 0 && !kebabCase(first).includes(stem(path));
    });
    expect(misnamed.map((path) => `${path} exports ${classesOf(path).join()}`)).toEqual([]);
  });

  it('share a word with what they export', () => {
    const misnamed = PRODUCT_FILES.filter((path) => {
      const names = exportsOf(path).map(({ name }) => name);
      return names.length > 0 && stem(path) !== 'main' && !sharesWord(path, names);
    });
    expect(misnamed).toEqual([]);
  });

  it('of unit tests stand where the file that they test stands', () => {
    const files = new Set(TYPESCRIPT);
    const folders = new Set(TYPESCRIPT.map((path) => dirname(path)));
    const tests = TYPESCRIPT.filter((path) => /^test\/unit\/.*\.test\.ts$/.test(path));
    const lost = tests.filter((path) => {
      const mirrored = path.replace('test/unit/', '');
      return !files.has(mirrored.replace('.test.ts', '.ts')) && !folders.has(dirname(mirrored));
    });
    expect(lost).toEqual([]);
  });
});
