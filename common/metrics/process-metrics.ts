import { collectDefaultMetrics, Registry } from 'prom-client';
import type { NodeLabels } from './metric-definition.ts';
import type { MoreMetrics } from './metrics.ts';

/** Resolution of the event-loop delay; the C++ client drops connections at 3 s, we want to see 10 ms. */
const EVENT_LOOP_RESOLUTION_MS = 10;

/** CPU, memory, garbage collection, file descriptors and event-loop delay of this process, under prom-client's names. */
export function processMetrics(node: NodeLabels): MoreMetrics {
  const registry = new Registry();
  collectDefaultMetrics({
    register: registry,
    labels: { ...node },
    eventLoopMonitoringPrecision: EVENT_LOOP_RESOLUTION_MS,
  });
  return () => registry.metrics();
}

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;
