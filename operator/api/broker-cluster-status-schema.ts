import { integer, list, object, quantity, text, type ValueOf } from './schema.ts';
import {
  conditionsField,
  GROUPS_MAX,
  MEMBERS_MAX,
  observedGenerationField,
} from './recurring-fields.ts';

const count = (description: string) => integer(description, { optional: true, min: 0 });
const address = (description: string) => text(description, { optional: true, max: 300 });

const groupField = object(
  'A broker group.',
  {
    name: text('Name of the group in routes: broker-0 and so on.', { max: 127 }),
    master: text('Member that is the master; empty: none.', { max: 127 }),
    epoch: integer('Epoch of the group.', { min: 0 }),
    phase: text('Where its failover stands.', { max: 32 }),
    inSync: list('Members that have everything that was confirmed.', text('', {}), {
      max: MEMBERS_MAX,
    }),
    members: integer('Members that it should have.', { min: 0 }),
    ready: integer('Members that are ready.', { min: 0 }),
    address: address('Address that clients are told.'),
    draining: text('What a group that goes is waiting for.', { optional: true, max: 1024 }),
    message: text('Why it does not get on; empty while it does.', { optional: true, max: 4096 }),
  },
  {},
);

export const BROKER_CLUSTER_STATUS = object(
  'What the operator has seen and done.',
  {
    observedGeneration: observedGenerationField,
    conditions: conditionsField,
    replicas: count('Broker groups there are, those that are being drained included.'),
    readyGroups: count('Broker groups that have a master which takes writes.'),
    selector: text('Label selector of the pods of the brokers.', { optional: true, max: 512 }),
    namesrv: object(
      'The NameServers.',
      {
        replicas: integer('How many there are.', { min: 0 }),
        ready: integer('How many are ready.', { min: 0 }),
      },
      { optional: true },
    ),
    groups: list('The broker groups.', groupField, {
      optional: true,
      max: GROUPS_MAX,
      keys: ['name'],
    }),
    addresses: object(
      'Where clients connect to.',
      {
        internal: address('From inside Kubernetes.'),
        external: address('From outside; missing until it is known.'),
      },
      { optional: true },
    ),
    image: text('Image that all nodes run; missing while they differ.', {
      optional: true,
      max: 512,
    }),
    storageSize: quantity('Smallest of the volumes as they are now.', { optional: true }),
    version: text('Version of the operator that wrote this.', { optional: true, max: 64 }),
  },
  { optional: true },
);

export type BrokerClusterStatus = ValueOf<typeof BROKER_CLUSTER_STATUS>;
export type BrokerGroupSummary = ValueOf<typeof groupField>;
