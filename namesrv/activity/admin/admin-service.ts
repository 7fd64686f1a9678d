import type { ServiceTable } from '../../../common/rpc/service-table.ts';
import type { AdminParts } from './admin-parts.ts';
import { clusterMethods } from './cluster-methods.ts';
import { groupMethods } from './group-methods.ts';
import { topicMethods } from './topic-methods.ts';

/** orbitmq.v1.Admin for all registered brokers: each is asked, and what they answer becomes one answer. */
export function adminService(parts: AdminParts): ServiceTable {
  return Object.fromEntries([
    ...topicMethods(parts),
    ...groupMethods(parts),
    ...clusterMethods(parts),
  ]);
}
