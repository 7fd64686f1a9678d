import { formatAddress } from '../../common/options/parse-value.ts';
import type { KubernetesObject } from '../api/object-meta.ts';
import type { ClusterContext } from './cluster-context.ts';
import { labelsOf, ownedMetadata, selectorLabels } from './metadata.ts';
import {
  nameServerPeersName,
  nameServersName,
  PROTOCOL_PORT,
  serviceAccountName,
  serviceHost,
} from './names.ts';
import { CONFIG_DIRECTORY, CONFIG_FILE, SHUTDOWN_GRACE_SECONDS } from './node-config.ts';
import {
  commonVolumes,
  CONTAINER_SECURITY,
  heapOptions,
  placement,
  podDefaults,
  podMetadata,
  PORTS,
  PROBES,
  withUserEnv,
  type Part,
} from './pod-parts.ts';

/** Beyond what the process takes to stop. */
const GRACE_MARGIN_SECONDS = 5;

/**
 * It serves on for as long as new connections may still be led to it: until the EndpointSlice and the rules of kube-proxy on each
 * node have forgotten it, which took up to 1.5 s. They would be refused, or hang until their clients give up. Shorter than
 * the 5 s after which Kubernetes looks at a namespace that ends only when half the grace period is over.
 */
const FOLLOW_SECONDS = 4;

/** They keep nothing, and are found by the addresses of one name: any of them may go and come at any time. */
export function nameServerStatefulSet(context: ClusterContext): KubernetesObject {
  const { namesrv } = context.spec;
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: ownedMetadata(context, nameServersName(context), labelsOf(context, 'namesrv')),
    spec: {
      replicas: namesrv.replicas,
      serviceName: nameServerPeersName(context),
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'OnDelete' },
      revisionHistoryLimit: 2,
      selector: { matchLabels: selectorLabels(context, 'namesrv') },
      template: {
        metadata: podMetadata(context, 'namesrv', namesrv.template),
        spec: podSpec(context),
      },
    },
  } as KubernetesObject;
}

function podSpec(context: ClusterContext): Part {
  const { namesrv, imagePullPolicy } = context.spec;
  const { volumes, volumeMounts } = commonVolumes(context, 'namesrv');
  return {
    ...podDefaults(context, serviceAccountName(context)),
    ...placement(context, 'namesrv', namesrv.template),
    terminationGracePeriodSeconds: FOLLOW_SECONDS + SHUTDOWN_GRACE_SECONDS + GRACE_MARGIN_SECONDS,
    containers: [
      {
        name: 'namesrv',
        image: context.image,
        imagePullPolicy,
        args: ['namesrv'],
        env: withUserEnv(environment(context), namesrv.template.env),
        ports: PORTS,
        resources: namesrv.resources,
        ...PROBES,
        lifecycle: { preStop: { exec: { command: ['sleep', String(FOLLOW_SECONDS)] } } },
        securityContext: CONTAINER_SECURITY,
        volumeMounts,
      },
    ],
    volumes,
  };
}

function environment(context: ClusterContext): readonly Part[] {
  const host = `$(POD_NAME).${serviceHost(context, nameServerPeersName(context))}`;
  return [
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'ORBITMQ_CONFIG', value: `${CONFIG_DIRECTORY}/${CONFIG_FILE}` },
    { name: 'ORBITMQ_ADVERTISE', value: formatAddress({ host, port: PROTOCOL_PORT }) },
    ...heapOptions(context.spec.namesrv.resources),
  ];
}
