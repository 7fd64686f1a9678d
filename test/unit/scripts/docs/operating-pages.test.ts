import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ERROR_CATALOG } from '../../../../common/errors/catalog.ts';
import { NODE_OPTION_NAMES } from '../../../../common/options/resolve-options.ts';
import { CONDITION_REASONS, CONDITIONS } from '../../../../operator/api/conditions.ts';
import { EVENTS } from '../../../../operator/api/events.ts';
import { ALERT_GROUPS } from '../../../../scripts/monitoring/alerts.ts';

const FOLDER = join(import.meta.dirname, '../../../../docs/operating');
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');
const all = readdirSync(FOLDER).map(read).join('\n');
const troubleshooting = read('troubleshooting.md');

/** First cells of the rows of tables whose head begins with `head`. */
function firstCells(page: string, head: string): string[] {
  const tables = page.split(`| ${head} |`).slice(1);
  return tables
    .flatMap((table) => {
      const [body = ''] = table.split('\n\n');
      const rows = body.split('\n').slice(2);
      return rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)]);
    })
    .map(([, word = '']) => word);
}

describe('the page for troubles', () => {
  it('has every condition and no other', () => {
    const section = troubleshooting.split('## By condition')[1]?.split('\n## ')[0] ?? '';
    const named = [...section.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
    expect(named).toEqual(Object.keys(CONDITIONS));
  });

  it('names only reasons that conditions have', () => {
    const named = firstCells(troubleshooting, 'reason');
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((reason) => !CONDITION_REASONS.some((known) => known === reason))).toEqual(
      [],
    );
  });

  it('names only error codes that exist', () => {
    const named = firstCells(troubleshooting, 'code');
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((code) => !(code in ERROR_CATALOG))).toEqual([]);
  });
});

describe('the pages for operators', () => {
  it('name only alerts that exist', () => {
    const known = ALERT_GROUPS.flatMap(({ alerts }) => alerts.map(({ name }) => name));
    const named = [...all.matchAll(/\bOrbitMQ[A-Z]\w+/g)].map(([name]) => name);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('name only events that exist', () => {
    const named = [...all.matchAll(/events? `(\w+)`/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(2);
    expect(named.filter((name) => !(name in EVENTS))).toEqual([]);
  });

  it('name only options that exist', () => {
    const paths = [...NODE_OPTION_NAMES.values()].map(({ yaml }) => yaml);
    const sections = ['store', 'retention', 'topics', 'limits', 'receive', 'admission'];
    const ofClusters = /^retention\.(maxAge|maxBytes)$/;
    const named = [...all.matchAll(/`(\w+\.\w+)`/g)]
      .map(([, path = '']) => path)
      .filter((path) => sections.includes(path.split('.')[0] ?? '') && !ofClusters.test(path));
    expect(named.length).toBeGreaterThan(2);
    expect(named.filter((path) => !paths.includes(path))).toEqual([]);
  });
});
