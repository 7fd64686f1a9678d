import type { MetricDefinition } from '../../common/metrics/metric-definition.ts';
import { METRICS } from '../../common/metrics/metric-table.ts';
import { TARGET_LABELS } from '../../scripts/monitoring/selectors.ts';

const NODE_LABELS = ['cluster', 'node_type', 'node_id'];

/** Those of prom-client that the dashboards use, and what Prometheus adds for each target. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  up: [],
  process_cpu_seconds_total: NODE_LABELS,
  process_resident_memory_bytes: NODE_LABELS,
  process_start_time_seconds: NODE_LABELS,
  process_open_fds: NODE_LABELS,
  process_max_fds: NODE_LABELS,
  nodejs_eventloop_lag_p99_seconds: NODE_LABELS,
};

/** Series by name with their labels, as Prometheus has them after a scrape. */
export const KNOWN_SERIES: ReadonlyMap<string, readonly string[]> = new Map([
  ...Object.values<MetricDefinition>(METRICS).flatMap(seriesOf),
  ...Object.entries(OTHERS).map(([name, labels]) => [name, [...labels, ...TARGET_LABELS]] as const),
]);

function seriesOf({
  name,
  type,
  labels,
}: MetricDefinition): (readonly [string, readonly string[]])[] {
  const all = [...labels, ...NODE_LABELS, ...TARGET_LABELS];
  if (type !== 'histogram') return [[name, all]];
  return [
    [`${name}_bucket`, [...all, 'le']],
    [`${name}_sum`, all],
    [`${name}_count`, all],
  ];
}
