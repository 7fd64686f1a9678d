import { PHASES, TRANSITIONS_MAX } from '../failover/core/group-record.ts';
import { TRANSITION_CAUSES } from '../failover/core/transition.ts';
import type { CustomResource } from './object-meta.ts';
import { decimal, flag, integer, list, object, oneOf, text, type ValueOf } from './schema.ts';
import { conditionsField, MEMBERS_MAX, observedGenerationField } from './recurring-fields.ts';

const EPOCH_MAX = 2 ** 32 - 1;
/** Of the record: far above what is ever there, since a record that is refused would stop a failover. */
const NAMES_MAX = 256;
const PHASES_OF_TRANSITION_MAX = 4096;

const name = text('', {});
const epoch = (description: string) => integer(description, { min: 0, max: EPOCH_MAX });
const members = (description: string) => list(description, name, { max: NAMES_MAX });

const mode = oneOf('Who must have a message before it is acknowledged.', ['async', 'sync'], {});
const unclean = flag('Whether a member outside the in-sync set may be elected.', {});

const groupSpecFields = {
  brokerName: text('Name of the group in routes and receipt handles.', { min: 1, max: 127 }),
  members: list(
    'Processes that keep the log of the group, one of them its master.',
    object(
      'One member.',
      {
        name: text('Name of the member: that of its pod.', { min: 1, max: 127 }),
        address: object(
          'Where other nodes reach this one process.',
          {
            host: text('Host name.', { min: 1, max: 253 }),
            port: integer('Port.', { min: 1, max: 65_535 }),
          },
          {},
        ),
      },
      {},
    ),
    { min: 1, max: MEMBERS_MAX, keys: ['name'] },
  ),
  replication: mode,
  minInSyncReplicas: integer(
    'Members that must be in sync, the master included, for writes to be taken.',
    { min: 1, max: MEMBERS_MAX },
  ),
  uncleanElection: unclean,
};

/** What failover is to know of a group; written by the operator from the BrokerCluster. */
export const BROKER_GROUP_SPEC = object(
  'The group as the BrokerCluster asks for it. Written by the operator; change the BrokerCluster instead.',
  {
    clusterName: text('The BrokerCluster.', { min: 1, max: 63 }),
    paused: flag('Whether failover leaves the group alone.', { default: false }),
    ...groupSpecFields,
  },
  {
    rules: [
      {
        rule: 'self.brokerName == oldSelf.brokerName && self.clusterName == oldSelf.clusterName',
        message:
          'spec.brokerName and spec.clusterName cannot be changed: receipt handles given out would lead nowhere',
        fieldPath: '.brokerName',
      },
      {
        rule: 'self.minInSyncReplicas <= size(self.members)',
        message:
          'spec.minInSyncReplicas must not exceed the number of spec.members: the group could never take writes',
        fieldPath: '.minInSyncReplicas',
      },
    ],
  },
);

const phases = list(
  'What it took, one after the other.',
  object(
    'One phase.',
    { name: text('Which phase.', {}), durationMs: decimal('Milliseconds.', {}) },
    {},
  ),
  { max: PHASES_OF_TRANSITION_MAX },
);

const outcomeFields = {
  reason: text('Why the master changed, for people.', {}),
  cause: oneOf('Why, as one word.', TRANSITION_CAUSES, {}),
  oldEpoch: epoch('Epoch before.'),
  oldMaster: text('Master before; empty at the first election.', {}),
  startedAtMs: decimal('When it began, milliseconds since 1970.', {}),
  phases,
  logEndOffset: integer('End of the log of the winner.', { min: 0 }),
  isUnclean: flag('Whether the winner was outside the in-sync set.', {}),
  lostBytesMax: decimal(
    'Bytes that the old master may have acknowledged and the new one does not have; -1: not known.',
    {},
  ),
};

/** The record of the group (operator/failover/core/group-record.ts), field by field: what is not named here would be dropped. */
export const BROKER_GROUP_STATUS = object(
  'The record of the group: replaced only by compare-and-swap, never written by hand.',
  {
    format: integer('Format of the record.', { min: 1 }),
    brokerName: text('Name of the group.', {}),
    epoch: epoch('Highest epoch that was given out; 0 before the first election.'),
    phase: oneOf('Where the group stands.', PHASES, {}),
    master: object(
      'Master of the epoch.',
      {
        name: text('Member.', {}),
        runId: text('This start of its process.', {}),
      },
      { optional: true },
    ),
    syncStateSet: members('Members that have everything that was confirmed.'),
    setVersion: integer('Counts the changes of the set within the epoch.', { min: 0 }),
    spec: object('The terms of the epoch.', groupSpecFields, {}),
    earlierTerms: object(
      'Terms that the master may still work by.',
      { replication: mode, uncleanElection: unclean },
      { optional: true },
    ),
    fencedMembers: members('Never elected, until an administrator says so.'),
    blocked: text('Why it does not get on; empty while it does.', {}),
    transition: object(
      'The change of master under way.',
      {
        ...outcomeFields,
        target: text('Who should become the master; empty: whoever has most.', {}),
        onFailure: oneOf('What follows when the hand-over fails.', ['resume', 'revoke'], {}),
        phaseAtMs: decimal('When the present phase began, milliseconds since 1970.', {}),
      },
      { optional: true },
    ),
    transitions: list(
      'The last changes of master, newest first.',
      object(
        'One change.',
        {
          ...outcomeFields,
          newEpoch: epoch('Epoch after.'),
          newMaster: text('Master after.', {}),
          durationMs: decimal('Milliseconds from beginning to end.', {}),
        },
        {},
      ),
      { max: TRANSITIONS_MAX },
    ),
    observedGeneration: observedGenerationField,
    conditions: conditionsField,
  },
  { optional: true },
);

export type BrokerGroupSpec = ValueOf<typeof BROKER_GROUP_SPEC>;
export type BrokerGroupStatus = ValueOf<typeof BROKER_GROUP_STATUS>;
export type BrokerGroup = CustomResource<BrokerGroupSpec, BrokerGroupStatus>;
