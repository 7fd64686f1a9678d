import { BAD_FROM_1, GOOD_FROM_1, type Dashboard } from './dashboard-definition.ts';
import { OF_OPERATOR } from './dashboard-variables.ts';

/** Outside Kubernetes the failover controller is a process of its own. */
const CONTROLLER = 'node_type=~"operator|controller", namespace=~"$namespace"';
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
          title: 'Broker groups looked after',
          description: 'By the replica that leads.',
          kind: 'figure',
          unit: 'short',
          queries: [
            {
              expr: `max(count by (instance) (orbitmq_group_epoch{${CONTROLLER}}))`,
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
              expr: `sum(max by (cluster, group) (orbitmq_group_blocked{${CONTROLLER}}))`,
              legend: 'groups',
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
              expr: `rate(process_cpu_seconds_total{${CONTROLLER}}[$__rate_interval])`,
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
