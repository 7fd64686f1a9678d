import { describe, expect, it } from '@jest/globals';
import { FILES, findLines, PRODUCT_FILES, TYPESCRIPT } from './source-tree.ts';

const TEXT = FILES.filter((path) => !/\.(png|jpg|ico|gz|jar|idx|log|bin)$/.test(path));

/** Written in pieces, so that this file does not contain what it looks for. */
const word = (...pieces: string[]): string => pieces.join('');

describe('the product', () => {
  it('has no unfinished places', () => {
    const marks = [word('TO', 'DO'), word('FIX', 'ME'), word('X', 'XX'), word('HA', 'CK')].join(
      '|',
    );
    const unfinished = new RegExp(String.raw`(//|\*) *(${marks})\b|\b(${marks})[:(]`);
    expect(findLines(TYPESCRIPT, unfinished)).toEqual([]);
    expect(findLines(PRODUCT_FILES, /\bstubs?\b|\bnot (yet )?implemented yet\b/i)).toEqual([]);
  });

  it('does not print past its log and its output', () => {
    expect(findLines(PRODUCT_FILES, /\bconsole\.\w+\(/)).toEqual([]);
  });

  it('gives a reason where it silences a rule', () => {
    const silenced = findLines(TYPESCRIPT, /eslint-disable|@ts-(expect-error|ignore|nocheck)/);
    const files = /^test\/tidy\//;
    expect(
      silenced.filter(
        (line) => !files.test(line) && !/eslint-disable.* -- \w+|@ts-expect-error \w+/.test(line),
      ),
    ).toEqual([]);
  });
});

describe('the repository', () => {
  it('speaks of nothing outside itself', () => {
    const outside = new RegExp(
      [
        word('/wo', 'rk/'),
        word('far', 'm-'),
        word(String.raw`\.lib`, 'rary'),
        word(String.raw`\bsha`, 'red/'),
      ].join('|'),
    );
    const cluster = word('../sha', 'red/kube');
    const mayNameIt = /^(\.ci\/run|test\/e2e\/)/;
    const found = findLines(
      TEXT.filter((path) => path !== 'package-lock.json'),
      outside,
    );
    expect(found.filter((line) => !(mayNameIt.test(line) && line.includes(cluster)))).toEqual([]);
  });
});

describe('tests', () => {
  it('do not wait for real time, except where real processes run', () => {
    const withProcesses = /^test\/(integration|conformance|e2e|support|tidy)\//;
    const realTimers = /^test\/unit\/common\/environment\/node\/|^test\/simulation\/ambient-guard/;
    const virtual = TYPESCRIPT.filter(
      (path) => path.startsWith('test/') && !withProcesses.test(path) && !realTimers.test(path),
    );
    expect(
      findLines(virtual, /\bsetTimeout\(|\bsetInterval\(|timers\/promises|\bAtomics\.wait\(/),
    ).toEqual([]);
  });

  it('are not left alone or switched off', () => {
    expect(
      findLines(
        TYPESCRIPT.filter((path) => !path.startsWith('test/tidy/')),
        /\b(describe|it|test)\.only\(|\b(fdescribe|fit|xdescribe|xit)\(/,
      ),
    ).toEqual([]);
  });
});
