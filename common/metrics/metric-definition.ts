/** How a metric is declared: once, for code, exposition and docs/reference/metrics.md. */

export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface MetricDefinition<
  Label extends string = string,
  Type extends MetricType = MetricType,
> {
  readonly type: Type;
  /** Full name as Prometheus sees it. */
  readonly name: string;
  /** Own labels, besides cluster, node_type and node_id that every metric has. */
  readonly labels: readonly Label[];
  readonly help: string;
  /** Unit of the value, in words. */
  readonly unit: string;
  /** Upper bounds of a histogram, ascending, without infinity. */
  readonly buckets?: readonly number[];
  /** How values are put together that exceed the number of series: as a sum, or as their largest. */
  readonly overflow?: 'sum' | 'max';
}

/** Labels of every metric of a node, as RocketMQ names them. */
export interface NodeLabels {
  readonly cluster: string;
  /** `broker`, `namesrv`, `standalone`. */
  readonly node_type: string;
  /** Broker name, or the advertised address of a NameServer. */
  readonly node_id: string;
}

interface Row<Label extends string> {
  readonly labels?: readonly Label[];
  readonly help: string;
  readonly unit: string;
  readonly overflow?: 'sum' | 'max';
}

interface HistogramRow<Label extends string> extends Row<Label> {
  readonly buckets: readonly number[];
}

function define<Label extends string, Type extends MetricType>(
  type: Type,
  name: string,
  row: Row<Label> | HistogramRow<Label>,
): MetricDefinition<Label, Type> {
  return { type, name, ...row, labels: row.labels ?? [] };
}

export const counter = <const Label extends string = never>(
  name: string,
  row: Row<Label>,
): MetricDefinition<Label, 'counter'> => define('counter', name, row);

export const gauge = <const Label extends string = never>(
  name: string,
  row: Row<Label>,
): MetricDefinition<Label, 'gauge'> => define('gauge', name, row);

export const histogram = <const Label extends string = never>(
  name: string,
  row: HistogramRow<Label>,
): MetricDefinition<Label, 'histogram'> => define('histogram', name, row);
