import { describe, expect, it } from '@jest/globals';
import { DASHBOARDS } from '../../../../scripts/monitoring/dashboards.ts';
import { grafanaJson } from '../../../../scripts/monitoring/grafana-json.ts';

interface PlacedPanel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly description?: string;
  readonly gridPos: { x: number; y: number; w: number; h: number };
  readonly targets?: readonly { refId: string; expr: string }[];
}

const FILES = Object.entries(DASHBOARDS).map(([name, dashboard]) => ({
  name,
  json: JSON.parse(grafanaJson(dashboard)) as { uid: string; panels: PlacedPanel[] },
}));

/** Cells of the grid that a panel covers. */
const cells = ({ gridPos: { x, y, w, h } }: PlacedPanel): string[] =>
  Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`);

describe.each(FILES)('the dashboard $name', ({ json }) => {
  it('has panels that neither overlap nor leave the grid', () => {
    const covered = json.panels.flatMap(cells);
    expect(covered.length).toBe(new Set(covered).size);
    expect(json.panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });

  it('gives each panel an id and a title of its own, and an explanation', () => {
    const ids = json.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const sections = json.panels.filter(({ type }) => type !== 'row');
    expect(sections.filter(({ description = '' }) => description === '')).toEqual([]);
    expect(sections.every(({ targets = [] }) => targets.length > 0)).toBe(true);
  });
});

describe('dashboards', () => {
  it('have addresses of their own', () => {
    expect(new Set(FILES.map(({ json }) => json.uid)).size).toBe(FILES.length);
  });
});
