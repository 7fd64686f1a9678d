import type { BrokerClusterStatus } from './broker-cluster-status-schema.ts';
import { listenersField } from './listener-fields.ts';
import type { CustomResource } from './object-meta.ts';
import { optionNameRule } from './option-fields.ts';
import { GRACE_BOUNDS, resourcesField, templateField } from './pod-template-fields.ts';
import {
  flag,
  handedOn,
  integer,
  list,
  map,
  object,
  oneOf,
  quantity,
  text,
  type ValueOf,
  type Written,
} from './schema.ts';
import { durationText, GROUPS_MAX, MEMBERS_MAX } from './recurring-fields.ts';
import {
  BROKER_CLUSTER_RULES,
  HEARTBEAT_RULES,
  RETENTION_RULES,
  STORAGE_RULES,
  TLS_RULES,
} from './broker-cluster-rules.ts';

const NAME_SERVERS_MAX = 9;
const OPTIONS_MAX = 128;
const SECRETS_MAX = 8;
const PEERS_MAX = 16;

/** Not "Off", which YAML reads as false. */
const SPREADS = ['Preferred', 'Required', 'None'] as const;

const namesrvField = object(
  'The NameServers: they know the brokers, tell clients the routes, and witness who is alive.',
  {
    replicas: integer(
      'How many. A majority of them must be reachable for a failover; changing it restarts no broker.',
      { default: 3, min: 1, max: NAME_SERVERS_MAX },
    ),
    resources: resourcesField({ cpu: '100m', memory: '256Mi' }, '512Mi'),
    template: templateField,
  },
  { default: {} },
);

const storageField = object(
  'The volume of each member.',
  {
    size: quantity('Size of the volume. It can grow where the storage class allows it.', {
      default: '10Gi',
    }),
    storageClassName: text(
      'Storage class; without it, that of the cluster. It cannot be changed.',
      {
        optional: true,
        min: 1,
        max: 253,
      },
    ),
    deletionPolicy: oneOf(
      'What becomes of the volumes when the BrokerCluster is deleted, or the group that they belong to.',
      ['Delete', 'Retain'],
      { default: 'Retain' },
    ),
  },
  { default: {}, rules: STORAGE_RULES },
);

const heartbeatField = object(
  'How soon a member that hangs is noticed. A process that ended is noticed at once.',
  {
    interval: durationText('How often a member tells each NameServer that it lives.', {
      default: '1s',
    }),
    expiry: durationText('A member that was silent for this long is gone.', { default: '5s' }),
    writeLease: durationText(
      'How long after a heartbeat that was granted a master may acknowledge without its slaves.',
      { default: '3500ms' },
    ),
  },
  { default: {}, rules: HEARTBEAT_RULES },
);

const retentionField = object(
  'How long messages are kept; a topic can say otherwise.',
  {
    maxAge: durationText('Age from which messages may be deleted, consumed or not.', {
      default: '72h',
    }),
    maxBytes: quantity('Size of the log of a group beyond which its oldest files are deleted.', {
      optional: true,
    }),
  },
  { default: {}, rules: RETENTION_RULES },
);

const tlsField = object(
  'Encryption. Clients choose TLS or plaintext by what they send first.',
  {
    enabled: flag('Whether TLS is spoken besides plaintext.', { default: true }),
    secretName: text(
      'Secret of type kubernetes.io/tls with tls.crt, tls.key and, for peers, ca.crt; without it the operator makes its own authority and certificate.',
      { optional: true, min: 1, max: 253 },
    ),
    peers: flag('Whether the nodes speak TLS to each other, and refuse each other without it.', {
      default: false,
    }),
  },
  { default: {}, rules: TLS_RULES },
);

const networkPolicyField = object(
  'Who may connect to the pods. Clients and other nodes use the same port.',
  {
    enabled: flag('Whether a NetworkPolicy is made for each kind of pod.', { default: true }),
    clients: list(
      'Who may connect to the port of the protocol, as `from` of a NetworkPolicy; none: everybody. Pods of the cluster and the operator always may.',
      handedOn('', {}, {}),
      { default: [], max: PEERS_MAX },
    ),
    metrics: list(
      'Who may read metrics, as `from` of a NetworkPolicy; none: everybody.',
      handedOn('', {}, {}),
      { default: [], max: PEERS_MAX },
    ),
  },
  { default: {} },
);

export const BROKER_CLUSTER_SPEC = object(
  'What the cluster should be.',
  {
    image: text('Image of all nodes; without it, the image that the operator was installed with.', {
      optional: true,
      min: 1,
      max: 512,
      pattern: '^[^\\s]+$',
    }),
    imagePullPolicy: oneOf('When the image is pulled.', ['Always', 'IfNotPresent', 'Never'], {
      default: 'IfNotPresent',
    }),
    imagePullSecrets: list('Names of Secrets for the registry.', text('', { min: 1, max: 253 }), {
      default: [],
      max: SECRETS_MAX,
    }),
    namesrv: namesrvField,
    groups: integer(
      'Broker groups; each has its own share of the queues of every topic. A group that goes is drained first.',
      { default: 1, min: 1, max: GROUPS_MAX },
    ),
    replicasPerGroup: integer('Members of each group: one master, the others slaves.', {
      default: 2,
      min: 1,
      max: MEMBERS_MAX,
    }),
    replication: oneOf(
      'sync acknowledges a message when all members in sync have it, async when the master has it.',
      ['sync', 'async'],
      { default: 'sync' },
    ),
    flush: oneOf(
      'sync acknowledges a message when it is on disk, async when the system has it.',
      ['sync', 'async'],
      { default: 'sync' },
    ),
    minInSyncReplicas: integer(
      'Members that must be in sync, the master included, for writes to be taken. 2 or more keeps what is acknowledged on two disks at any time.',
      { default: 1, min: 1, max: MEMBERS_MAX },
    ),
    uncleanElection: flag(
      'Whether a member that lacks acknowledged messages may become master when no other can. Messages are lost then, and the events say so.',
      { default: false },
    ),
    storage: storageField,
    heartbeat: heartbeatField,
    retention: retentionField,
    options: map(
      'Options of the nodes by their name in the configuration file, as `store.cacheBytes: 256MiB`; numbers and true/false are quoted.',
      text('', { max: 256 }),
      { default: {}, max: OPTIONS_MAX, rules: [optionNameRule()] },
    ),
    resources: resourcesField({ cpu: '250m', memory: '1Gi' }, '2Gi'),
    template: templateField,
    tls: tlsField,
    listeners: listenersField,
    spread: object(
      'How the members of a group, and the NameServers, are kept apart.',
      {
        zones: oneOf('Between zones.', SPREADS, { default: 'Preferred' }),
        hosts: oneOf('Between nodes.', SPREADS, { default: 'Preferred' }),
      },
      { default: {} },
    ),
    terminationGraceSeconds: integer(
      'Time that a pod has to hand over and stop. Handing over takes well below a second when the slaves are level.',
      { default: 60, ...GRACE_BOUNDS },
    ),
    podDisruptionBudget: object(
      'Keeps drains of nodes from taking away two members of a group at a time.',
      { enabled: flag('Whether PodDisruptionBudgets are made.', { default: true }) },
      { default: {} },
    ),
    networkPolicy: networkPolicyField,
    metrics: object(
      'Metrics of the nodes.',
      {
        scrapeAnnotations: flag(
          'Whether pods carry the annotations prometheus.io/scrape, port and path.',
          {
            default: true,
          },
        ),
      },
      { default: {} },
    ),
    paused: flag('While true nothing is changed in Kubernetes; failovers still take place.', {
      default: false,
    }),
  },
  { default: {}, rules: BROKER_CLUSTER_RULES },
);

export type BrokerClusterSpec = ValueOf<typeof BROKER_CLUSTER_SPEC>;
export type BrokerCluster = CustomResource<BrokerClusterSpec, BrokerClusterStatus>;
export type WrittenBrokerClusterSpec = Written<BrokerClusterSpec>;
