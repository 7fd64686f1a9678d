/** Services inside Kubernetes: names that stay, whatever pods come and go. */
import type { KubernetesObject } from '../api/object-meta.ts';
import type { ClusterContext } from './cluster-context.ts';
import { labelsOf, ownedMetadata, selectorLabels, type Component } from './metadata.ts';
import {
  groupName,
  groupPeersName,
  HTTP_PORT,
  LABELS,
  MASTER_ROLE,
  nameServerPeersName,
  nameServersName,
  PROTOCOL_PORT,
} from './names.ts';
import type { Part } from './pod-parts.ts';

const PROTOCOL: Part = { name: 'grpc', port: PROTOCOL_PORT, targetPort: 'grpc' };
const HTTP: Part = { name: 'http', port: HTTP_PORT, targetPort: 'http' };

/** One name with the addresses of all NameServers: brokers register at each, ready or not. */
export function nameServerPeersService(context: ClusterContext): KubernetesObject {
  return headless(context, nameServerPeersName(context), 'namesrv');
}

/** Where clients inside begin: any NameServer that is ready. */
export function nameServerService(context: ClusterContext): KubernetesObject {
  const selector = selectorLabels(context, 'namesrv');
  return service(context, nameServersName(context), labelsOf(context, 'namesrv'), {
    type: 'ClusterIP',
    selector,
    ports: [PROTOCOL],
  });
}

/** A name for each member: the others reach it there, ready or not. */
export function groupPeersService(context: ClusterContext, index: number): KubernetesObject {
  return headless(context, groupPeersName(context, index), 'broker', index);
}

/** The address of the group inside: it leads to the member with the label of the master. */
export function groupService(context: ClusterContext, index: number): KubernetesObject {
  return service(context, groupName(context, index), labelsOf(context, 'broker', index), {
    type: 'ClusterIP',
    selector: masterSelector(context, index),
    ports: [PROTOCOL],
  });
}

/** While no pod has the label, members that are reached otherwise hold requests and pass them on. */
export function masterSelector(context: ClusterContext, index: number): Part {
  return { ...selectorLabels(context, 'broker', index), [LABELS.role]: MASTER_ROLE };
}

function headless(
  context: ClusterContext,
  name: string,
  component: Component,
  index?: number,
): KubernetesObject {
  return service(context, name, labelsOf(context, component, index), {
    type: 'ClusterIP',
    clusterIP: 'None',
    publishNotReadyAddresses: true,
    selector: selectorLabels(context, component, index),
    ports: [PROTOCOL, HTTP],
  });
}

function service(
  context: ClusterContext,
  name: string,
  labels: Readonly<Record<string, string>>,
  spec: Part,
): KubernetesObject {
  const metadata = ownedMetadata(context, name, labels);
  return { apiVersion: 'v1', kind: 'Service', metadata, spec } as KubernetesObject;
}
