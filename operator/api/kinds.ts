/** Our kinds: how they are called, listed and scaled. */
import { BROKER_CLUSTER_ROOT_RULES } from './broker-cluster-rules.ts';
import { BROKER_CLUSTER_SPEC } from './broker-cluster-schema.ts';
import { BROKER_CLUSTER_STATUS } from './broker-cluster-status-schema.ts';
import { BROKER_GROUP_SPEC, BROKER_GROUP_STATUS } from './broker-group-schema.ts';
import type { OwnKind } from './conditions.ts';
import { CONSUMER_GROUP_SPEC, CONSUMER_GROUP_STATUS } from './consumer-group-schema.ts';
import { API_GROUP, API_VERSION } from './object-meta.ts';
import type { CelRule, Field } from './schema.ts';
import { TOPIC_SPEC, TOPIC_STATUS } from './topic-schema.ts';

interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'date';
  readonly jsonPath: string;
  /** 0: always shown; 1: only with `-o wide`. */
  readonly priority: 0 | 1;
}

export interface KindDefinition {
  readonly kind: OwnKind;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  /** For `kubectl explain`. */
  readonly description: string;
  readonly spec: Field;
  readonly status: Field;
  /** Rules about the object as a whole. */
  readonly rules: readonly CelRule[];
  readonly columns: readonly Column[];
  readonly scale?: Readonly<
    Record<'specReplicasPath' | 'statusReplicasPath' | 'labelSelectorPath', string>
  >;
}

const column = (
  name: string,
  jsonPath: string,
  type: Column['type'] = 'string',
  priority: Column['priority'] = 0,
): Column => ({ name, type, jsonPath, priority });

const condition = (name: string, type = name, priority: Column['priority'] = 0): Column =>
  column(name, `.status.conditions[?(@.type=="${type}")].status`, 'string', priority);

const AGE = column('Age', '.metadata.creationTimestamp', 'date');

/** In the order in which a person meets them. */
export const KINDS: readonly KindDefinition[] = [
  {
    kind: 'BrokerCluster',
    plural: 'brokerclusters',
    singular: 'brokercluster',
    shortNames: ['bcl'],
    description: 'A message queue: NameServers, and broker groups of a master and its slaves.',
    spec: BROKER_CLUSTER_SPEC,
    status: BROKER_CLUSTER_STATUS,
    rules: BROKER_CLUSTER_ROOT_RULES,
    columns: [
      condition('Ready'),
      column('Groups', '.spec.groups', 'integer'),
      column('Serving', '.status.readyGroups', 'integer'),
      column('Members', '.spec.replicasPerGroup', 'integer'),
      condition('Failover', 'FailoverPossible'),
      condition('Protected', 'AckedDataProtected'),
      condition('Progressing', 'Progressing', 1),
      column('Replication', '.spec.replication', 'string', 1),
      column('Address', '.status.addresses.internal', 'string', 1),
      column('External', '.status.addresses.external', 'string', 1),
      column('Image', '.status.image', 'string', 1),
      AGE,
    ],
    scale: {
      specReplicasPath: '.spec.groups',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    },
  },
  {
    kind: 'BrokerGroup',
    plural: 'brokergroups',
    singular: 'brokergroup',
    shortNames: ['bgr'],
    description:
      'The record of one broker group: who is its master, and who may become it. Made and written by the operator only.',
    spec: BROKER_GROUP_SPEC,
    status: BROKER_GROUP_STATUS,
    rules: [],
    columns: [
      column('Master', '.status.master.name'),
      column('Epoch', '.status.epoch', 'integer'),
      column('Phase', '.status.phase'),
      column('InSync', '.status.syncStateSet'),
      condition('Failover', 'FailoverPossible'),
      column('Cluster', '.spec.clusterName', 'string', 1),
      column('Blocked', '.status.blocked', 'string', 1),
      column('LastChange', '.status.transitions[0].reason', 'string', 1),
      AGE,
    ],
  },
  {
    kind: 'Topic',
    plural: 'topics',
    singular: 'topic',
    shortNames: ['otopic'],
    description: 'A topic of a BrokerCluster.',
    spec: TOPIC_SPEC,
    status: TOPIC_STATUS,
    rules: [],
    columns: [
      column('Cluster', '.spec.clusterRef.name'),
      column('Name', '.status.topicName', 'string', 1),
      column('Type', '.spec.type'),
      column('Queues', '.spec.queuesPerGroup', 'integer'),
      column('Permission', '.spec.permission', 'string', 1),
      condition('Ready'),
      AGE,
    ],
  },
  {
    kind: 'ConsumerGroup',
    plural: 'consumergroups',
    singular: 'consumergroup',
    shortNames: ['ocg'],
    description: 'A consumer group of a BrokerCluster.',
    spec: CONSUMER_GROUP_SPEC,
    status: CONSUMER_GROUP_STATUS,
    rules: [],
    columns: [
      column('Cluster', '.spec.clusterRef.name'),
      column('Name', '.status.groupName', 'string', 1),
      column('Ordered', '.spec.ordered', 'boolean'),
      column('MaxAttempts', '.spec.maxAttempts', 'integer'),
      column('Paused', '.spec.paused', 'boolean'),
      condition('Ready'),
      AGE,
    ],
  },
];

export const OWN_API_VERSION = `${API_GROUP}/${API_VERSION}`;

/** Name of the CustomResourceDefinition. */
export function crdName({ plural }: Pick<KindDefinition, 'plural'>): string {
  return `${plural}.${API_GROUP}`;
}
