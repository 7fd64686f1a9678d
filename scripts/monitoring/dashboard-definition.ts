/** What a dashboard shows; how Grafana wants it written is in grafana-json.ts. */

export interface Query {
  /** PromQL; the variables of the dashboard may stand in it. */
  readonly expr: string;
  /** Name of each line, with `{{label}}`. */
  readonly legend: string;
}

export type PanelKind = 'lines' | 'figure' | 'table';

export interface Panel {
  readonly title: string;
  /** What it means and from when on it is bad: shown at the corner of the panel. */
  readonly description: string;
  readonly kind?: PanelKind;
  /** As Grafana names units: `short`, `bytes`, `s`, `ms`, `ops`, `Bps`, `percentunit`. */
  readonly unit: string;
  readonly queries: readonly Query[];
  /** Columns of 24; 12 for lines, 4 for figures. */
  readonly width?: number;
  /** From this value on a figure is green; from the other one on red. */
  readonly colors?: readonly Threshold[];
}

export interface Threshold {
  readonly from: number | null;
  readonly color: 'green' | 'orange' | 'red';
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  /** A label, and the metric that has it. */
  readonly values: string;
}

export interface DashboardRow {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Dashboard {
  /** Part of the address in Grafana; does not change. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly DashboardRow[];
}

export const GOOD_FROM_1: readonly Threshold[] = [
  { from: null, color: 'red' },
  { from: 1, color: 'green' },
];
export const BAD_FROM_1: readonly Threshold[] = [
  { from: null, color: 'green' },
  { from: 1, color: 'red' },
];
export const NEUTRAL: readonly Threshold[] = [{ from: null, color: 'green' }];
