import type { BrokerCluster } from '../api/broker-cluster-schema.ts';
import type { BrokerGroup } from '../api/broker-group-schema.ts';
import type { ConsumerGroup } from '../api/consumer-group-schema.ts';
import { API_GROUP, API_VERSION } from '../api/object-meta.ts';
import type { Topic } from '../api/topic-schema.ts';
import { resource } from '../kube/resource.ts';

const VERSION = `${API_GROUP}/${API_VERSION}`;

/** The kinds that are ours. */
export const OWN_RESOURCES = {
  brokerClusters: resource<BrokerCluster>(VERSION, 'BrokerCluster', 'brokerclusters'),
  brokerGroups: resource<BrokerGroup>(VERSION, 'BrokerGroup', 'brokergroups'),
  topics: resource<Topic>(VERSION, 'Topic', 'topics'),
  consumerGroups: resource<ConsumerGroup>(VERSION, 'ConsumerGroup', 'consumergroups'),
};
