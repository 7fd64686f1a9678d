/** Rules of the API server about a BrokerCluster; messages name field, reason and way out. */
import type { CelRule } from './schema.ts';

const SIZE = (object: string, name: string): string => `quantity(string(${object}.${name}))`;

export const STORAGE_RULES: readonly CelRule[] = [
  {
    rule: `${SIZE('self', 'size')}.compareTo(${SIZE('oldSelf', 'size')}) >= 0`,
    message: 'spec.storage.size cannot shrink: volumes in Kubernetes only grow',
    fieldPath: '.size',
  },
  {
    rule: `${SIZE('self', 'size')}.compareTo(quantity('64Mi')) >= 0`,
    message: 'spec.storage.size must be at least 64Mi: the log needs two files',
    fieldPath: '.size',
  },
  {
    rule: 'has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)',
    message:
      'spec.storage.storageClassName cannot be changed: a volume stays in its class; make a new BrokerCluster',
    fieldPath: '.storageClassName',
  },
];

/** As in common/options/option-relations.ts. CEL has no factor of a duration. */
export const HEARTBEAT_RULES: readonly CelRule[] = [
  {
    rule: "duration(self.interval) >= duration('50ms') && duration(self.interval) <= duration('60s')",
    message: 'spec.heartbeat.interval must be from 50ms to 60s',
    fieldPath: '.interval',
  },
  {
    rule: "duration(self.expiry) <= duration('10m')",
    message: 'spec.heartbeat.expiry must be at most 10m',
    fieldPath: '.expiry',
  },
  {
    rule: 'duration(self.interval) + duration(self.interval) + duration(self.interval) <= duration(self.expiry)',
    message:
      'spec.heartbeat.expiry must be at least three times spec.heartbeat.interval: one late heartbeat is no silence',
    fieldPath: '.expiry',
  },
  {
    rule: "duration(self.writeLease) >= duration('100ms')",
    message: 'spec.heartbeat.writeLease must be at least 100ms',
    fieldPath: '.writeLease',
  },
  {
    rule: 'duration(self.writeLease) + duration(self.interval) <= duration(self.expiry)',
    message:
      'spec.heartbeat.writeLease and interval together must not exceed expiry: a master stops acknowledging alone before its successor starts',
    fieldPath: '.writeLease',
  },
];

export const RETENTION_RULES: readonly CelRule[] = [
  {
    rule: "duration(self.maxAge) >= duration('1s') && duration(self.maxAge) <= duration('87600h')",
    message: 'spec.retention.maxAge must be from 1s to 87600h (ten years)',
    fieldPath: '.maxAge',
  },
];

export const TLS_RULES: readonly CelRule[] = [
  {
    rule: 'self.enabled || !self.peers',
    message:
      'spec.tls.peers needs spec.tls.enabled: a node whose peers speak TLS must speak it too',
    fieldPath: '.peers',
  },
  {
    rule: 'self.enabled || !has(self.secretName)',
    message: 'spec.tls.secretName is of no use with spec.tls.enabled: false',
    fieldPath: '.secretName',
  },
];

/** Nodes have a port for each group, load balancers an address. */
const OWN_ADDRESS_EACH = [
  "(self.listeners.external.type == 'NodePort' && !has(self.listeners.external.advertisedPort))",
  "(self.listeners.external.type == 'LoadBalancer' && !has(self.listeners.external.advertisedHost))",
  "(has(self.listeners.external.advertisedHost) && self.listeners.external.advertisedHost.matches('[{](group|index)[}]'))",
].join(' || ');

export const BROKER_CLUSTER_RULES: readonly CelRule[] = [
  {
    rule: 'self.minInSyncReplicas <= self.replicasPerGroup',
    message:
      'spec.minInSyncReplicas must not exceed spec.replicasPerGroup: the groups could never take writes',
    fieldPath: '.minInSyncReplicas',
  },
  {
    rule: "self.replication == 'sync' || self.minInSyncReplicas == 1",
    message:
      'spec.minInSyncReplicas above 1 needs spec.replication: sync: with async a master does not wait for its slaves',
    fieldPath: '.minInSyncReplicas',
  },
  {
    rule: '!self.uncleanElection || self.replicasPerGroup > 1',
    message:
      'spec.uncleanElection needs spec.replicasPerGroup of 2 or more: with one member there is nobody else to elect',
    fieldPath: '.uncleanElection',
  },
  {
    rule: `!has(self.listeners.external) || self.groups == 1 || ${OWN_ADDRESS_EACH}`,
    message:
      'spec.listeners.external must give each group an address of its own: advertisedHost must contain {group} or {index}, unless groups differ by their ports on the nodes',
    fieldPath: '.listeners',
  },
];

/** Of the object as a whole. */
export const BROKER_CLUSTER_ROOT_RULES: readonly CelRule[] = [
  {
    rule: "size(self.metadata.name) <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    message:
      'metadata.name must have at most 40 characters, letters, digits and "-" beginning with a letter: names of pods and Services are made of it',
  },
];
