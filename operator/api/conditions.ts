/** Conditions in the status of our kinds: one table for the operator, the documentation and the alerts. */
import type { ValueOf } from './schema.ts';
import type { conditionsField } from './recurring-fields.ts';

export type Condition = ValueOf<typeof conditionsField>[number];
export type ConditionStatus = Condition['status'];

export interface ConditionDefinition {
  readonly kinds: readonly OwnKind[];
  /** What `True` says. */
  readonly meaning: string;
  /** The status that is good in the long run; the other one is worth a look. */
  readonly good: 'True' | 'False';
}

export type OwnKind = 'BrokerCluster' | 'BrokerGroup' | 'Topic' | 'ConsumerGroup';

export const CONDITIONS = {
  Ready: {
    kinds: ['BrokerCluster', 'BrokerGroup', 'Topic', 'ConsumerGroup'],
    meaning:
      'it is as the spec says and serves clients: of a cluster every group has a master that takes writes, and a majority of NameServers is ready',
    good: 'True',
  },
  Progressing: {
    kinds: ['BrokerCluster', 'Topic', 'ConsumerGroup'],
    meaning: 'the operator is changing something towards the spec',
    good: 'False',
  },
  SpecAccepted: {
    kinds: ['BrokerCluster', 'Topic', 'ConsumerGroup'],
    meaning:
      'the spec makes sense beyond what the API server checks; with False the last good one stays in force',
    good: 'True',
  },
  FailoverPossible: {
    kinds: ['BrokerCluster', 'BrokerGroup'],
    meaning: 'if a master died now, alone or with its node, another member would take over',
    good: 'True',
  },
  AckedDataProtected: {
    kinds: ['BrokerCluster', 'BrokerGroup'],
    meaning: 'what is acknowledged survives the loss of any one member and its volume',
    good: 'True',
  },
  StorageHealthy: {
    kinds: ['BrokerCluster'],
    meaning: 'all volumes have the size of the spec, and no log has failed or is full',
    good: 'True',
  },
  Upgrading: {
    kinds: ['BrokerCluster'],
    meaning: 'pods are being replaced one by one, because image, template or an option changed',
    good: 'False',
  },
  Scaling: {
    kinds: ['BrokerCluster'],
    meaning: 'broker groups or members are being added, or drained and removed',
    good: 'False',
  },
  Paused: {
    kinds: ['BrokerCluster', 'BrokerGroup', 'Topic', 'ConsumerGroup'],
    meaning: 'nothing is changed, because spec.paused or the annotation orbitmq.io/pause says so',
    good: 'False',
  },
  Fenced: {
    kinds: ['BrokerGroup'],
    meaning: 'a member, or all, may not become master, because orbitmq.io/fence says so',
    good: 'False',
  },
  Conflict: {
    kinds: ['Topic', 'ConsumerGroup'],
    meaning: 'an older resource has the same name in the same cluster; this one is without effect',
    good: 'False',
  },
} satisfies Readonly<Record<string, ConditionDefinition>>;

export type ConditionType = keyof typeof CONDITIONS;

/** Why a condition has its status. Each belongs to any condition that it makes sense with. */
export const CONDITION_REASONS = [
  ...(['AsSpecified', 'Creating', 'Updating', 'Deleting', 'Waiting'] as const),
  ...(['NoMaster', 'TooFewInSync', 'NameServersUnreachable', 'MembersUnreachable'] as const),
  ...(['AllInSync', 'OnlyOneMember', 'NoSlaveInSync', 'AsyncReplication', 'AsyncFlush'] as const),
  ...(['FailoverBlocked', 'FailoverRunning', 'Fenced', 'Paused'] as const),
  ...(['OptionsInvalid', 'SecretMissing', 'SecretInvalid', 'AddressPending'] as const),
  ...(['RollingPods', 'WaitingForSync', 'SwitchingOver', 'PodNotReady'] as const),
  ...(['AddingGroups', 'DrainingGroup', 'AddingMembers', 'RemovingMembers'] as const),
  ...([
    'VolumesGrowing',
    'ExpansionNotAllowed',
    'ExpansionFailed',
    'DiskFull',
    'LogFailed',
  ] as const),
  ...(['ClusterMissing', 'ClusterNotReady', 'Refused', 'NameConflict', 'Adopted'] as const),
  ...(['ApiRefused', 'Unreachable'] as const),
] as const;
export type ConditionReason = (typeof CONDITION_REASONS)[number];
