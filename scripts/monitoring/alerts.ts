import type { AlertGroup } from './alert-definition.ts';
import { CONSUMPTION_ALERTS } from './consumption-alerts.ts';
import { NODE_ALERTS } from './node-alerts.ts';
import { OPERATOR_ALERTS } from './operator-alerts.ts';
import { REPLICATION_ALERTS } from './replication-alerts.ts';
import { STORAGE_ALERTS } from './storage-alerts.ts';

/** Every alert, in the order of the runbook. */
export const ALERT_GROUPS: readonly AlertGroup[] = [
  REPLICATION_ALERTS,
  STORAGE_ALERTS,
  CONSUMPTION_ALERTS,
  NODE_ALERTS,
  OPERATOR_ALERTS,
];
