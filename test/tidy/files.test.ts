import { existsSync, statSync } from 'node:fs';
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

/** `scan` and `scanner` are the same word. */
const ROOT_LENGTH = 4;
const wordsOf = (kebab: string): string[] =>
  kebab.split('-').map((word) => word.slice(0, ROOT_LENGTH));

/** A file and what it exports speak of the same thing when one name has a word of the other. */
function sharesWord(path: string, name: string): boolean {
  const fileWords = wordsOf(stem(path));
  return wordsOf(kebabCase(name)).some((word) => fileWords.includes(word));
}

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

  it('that export one thing are named after it', () => {
    const misnamed = PRODUCT_FILES.flatMap((path) => {
      const names = exportsOf(path);
      const [first, ...others] = names.filter(({ isType }) => !isType);
      // A policy is named after what it decides, its function after the answer.
      if (!first || others.length > 0 || /(^main|-policy)$/.test(stem(path))) return [];
      return names.some(({ name }) => sharesWord(path, name))
        ? []
        : [`${path} exports ${first.name}`];
    });
    expect(misnamed).toEqual([]);
  });

  it('of unit tests stand where what they test stands', () => {
    const tests = TYPESCRIPT.filter((path) => /^test\/unit\/.*\.test\.ts$/.test(path));
    const lost = tests.filter((path) => {
      const mirrored = path.replace('test/unit/', '');
      return !existsSync(dirname(mirrored));
    });
    expect(lost).toEqual([]);
  });
});
