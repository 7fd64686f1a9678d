import {
  NEUTRAL,
  type Dashboard,
  type Panel,
  type PanelKind,
  type Query,
  type Variable,
} from './dashboard-definition.ts';

/** A schema that Grafana 9 to 12 read and migrate by themselves. */
const SCHEMA_VERSION = 39;
const COLUMNS = 24;
const HEIGHTS: Readonly<Record<PanelKind, number>> = { lines: 8, figure: 4, table: 8 };
const WIDTHS: Readonly<Record<PanelKind, number>> = { lines: 12, figure: 4, table: 12 };
const TYPES: Readonly<Record<PanelKind, string>> = {
  lines: 'timeseries',
  figure: 'stat',
  table: 'table',
};

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

interface Place {
  x: number;
  y: number;
}

/** The file that Grafana imports, or that its sidecar finds in a ConfigMap. */
export function grafanaJson(dashboard: Dashboard): string {
  const { uid, title, description, variables } = dashboard;
  return `${JSON.stringify(
    {
      uid,
      title,
      description,
      tags: ['orbitmq'],
      schemaVersion: SCHEMA_VERSION,
      editable: true,
      graphTooltip: 1,
      refresh: '30s',
      time: { from: 'now-1h', to: 'now' },
      timezone: '',
      links: [
        {
          ...{ title: 'OrbitMQ', type: 'dashboards', tags: ['orbitmq'], asDropdown: true },
          ...{ includeVars: true, keepTime: true },
        },
      ],
      templating: { list: [datasourceVariable, ...variables.map(variable)] },
      panels: placed(dashboard),
    },
    undefined,
    2,
  )}\n`;
}

const datasourceVariable = {
  name: 'datasource',
  label: 'Prometheus',
  type: 'datasource',
  query: 'prometheus',
};

/** All is `.*`, which a series without the label matches too: outside Kubernetes there is no namespace. */
const variable = ({ name, label, values }: Variable) => ({
  name,
  label,
  type: 'query',
  datasource: DATASOURCE,
  query: { query: `label_values(${values})`, refId: name },
  refresh: 2,
  includeAll: true,
  allValue: '.*',
  multi: true,
  sort: 1,
  current: { text: 'All', value: '$__all' },
});

function placed({ rows }: Dashboard): object[] {
  const panels: object[] = [];
  let id = 0;
  let top = 0;
  for (const { title, panels: members } of rows) {
    panels.push({
      ...{ id: ++id, type: 'row', title, collapsed: false, panels: [] },
      gridPos: { x: 0, y: top++, w: COLUMNS, h: 1 },
    });
    const place: Place = { x: 0, y: top };
    let height = 0;
    for (const member of members) {
      const { kind = 'lines' } = member;
      const width = member.width ?? WIDTHS[kind];
      if (place.x + width > COLUMNS) {
        place.x = 0;
        place.y += height;
        height = 0;
      }
      panels.push(panel(++id, member, { ...place, w: width, h: HEIGHTS[kind] }));
      place.x += width;
      height = Math.max(height, HEIGHTS[kind]);
    }
    top = place.y + height;
  }
  return panels;
}

function panel(id: number, definition: Panel, gridPos: object): object {
  const { title, description, kind = 'lines', unit, queries, colors = NEUTRAL } = definition;
  const steps = colors.map(({ from, color }) => ({ value: from, color }));
  return {
    id,
    type: TYPES[kind],
    title,
    description,
    datasource: DATASOURCE,
    gridPos,
    targets: queries.map((query, index) => target(query, index, kind)),
    fieldConfig: {
      defaults: {
        unit,
        thresholds: { mode: 'absolute', steps },
        color: { mode: kind === 'lines' ? 'palette-classic' : 'thresholds' },
        ...(kind === 'lines'
          ? { custom: { fillOpacity: 8, lineWidth: 1, showPoints: 'never' } }
          : {}),
      },
      overrides: [],
    },
    ...(kind === 'table' ? TABLE : {}),
    options: OPTIONS[kind],
  };
}

const target = ({ expr, legend }: Query, index: number, kind: PanelKind) => ({
  refId: String.fromCharCode('A'.charCodeAt(0) + index),
  datasource: DATASOURCE,
  expr,
  legendFormat: legend,
  ...(kind === 'lines' ? { range: true } : { instant: true }),
  ...(kind === 'table' ? { format: 'table' } : {}),
});

/** Labels become columns, and of the several queries of a table one row for equal labels. */
const TABLE = {
  transformations: [
    { id: 'merge', options: {} },
    { id: 'organize', options: { excludeByName: { Time: true } } },
  ],
};

const OPTIONS: Readonly<Record<PanelKind, object>> = {
  lines: {
    legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
  figure: {
    reduceOptions: { calcs: ['lastNotNull'] },
    colorMode: 'value',
    graphMode: 'area',
    textMode: 'auto',
  },
  table: { showHeader: true, sortBy: [{ displayName: 'Value', desc: true }] },
};
