/** What the pods of brokers and NameServers have in common. */
import type { BrokerClusterSpec } from '../api/broker-cluster-schema.ts';
import type { Resources } from '../api/pod-template-fields.ts';
import type { ClusterContext } from './cluster-context.ts';
import { labelsOf, selectorLabels, type Component } from './metadata.ts';
import {
  brokerConfigName,
  HTTP_PORT,
  nameServerConfigName,
  ownTlsSecretName,
  peerSecretName,
  PROTOCOL_PORT,
} from './names.ts';
import {
  CONFIG_DIRECTORY,
  configHash,
  PEER_SECRET_FILE,
  PEERS_DIRECTORY,
  TLS_DIRECTORY,
} from './node-config.ts';
import { quantityBytes } from './quantity.ts';

export type Part = Readonly<Record<string, unknown>>;
type Template = BrokerClusterSpec['template'];

/** The user of the image. */
const USER_ID = 1000;
/** Readable by user and group, which is the group of the volumes. */
const SECRET_MODE = 0o440;
/** The rest is for what a node keeps outside its heap: caches, buffers of sockets, the code. */
const HEAP_SHARE = 0.5;
const MIB = 2 ** 20;

const POD_SECURITY: Part = {
  runAsNonRoot: true,
  runAsUser: USER_ID,
  runAsGroup: USER_ID,
  fsGroup: USER_ID,
  fsGroupChangePolicy: 'OnRootMismatch',
  seccompProfile: { type: 'RuntimeDefault' },
};

export const CONTAINER_SECURITY: Part = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

export const PORTS: readonly Part[] = [
  { name: 'grpc', containerPort: PROTOCOL_PORT },
  { name: 'http', containerPort: HTTP_PORT },
];

const httpGet = (path: string): Part => ({ httpGet: { path, port: 'http' } });

/**
 * Half an hour to read the log: a node that is at work must not be killed for it. Afterwards it is restarted only when its event
 * loop does not answer for a minute; for its clients the heartbeats have long decided.
 */
export const PROBES: Part = {
  startupProbe: {
    ...httpGet('/readyz'),
    periodSeconds: 1,
    timeoutSeconds: 2,
    failureThreshold: 1800,
  },
  readinessProbe: {
    ...httpGet('/readyz'),
    periodSeconds: 2,
    timeoutSeconds: 2,
    failureThreshold: 3,
  },
  livenessProbe: {
    ...httpGet('/healthz'),
    periodSeconds: 10,
    timeoutSeconds: 5,
    failureThreshold: 6,
  },
};

/** The heap is bounded, so that garbage is collected before the container is killed for its memory. */
export function heapOptions({ limits }: Resources): readonly Part[] {
  const memory = limits?.['memory'];
  if (memory === undefined) return [];
  const heapMib = Math.floor((quantityBytes(memory) * HEAP_SHARE) / MIB);
  return [{ name: 'NODE_OPTIONS', value: `--max-old-space-size=${heapMib}` }];
}

/** A variable of the user replaces one of ours. */
export function withUserEnv(own: readonly Part[], user: Template['env']): readonly Part[] {
  const names = new Set(user.map(({ name }) => name));
  return [...own.filter(({ name }) => !names.has(String(name))), ...user];
}

export function podMetadata(
  context: ClusterContext,
  component: Component,
  template: Template,
  index?: number,
): Part {
  const { metrics } = context.spec;
  return {
    labels: { ...template.labels, ...labelsOf(context, component, index) },
    annotations: {
      ...(metrics.scrapeAnnotations
        ? {
            'prometheus.io/scrape': 'true',
            'prometheus.io/port': String(HTTP_PORT),
            'prometheus.io/path': '/metrics',
          }
        : {}),
      ...template.annotations,
      'orbitmq.io/config-hash': configHash(context, component),
      ...(context.secretsHash === undefined
        ? {}
        : { 'orbitmq.io/secrets-hash': context.secretsHash }),
    },
  };
}

/** Where pods go: what the user says, and what keeps those of one kind, or group, apart. */
export function placement(
  context: ClusterContext,
  component: Component,
  template: Template,
  index?: number,
): Part {
  const { nodeSelector, tolerations, affinity, topologySpreadConstraints, priorityClassName } =
    template;
  const matchLabels = selectorLabels(context, component, index);
  const apart = affinity ?? hostAntiAffinity(context, matchLabels);
  const constraints =
    topologySpreadConstraints.length > 0
      ? topologySpreadConstraints
      : zoneSpread(context, matchLabels);
  return {
    ...(Object.keys(nodeSelector).length === 0 ? {} : { nodeSelector }),
    ...(tolerations.length === 0 ? {} : { tolerations }),
    ...(apart === undefined ? {} : { affinity: apart }),
    ...(constraints.length === 0 ? {} : { topologySpreadConstraints: constraints }),
    ...(priorityClassName === undefined ? {} : { priorityClassName }),
  };
}

function hostAntiAffinity({ spec: { spread } }: ClusterContext, labels: Part): Part | undefined {
  if (spread.hosts === 'None') return undefined;
  const term = { labelSelector: { matchLabels: labels }, topologyKey: 'kubernetes.io/hostname' };
  const rule =
    spread.hosts === 'Required'
      ? { requiredDuringSchedulingIgnoredDuringExecution: [term] }
      : {
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }],
        };
  return { podAntiAffinity: rule };
}

function zoneSpread({ spec: { spread } }: ClusterContext, labels: Part): readonly Part[] {
  if (spread.zones === 'None') return [];
  return [
    {
      maxSkew: 1,
      topologyKey: 'topology.kubernetes.io/zone',
      whenUnsatisfiable: spread.zones === 'Required' ? 'DoNotSchedule' : 'ScheduleAnyway',
      labelSelector: { matchLabels: labels },
    },
  ];
}

interface Volumes {
  readonly volumes: readonly Part[];
  readonly volumeMounts: readonly Part[];
}

/** Configuration, secrets and a place for temporary files; all but the last read-only. */
export function commonVolumes(context: ClusterContext, component: Component): Volumes {
  const { tls } = context.spec;
  const config = component === 'broker' ? brokerConfigName(context) : nameServerConfigName(context);
  const secret = (name: string, secretName: string, keys: readonly string[]): Part => ({
    name,
    secret: {
      secretName,
      defaultMode: SECRET_MODE,
      items: keys.map((key) => ({ key, path: key })),
    },
  });
  // Not the key of the authority, which may lie beside them.
  const tlsFiles = ['tls.crt', 'tls.key', ...(tls.peers ? ['ca.crt'] : [])];
  const mount = (name: string, mountPath: string): Part => ({ name, mountPath, readOnly: true });
  return {
    volumes: [
      { name: 'tmp', emptyDir: { sizeLimit: '64Mi' } },
      { name: 'config', configMap: { name: config } },
      secret('peers', peerSecretName(context), [PEER_SECRET_FILE]),
      ...(tls.enabled
        ? [secret('tls', tls.secretName ?? ownTlsSecretName(context), tlsFiles)]
        : []),
    ],
    volumeMounts: [
      { name: 'tmp', mountPath: '/tmp' },
      mount('config', CONFIG_DIRECTORY),
      mount('peers', PEERS_DIRECTORY),
      ...(tls.enabled ? [mount('tls', TLS_DIRECTORY)] : []),
    ],
  };
}

/** Nodes ask nothing of the API of Kubernetes. */
export function podDefaults({ spec }: ClusterContext, serviceAccountName: string): Part {
  const secrets = spec.imagePullSecrets.map((name) => ({ name }));
  return {
    serviceAccountName,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(secrets.length === 0 ? {} : { imagePullSecrets: secrets }),
    securityContext: POD_SECURITY,
  };
}
