import type { ServiceTable } from '../../../common/rpc/service-table.ts';
import type { IBrokerDescription } from '../../../proto/generated/orbitmq.ts';
import type { BrokerServices } from '../broker-services.ts';
import { clusterMethods } from './cluster-methods.ts';
import { groupMethods } from './group-methods.ts';
import { topicMethods } from './topic-methods.ts';

/** orbitmq.v1.Admin for one broker. `describeNode` gives what only the node knows of itself: address, version, disk. */
export function adminService(
  services: BrokerServices,
  describeNode: () => IBrokerDescription,
): ServiceTable {
  return Object.fromEntries([
    ...topicMethods(services),
    ...groupMethods(services),
    ...clusterMethods(services, describeNode),
  ]);
}
