import type { Variable } from './dashboard-definition.ts';

const NAMESPACE: Variable = {
  name: 'namespace',
  label: 'Namespace',
  values: 'orbitmq_build_info, namespace',
};

const CLUSTER: Variable = {
  name: 'cluster',
  label: 'Cluster',
  values: 'orbitmq_build_info{namespace=~"$namespace", node_type!="operator"}, cluster',
};

export const OF_CLUSTER: readonly Variable[] = [NAMESPACE, CLUSTER];

export const OF_TOPIC: readonly Variable[] = [
  ...OF_CLUSTER,
  {
    name: 'topic',
    label: 'Topic',
    values: 'rocketmq_consumer_lag_messages{namespace=~"$namespace", cluster=~"$cluster"}, topic',
  },
  {
    name: 'group',
    label: 'Consumer group',
    values:
      'rocketmq_consumer_lag_messages{namespace=~"$namespace", cluster=~"$cluster", topic=~"$topic"}, consumer_group',
  },
];

export const OF_OPERATOR: readonly Variable[] = [
  { ...NAMESPACE, values: 'orbitmq_build_info{node_type=~"operator|controller"}, namespace' },
];
