import { BAD_FROM_1, GOOD_FROM_1, type Dashboard } from './dashboard-definition.ts';
import { OF_OPERATOR } from './dashboard-variables.ts';
import { RATE } from './selectors.ts';

/** Outside Kubernetes the failover controller is a process of its own. */
const OPERATOR = 'node_type="operator", namespace=~"$namespace"';
const CONTROLLER = 'node_type=~"operator|controller", namespace=~"$namespace"';
/** Figures of groups have the namespace of their cluster, not that of the operator. */
const EVERYWHERE = 'node_type=~"operator|controller"';
const replica = '{{node_type}} {{pod}} {{instance}}';

export const OPERATOR_DASHBOARD: Dashboard = {
  uid: 'orbitmq-operator',
  title: 'OrbitMQ: operator',
  description: 'Does it work, what does it ask of the API server, what does it use.',
  variables: OF_OPERATOR,
  rows: [
    {
      title: 'Now',
      panels: [
        {
          title: 'Replicas',
          description: 'That run. One of them leads, the others wait.',
          kind: 'figure',
          unit: 'short',
          colors: GOOD_FROM_1,
          queries: [{ expr: `count(orbitmq_build_info{${CONTROLLER}})`, legend: 'replicas' }],
        },
        {
          title: 'Leaders',
          description: 'Exactly one.',
          kind: 'figure',
          unit: 'short',
          colors: GOOD_FROM_1,
          queries: [{ expr: `sum(orbitmq_leader{${OPERATOR}})`, legend: 'leaders' }],
        },
        {
          title: 'Broker groups looked after',
          description: 'By the replica that leads.',
          kind: 'figure',
          unit: 'short',
          queries: [
            {
              expr: `max(count by (instance) (orbitmq_group_epoch{${EVERYWHERE}}))`,
              legend: 'groups',
            },
          ],
        },
        {
          title: 'Groups that are blocked',
          description: 'The status of the BrokerGroup says by what.',
          kind: 'figure',
          unit: 'short',
          colors: BAD_FROM_1,
          queries: [
            {
              expr: `sum(max by (namespace, cluster, group) (orbitmq_group_blocked{${EVERYWHERE}}))`,
              legend: 'groups',
            },
          ],
        },
      ],
    },
    {
      title: 'Work',
      panels: [
        {
          title: 'Turns',
          description: 'Looks at one object, by controller and result. Quiet clusters take few.',
          unit: 'ops',
          queries: [
            {
              expr: `sum by (controller, result) (rate(orbitmq_reconciles_total{${OPERATOR}}[${RATE}]))`,
              legend: '{{controller}} {{result}}',
            },
          ],
        },
        {
          title: 'Time of a turn, 99th percentile',
          description: 'Above a minute a turn is ended.',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.99, sum by (controller, le) (rate(orbitmq_reconcile_duration_seconds_bucket{${OPERATOR}}[${RATE}])))`,
              legend: '{{controller}}',
            },
          ],
        },
        {
          title: 'Objects that wait',
          description: 'For their turn. Must come back to 0.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (controller) (orbitmq_reconcile_queue_depth{${OPERATOR}})`,
              legend: '{{controller}}',
            },
          ],
        },
        {
          title: 'Waiting time, 99th percentile',
          description: 'From the first reason to look at an object until its turn.',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.99, sum by (controller, le) (rate(orbitmq_reconcile_queue_latency_seconds_bucket{${OPERATOR}}[${RATE}])))`,
              legend: '{{controller}}',
            },
          ],
        },
        {
          title: 'Children written',
          description:
            'By cause. None while nothing changes; "drifted" again and again: somebody else changes them too.',
          unit: 'ops',
          queries: [
            {
              expr: `sum by (resource, cause) (rate(orbitmq_kube_applied_total{${OPERATOR}}[${RATE}]))`,
              legend: '{{resource}} {{cause}}',
            },
          ],
        },
        {
          title: 'Retries',
          description: 'Turns that failed and are tried again.',
          unit: 'ops',
          queries: [
            {
              expr: `sum by (controller) (rate(orbitmq_reconcile_retries_total{${OPERATOR}}[${RATE}])) or vector(0)`,
              legend: '{{controller}}',
            },
          ],
        },
      ],
    },
    {
      title: 'API server',
      panels: [
        {
          title: 'Calls',
          description: 'By verb and resource.',
          unit: 'ops',
          queries: [
            {
              expr: `sum by (verb, resource) (rate(orbitmq_kube_calls_total{${OPERATOR}}[${RATE}]))`,
              legend: '{{verb}} {{resource}}',
            },
          ],
        },
        {
          title: 'Calls that were not granted',
          description: 'By status. 404 and 409 are part of the work.',
          unit: 'ops',
          queries: [
            {
              expr: `sum by (code, resource) (rate(orbitmq_kube_calls_total{${OPERATOR}, code!~"2.."}[${RATE}])) or vector(0)`,
              legend: '{{code}} {{resource}}',
            },
          ],
        },
        {
          title: 'Time of a call, 99th percentile',
          description: 'Until the head of the answer.',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.99, sum by (verb, le) (rate(orbitmq_kube_call_duration_seconds_bucket{${OPERATOR}}[${RATE}])))`,
              legend: '{{verb}}',
            },
          ],
        },
        {
          title: 'Objects in the caches',
          description: 'What its memory goes with.',
          unit: 'short',
          queries: [
            {
              expr: `max by (resource) (orbitmq_kube_objects{${OPERATOR}})`,
              legend: '{{resource}}',
            },
          ],
        },
        {
          title: 'Age of the last event',
          description: 'A bookmark at least should come every few minutes.',
          unit: 's',
          queries: [
            {
              expr: `max by (resource) (orbitmq_kube_last_event_age_seconds{${OPERATOR}})`,
              legend: '{{resource}}',
            },
          ],
        },
        {
          title: 'Lists',
          description:
            'That filled a cache anew. Only at the start, or when a version was forgotten.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (resource) (increase(orbitmq_kube_lists_total{${OPERATOR}}[5m]))`,
              legend: '{{resource}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Process',
      panels: [
        {
          title: 'CPU',
          description: 'Cores.',
          unit: 'short',
          queries: [
            {
              expr: `rate(process_cpu_seconds_total{${CONTROLLER}}[${RATE}])`,
              legend: replica,
            },
          ],
        },
        {
          title: 'Memory',
          description: 'Resident; grows with the number of objects watched.',
          unit: 'bytes',
          queries: [{ expr: `process_resident_memory_bytes{${CONTROLLER}}`, legend: replica }],
        },
        {
          title: 'Event-loop delay, 99th percentile',
          description: 'An operator that hangs loses its lease.',
          unit: 's',
          queries: [{ expr: `nodejs_eventloop_lag_p99_seconds{${CONTROLLER}}`, legend: replica }],
        },
        {
          title: 'Open file descriptors',
          description: 'Must not grow without end: connections to the API server and to members.',
          unit: 'short',
          queries: [{ expr: `process_open_fds{${CONTROLLER}}`, legend: replica }],
        },
      ],
    },
  ],
};
