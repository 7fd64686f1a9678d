import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { MARKDOWN, read } from './source-tree.ts';

const withoutCode = (text: string): string =>
  text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, 'code');

const headings = (path: string): string[] =>
  [
    ...read(path)
      .replace(/^(```|~~~)[\s\S]*?^\1/gm, '')
      .matchAll(/^#{1,6} +(.+)$/gm),
  ].map(([, title = '']) => title);

/** The anchor that GitHub makes of a heading. */
const anchor = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');

function linksOf(path: string): string[] {
  const text = withoutCode(read(path));
  const inline = [...text.matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)];
  const definitions = [...text.matchAll(/^\[[^\]]+\]: +(\S+)/gm)];
  return [...inline, ...definitions].map(([, target = '']) => target);
}

function isBroken(from: string, link: string): boolean {
  if (/^(https?|mailto):/.test(link)) return false;
  const [file = '', fragment] = link.split('#');
  const path = file === '' ? from : posix.join(posix.dirname(from), file);
  if (!existsSync(path)) return true;
  return (
    fragment !== undefined && path.endsWith('.md') && !headings(path).map(anchor).includes(fragment)
  );
}

describe('Markdown files', () => {
  it('have exactly one title', () => {
    const titles = (path: string): number =>
      (
        read(path)
          .replace(/^(```|~~~)[\s\S]*?^\1/gm, '')
          .match(/^# /gm) ?? []
      ).length;
    expect(MARKDOWN.filter((path) => titles(path) !== 1)).toEqual([]);
  });

  it('link to what exists', () => {
    const broken = MARKDOWN.flatMap((path) =>
      linksOf(path)
        .filter((link) => isBroken(path, link))
        .map((link) => `${path}: ${link}`),
    );
    expect(broken).toEqual([]);
  });

  it('name files of the tree that exist', () => {
    const named =
      /`((?:common|broker|gateway|namesrv|standalone|cli|scripts|test|docs|bench)\/[\w./-]+\.(?:ts|md|js))`/g;
    const missing = MARKDOWN.flatMap((path) =>
      [...read(path).matchAll(named)].flatMap(([, file = '']) =>
        existsSync(file) ? [] : [`${path}: ${file}`],
      ),
    );
    expect(missing).toEqual([]);
  });

  it('that record decisions are numbered without gaps and listed', () => {
    const records = MARKDOWN.filter((path) => /^docs\/adr\/\d/.test(path)).map((path) =>
      path.slice(9),
    );
    expect(records.map((name) => Number(name.slice(0, 4)))).toEqual(
      records.map((_, index) => index + 1),
    );
    expect(linksOf('docs/adr/README.md').sort()).toEqual(records);
  });

  it('of docs/ are all reached from docs/README.md', () => {
    const documents = MARKDOWN.filter(
      (path) => path.startsWith('docs/') && path !== 'docs/README.md',
    );
    const listed = linksOf('docs/README.md').map((link) =>
      posix.join('docs', link.split('#')[0] ?? ''),
    );
    const covers = (path: string): boolean =>
      listed.includes(path) ||
      listed.some((link) => link !== 'docs/' && path.startsWith(`${link.replace(/\/$/, '')}/`));
    expect(documents.filter((path) => !covers(path))).toEqual([]);
  });
});
