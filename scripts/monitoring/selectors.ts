/**
 * Pieces that queries share. In Kubernetes every series also has the labels that Prometheus gives to its target (namespace,
 * pod, instance, job); elsewhere namespace and pod are missing, which `by (namespace, …)` and `=~".*"` take as empty.
 */

/** A broker group: its members report under one `node_id`, the broker name. */
export const BROKER_GROUP = 'namespace, cluster, node_id';
/** A broker group as a controller names it. */
export const CONTROLLED_GROUP = 'namespace, cluster, group';
/** What a consumer group has to do with a topic, over all brokers. */
export const CONSUMPTION = 'namespace, cluster, topic, consumer_group';

/**
 * Master and slaves of a group fold the same log and report the same backlog: it counts once.
 * `metric` may carry a selector and an offset.
 */
export function backlog(metric: string): string {
  return `sum by (${CONSUMPTION}) (max by (${CONSUMPTION}, node_id) (${metric}))`;
}

/** Labels that Prometheus adds to what it scrapes; see the PodMonitor of the chart. */
export const TARGET_LABELS = ['namespace', 'pod', 'container', 'endpoint', 'instance', 'job'];

/** Values of `job` that alerts rely on, by role; the PodMonitor of the chart sets them. */
export const JOBS = {
  namesrv: 'orbitmq-namesrv',
  broker: 'orbitmq-broker',
  operator: 'orbitmq-operator',
} as const;

/** What the variables of the dashboards leave of the series. */
export const CHOSEN = 'namespace=~"$namespace", cluster=~"$cluster"';

/** Time over which a dashboard counts: four scrapes at least, as Grafana chooses. */
export const RATE = '$__rate_interval';
