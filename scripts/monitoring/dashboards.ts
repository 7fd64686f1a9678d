import { CLUSTER_DASHBOARD } from './cluster-dashboard.ts';
import type { Dashboard } from './dashboard-definition.ts';
import { OPERATOR_DASHBOARD } from './operator-dashboard.ts';
import { REPLICATION_DASHBOARD } from './replication-dashboard.ts';
import { TOPICS_DASHBOARD } from './topics-dashboard.ts';

/** By the name of the file. */
export const DASHBOARDS: Readonly<Record<string, Dashboard>> = {
  cluster: CLUSTER_DASHBOARD,
  topics: TOPICS_DASHBOARD,
  replication: REPLICATION_DASHBOARD,
  operator: OPERATOR_DASHBOARD,
};
