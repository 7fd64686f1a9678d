import type { Address } from '../../common/options/option-definition.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import type { KubernetesObject } from '../api/object-meta.ts';
import type { ClusterContext } from './cluster-context.ts';
import { labelsOf, ownedMetadata, selectorLabels } from './metadata.ts';
import {
  brokerName,
  DATA_VOLUME,
  groupName,
  groupPeersName,
  PROTOCOL_PORT,
  serviceAccountName,
  serviceHost,
} from './names.ts';
import {
  CONFIG_DIRECTORY,
  CONFIG_FILE,
  DATA_DIRECTORY,
  SHUTDOWN_GRACE_SECONDS,
} from './node-config.ts';
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
import { waitForHandOver } from './wait-for-hand-over.ts';

/** What the spec alone does not say of a group. */
export interface GroupShape {
  /** From 0. */
  readonly index: number;
  /** What clients are told, of all members alike: it leads to the master of the moment. */
  readonly advertised: Address;
  /** Instead of that of the spec, while members are removed one by one. */
  readonly replicas?: number;
  /** Instead of that of the spec: claim templates of a StatefulSet cannot be changed, only made anew with it. */
  readonly claimSize?: string | number;
}

/** Of the grace of the pod, between the end of the waiting and the moment at which it is killed. */
const GRACE_MARGIN_SECONDS = 2;

/** One group: its members, whichever of them is the master. Pods are replaced by the operator only, in the order of their roles. */
export function brokerStatefulSet(context: ClusterContext, group: GroupShape): KubernetesObject {
  const { index } = group;
  const { spec } = context;
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: ownedMetadata(context, groupName(context, index), labelsOf(context, 'broker', index)),
    spec: {
      replicas: group.replicas ?? spec.replicasPerGroup,
      serviceName: groupPeersName(context, index),
      podManagementPolicy: 'Parallel',
      updateStrategy: { type: 'OnDelete' },
      revisionHistoryLimit: 2,
      persistentVolumeClaimRetentionPolicy: {
        whenDeleted: spec.storage.deletionPolicy,
        whenScaled: spec.storage.deletionPolicy,
      },
      selector: { matchLabels: selectorLabels(context, 'broker', index) },
      template: {
        metadata: podMetadata(context, 'broker', spec.template, index),
        spec: podSpec(context, group),
      },
      volumeClaimTemplates: [claimTemplate(context, group)],
    },
  } as KubernetesObject;
}

function podSpec(context: ClusterContext, group: GroupShape): Part {
  const { spec, image } = context;
  const { volumes, volumeMounts } = commonVolumes(context, 'broker');
  return {
    ...podDefaults(context, serviceAccountName(context)),
    ...placement(context, 'broker', spec.template, group.index),
    terminationGracePeriodSeconds: spec.terminationGraceSeconds,
    containers: [
      {
        name: 'broker',
        image,
        imagePullPolicy: spec.imagePullPolicy,
        args: ['broker'],
        env: withUserEnv(environment(context, group), spec.template.env),
        ports: PORTS,
        resources: spec.resources,
        ...PROBES,
        ...lifecycle(context),
        terminationMessagePath: TERMINATION_MESSAGE,
        securityContext: CONTAINER_SECURITY,
        volumeMounts: [{ name: DATA_VOLUME, mountPath: DATA_DIRECTORY }, ...volumeMounts],
      },
    ],
    volumes,
  };
}

/** The process writes there which run it is; Kubernetes gives it back with the end of the container, which thus is witnessed. */
const TERMINATION_MESSAGE = '/dev/termination-log';

function environment(context: ClusterContext, { index, advertised }: GroupShape): readonly Part[] {
  const host = `$(ORBITMQ_MEMBER_NAME).${serviceHost(context, groupPeersName(context, index))}`;
  return [
    { name: 'ORBITMQ_MEMBER_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'ORBITMQ_CONFIG', value: `${CONFIG_DIRECTORY}/${CONFIG_FILE}` },
    { name: 'ORBITMQ_BROKER_NAME', value: brokerName(index) },
    { name: 'ORBITMQ_MEMBER_ADDRESS', value: formatAddress({ host, port: PROTOCOL_PORT }) },
    { name: 'ORBITMQ_ADVERTISE', value: formatAddress(advertised) },
    { name: 'ORBITMQ_RUN_ID_FILE', value: TERMINATION_MESSAGE },
    ...heapOptions(context.spec.resources),
  ];
}

/** A member without others has nobody to hand over to. */
function lifecycle({ spec }: ClusterContext): Part {
  if (spec.replicasPerGroup === 1) return {};
  const seconds = spec.terminationGraceSeconds - SHUTDOWN_GRACE_SECONDS - GRACE_MARGIN_SECONDS;
  return { lifecycle: { preStop: { exec: { command: waitForHandOver(seconds) } } } };
}

function claimTemplate(context: ClusterContext, { index, claimSize }: GroupShape): Part {
  const { size, storageClassName } = context.spec.storage;
  return {
    metadata: {
      name: DATA_VOLUME,
      labels: labelsOf(context, 'broker', index),
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      ...(storageClassName === undefined ? {} : { storageClassName }),
      resources: { requests: { storage: claimSize ?? size } },
    },
  };
}
