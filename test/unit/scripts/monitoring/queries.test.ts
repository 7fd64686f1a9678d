import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { MetricDefinition } from '../../../../common/metrics/metric-definition.ts';
import { METRICS } from '../../../../common/metrics/metric-table.ts';
import { ALERT_GROUPS } from '../../../../scripts/monitoring/alerts.ts';
import { DASHBOARDS } from '../../../../scripts/monitoring/dashboards.ts';
import { KNOWN_SERIES } from '../../../support/known-series.ts';
import { readQuery, withVariables } from '../../../support/promql-reading.ts';

const ROOT = join(import.meta.dirname, '../../../..');

interface NamedQuery {
  readonly name: string;
  readonly query: string;
}

const PANELS: readonly NamedQuery[] = Object.entries(DASHBOARDS).flatMap(([file, { rows }]) =>
  rows.flatMap(({ panels }) =>
    panels.flatMap(({ title, queries }) =>
      queries.map(({ expr }, index) => ({
        name: `${file}, ${title}, ${index + 1}`,
        query: withVariables(expr),
      })),
    ),
  ),
);

const VARIABLES: readonly NamedQuery[] = Object.entries(DASHBOARDS).flatMap(
  ([file, { variables }]) =>
    variables.map(({ name, values }) => ({
      name: `${file}, variable ${name}`,
      query: `count by (${values.split(', ').at(-1) ?? ''}) (${withVariables(values.split(', ').slice(0, -1).join(', '))})`,
    })),
);

const ALERTS: readonly NamedQuery[] = ALERT_GROUPS.flatMap(({ alerts }) =>
  alerts.map(({ name, expr }) => ({ name, query: expr })),
);

const ALL = [...PANELS, ...VARIABLES, ...ALERTS];

/** Everything that runs at a user's, as one text. */
const product = ['broker', 'cli', 'common', 'gateway', 'namesrv', 'operator']
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.endsWith('metric-table.ts'))
      .map((path) => readFileSync(join(ROOT, folder, path), 'utf8')),
  )
  .join('\n');

describe('queries of dashboards and alerts', () => {
  it.each(ALL)('$name is PromQL', ({ query }) => {
    expect(readQuery(query).errors).toEqual([]);
  });

  it.each(ALL)('$name asks for series that nodes have, by labels that they have', ({ query }) => {
    const { selectors, grouping } = readQuery(query);
    expect(selectors.length).toBeGreaterThan(0);
    for (const { metric, labels } of selectors) {
      expect([...KNOWN_SERIES.keys()]).toContain(metric);
      expect(labels.filter((label) => !KNOWN_SERIES.get(metric)?.includes(label))).toEqual([]);
    }
    const anyLabel = selectors.flatMap(({ metric }) => KNOWN_SERIES.get(metric) ?? []);
    expect(grouping.filter((label) => !anyLabel.includes(label))).toEqual([]);
  });

  it('ask only for metrics that some code fills', () => {
    const asked = new Set(
      ALL.flatMap(({ query }) => readQuery(query).selectors.map((s) => s.metric)),
    );
    const silent = Object.entries<MetricDefinition>(METRICS).filter(
      ([key, { name }]) =>
        [...asked].some((metric) => metric.replace(/_(bucket|sum|count)$/, '') === name) &&
        !product.includes(`'${key}'`),
    );
    expect(silent.map(([, { name }]) => name)).toEqual([]);
  });
});

describe('the reader of queries', () => {
  it('sees what is no PromQL', () => {
    expect(readQuery('sum by (a (up)').errors).not.toEqual([]);
    expect(readQuery('rate(up[5m)').errors).not.toEqual([]);
  });

  it('tells selectors with their labels from labels of grouping', () => {
    expect(readQuery('sum by (a) (rate(x{b="1", c=~"2"}[5m])) / on (d) y')).toEqual({
      errors: [],
      selectors: [
        { metric: 'x', labels: ['b', 'c'] },
        { metric: 'y', labels: [] },
      ],
      grouping: ['a', 'd'],
    });
  });
});

describe('texts of alerts', () => {
  it.each(ALERT_GROUPS.flatMap(({ alerts }) => alerts))(
    '$name: name only labels that the expression keeps',
    ({ expr, summary, description }) => {
      const { selectors, grouping } = readQuery(expr);
      const kept =
        grouping.length > 0
          ? grouping
          : selectors.flatMap(({ metric }) => KNOWN_SERIES.get(metric) ?? []);
      const named = [...`${summary} ${description}`.matchAll(/\$labels\.(\w+)/g)].map(
        ([, label]) => label,
      );
      expect(named.filter((label) => label === undefined || !kept.includes(label))).toEqual([]);
    },
  );
});
