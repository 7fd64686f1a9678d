import type { AlertGroup } from './alert-definition.ts';
import { JOBS } from './selectors.ts';

const LOOK_AT_LOG =
  'The log of the leader says why: `kubectl logs` of the pod that holds the Lease.';

const turns = (selector: string): string =>
  `sum by (namespace, controller) (rate(orbitmq_reconciles_total${selector}[10m]))`;
const calls = (selector: string): string =>
  `sum by (namespace) (rate(orbitmq_kube_calls_total${selector}[5m]))`;

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
    {
      name: 'OrbitMQOperatorHasNoLeader',
      severity: 'critical',
      expr: 'max by (namespace, lease) (orbitmq_leader) == 0',
      for: '2m',
      summary: 'No replica of the operator in namespace {{ $labels.namespace }} leads',
      description: 'Replicas run, and none of them has held the Lease {{ $labels.lease }} for 2 m.',
      impact: 'As for OrbitMQOperatorDown.',
      steps: [
        '`kubectl get lease` in the namespace of the operator: who holds it, and when was it renewed? A holder that is gone loses it after 15 s.',
        'May the operator write it? A refusal is in its log.',
        'Calls to the API server that fail: OrbitMQOperatorCallsFail.',
      ],
    },
    {
      name: 'OrbitMQOperatorErrors',
      severity: 'warning',
      expr: `${turns('{result="failed"}')} / ${turns('')} > 0.5`,
      for: '15m',
      summary: 'Most turns of the controller {{ $labels.controller }} of the operator fail',
      description:
        '{{ $value | humanizePercentage }} of its turns have ended with an error for 15 m.',
      impact: 'Some resources do not become what they should be. Failovers work on their own.',
      steps: [
        LOOK_AT_LOG,
        'The condition `Ready` of the resource and its events name what was refused and by whom.',
      ],
    },
    {
      name: 'OrbitMQOperatorStalled',
      severity: 'warning',
      expr: 'max by (namespace, controller) (time() - (orbitmq_reconcile_in_progress_since_seconds > 0)) > 300',
      for: '5m',
      summary: 'The controller {{ $labels.controller }} of the operator hangs',
      description: 'One of its turns began {{ $value | humanizeDuration }} ago and is not over.',
      impact: 'What this turn is about does not change any more; other resources do.',
      steps: [
        LOOK_AT_LOG,
        'Restart the leader: `kubectl delete pod`. Another replica goes on where it was. Please report it, with the log.',
      ],
    },
    {
      name: 'OrbitMQOperatorRunaway',
      severity: 'warning',
      expr: 'sum by (namespace, resource) (increase(orbitmq_kube_applied_total{cause=~"changed|drifted"}[30m])) > 100',
      for: '0m',
      summary: 'The operator keeps writing {{ $labels.resource }}',
      description:
        '{{ $value | humanize }} writes within 30 minutes. A cluster that is as it should be takes none.',
      impact: 'Load on the API server, and perhaps restarts.',
      steps: [
        'Does something else change the same objects (another operator of ours in the same namespaces, a policy engine, a GitOps tool that also has the children)? `kubectl get -o yaml --show-managed-fields` tells who.',
        'Two installations must not look after the same namespace: compare `operator.watchNamespaces`.',
      ],
    },
    {
      name: 'OrbitMQOperatorBlind',
      severity: 'warning',
      expr: 'max by (namespace, resource) (orbitmq_kube_last_event_age_seconds) > 900',
      for: '5m',
      summary:
        'The operator has heard nothing of {{ $labels.resource }} for {{ $value | humanizeDuration }}',
      description:
        'The API server sends a sign of life every few minutes at least; this one is missing.',
      impact: 'Changes of these objects are not noticed.',
      steps: [
        'May it list and watch them? Without `rbac.clusterScoped` it does not see nodes, which is as you wanted.',
        'Otherwise the network to the API server; restart the leader.',
      ],
    },
    {
      name: 'OrbitMQOperatorCallsFail',
      severity: 'warning',
      expr: `${calls('{code=~"5..|429|none"}')} / ${calls('')} > 0.2`,
      for: '10m',
      summary:
        '{{ $value | humanizePercentage }} of the calls of the operator to the API server fail',
      description: 'With an error of the server, without an answer, or because there are too many.',
      impact: 'Changes and failovers take longer.',
      steps: [
        'How is the API server? `kubectl get --raw /readyz?verbose`.',
        '429: API Priority and Fairness; give the ServiceAccount of the operator a FlowSchema of its own.',
      ],
    },
  ],
};
