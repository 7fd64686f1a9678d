/** Events that tell the story of a resource; `kubectl describe` shows them. */
import type { OwnKind } from './conditions.ts';

export interface EventDefinition {
  readonly type: 'Normal' | 'Warning';
  readonly kinds: readonly OwnKind[];
  readonly meaning: string;
}

const CLUSTER: readonly OwnKind[] = ['BrokerCluster'];
const GROUP: readonly OwnKind[] = ['BrokerGroup', 'BrokerCluster'];
const RESOURCE: readonly OwnKind[] = ['Topic', 'ConsumerGroup'];
const ALL: readonly OwnKind[] = ['BrokerCluster', 'BrokerGroup', 'Topic', 'ConsumerGroup'];

const normal = (kinds: readonly OwnKind[], meaning: string): EventDefinition => ({
  ...{ type: 'Normal', kinds, meaning },
});
const warning = (kinds: readonly OwnKind[], meaning: string): EventDefinition => ({
  ...{ type: 'Warning', kinds, meaning },
});

export const EVENTS = {
  Created: normal(ALL, 'something was made that the spec asks for'),
  Updated: normal(ALL, 'something was changed towards the spec'),
  Deleted: normal(ALL, 'something was removed that the spec does not ask for'),
  BecameReady: normal(ALL, 'the condition Ready became True'),
  NotReady: warning(ALL, 'the condition Ready became False'),
  PausedReconciling: normal(ALL, 'nothing is changed any more until the pause ends'),
  ResumedReconciling: normal(ALL, 'the pause is over'),
  SpecRefused: warning(ALL, 'the spec makes no sense; the last good one stays in force'),
  ReconcileFailed: warning(ALL, 'a step failed and will be tried again'),

  MasterElected: normal(GROUP, 'a group has its first master'),
  FailoverStarted: warning(GROUP, 'a master is deposed without its help; with the reason'),
  FailoverFinished: normal(GROUP, 'another member is master; with epochs, offsets and times'),
  FailoverBlocked: warning(GROUP, 'nobody can be elected; with the reason'),
  SwitchoverStarted: normal(GROUP, 'a master is asked to hand over'),
  SwitchoverFinished: normal(GROUP, 'a master has handed over without refusing anything'),
  SwitchoverFailed: warning(GROUP, 'a master could not hand over; with the reason'),
  UncleanElection: warning(
    GROUP,
    'a member outside the in-sync set became master: messages may be lost',
  ),
  LeftInSyncSet: warning(GROUP, 'a member is not in sync any more'),
  JoinedInSyncSet: normal(GROUP, 'a member is in sync again'),
  MemberFenced: warning(GROUP, 'a member, or the group, may not be master until it is unfenced'),
  MemberUnfenced: normal(GROUP, 'a member, or the group, may be master again'),

  RollStarted: normal(CLUSTER, 'pods are replaced one by one; with what changed'),
  PodReplaced: normal(CLUSTER, 'a pod was deleted to come back as the spec says'),
  RollFinished: normal(CLUSTER, 'all pods are as the spec says'),
  RollStuck: warning(
    CLUSTER,
    'a pod that was replaced does not become ready; nothing further is replaced',
  ),
  GroupAdded: normal(CLUSTER, 'a broker group was added'),
  GroupDraining: normal(
    CLUSTER,
    'a broker group takes no new messages and waits until its own are consumed',
  ),
  GroupRemoved: normal(CLUSTER, 'a drained broker group was removed'),
  NameServersScaled: normal(CLUSTER, 'the number of NameServers changed'),
  VolumeGrowing: normal(CLUSTER, 'a volume claim was enlarged'),
  VolumeGrown: normal(CLUSTER, 'a volume has its new size'),
  VolumeCannotGrow: warning(CLUSTER, 'the storage class does not allow volumes to grow'),
  DrainingNode: normal(CLUSTER, 'the node of a master is being drained: it hands over first'),
  CertificateIssued: normal(CLUSTER, 'a certificate was made or renewed'),
  CrdOutdated: warning(
    CLUSTER,
    'the installed custom resource definition lacks fields that this operator knows',
  ),

  Adopted: normal(RESOURCE, 'it existed before and belongs to this resource from now on'),
  DriftReverted: normal(RESOURCE, 'somebody changed it at the brokers; it was changed back'),
  NameConflict: warning(RESOURCE, 'an older resource has the same name in the same cluster'),
  RefusedByBroker: warning(RESOURCE, 'a broker refused the change; with its reason'),
  Retained: normal(RESOURCE, 'the resource is deleted, what it stood for stays at the brokers'),
} satisfies Readonly<Record<string, EventDefinition>>;

export type EventReason = keyof typeof EVENTS;
