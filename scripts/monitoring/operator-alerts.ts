import type { AlertGroup } from './alert-definition.ts';
import { JOBS } from './selectors.ts';

/** The operator itself: without it nothing heals, and nothing else fails. */
export const OPERATOR_ALERTS: AlertGroup = {
  name: 'orbitmq-operator',
  title: 'Operator',
  alerts: [
    {
      name: 'OrbitMQOperatorDown',
      severity: 'critical',
      expr: `sum by (namespace) (up{job="${JOBS.operator}"}) == 0`,
      for: '2m',
      summary: 'No operator of OrbitMQ runs in namespace {{ $labels.namespace }}',
      description: 'Prometheus has not been able to scrape any replica of the operator for 2 m.',
      impact:
        'Clusters go on serving. But there is no failover, no change of the in-sync set and no reconciling until an operator is back.',
      steps: [
        '`kubectl get pods -l app.kubernetes.io/component=operator`, events and previous log of the pods.',
        'An operator that ends with an exit code says why in the last line of its log.',
        'Can it reach the API server? Is its ServiceAccount bound (`helm upgrade` restores it)?',
      ],
    },
  ],
};
