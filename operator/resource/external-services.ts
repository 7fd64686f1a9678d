/** Services that clients outside Kubernetes connect to: one for the NameServers, one for each group. */
import type { KubernetesObject } from '../api/object-meta.ts';
import type { BrokerClusterSpec } from '../api/broker-cluster-schema.ts';
import type { ClusterContext } from './cluster-context.ts';
import { labelsOf, ownedMetadata, selectorLabels } from './metadata.ts';
import { externalName, groupName, nameServersName, PROTOCOL_PORT } from './names.ts';
import type { Part } from './pod-parts.ts';
import { masterSelector } from './services.ts';

type External = NonNullable<BrokerClusterSpec['listeners']['external']>;

/** Undefined: the cluster is not reached from outside. */
export function nameServerExternalService(context: ClusterContext): KubernetesObject | undefined {
  const { external } = context.spec.listeners;
  if (external === undefined) return undefined;
  const name = externalName(nameServersName(context));
  const labels = labelsOf(context, 'namesrv');
  const selector = selectorLabels(context, 'namesrv');
  const metadata = ownedMetadata(context, name, labels, external.annotations);
  return externalService(metadata, external, selector, 0);
}

/** Undefined: the cluster is not reached from outside. */
export function groupExternalService(
  context: ClusterContext,
  index: number,
): KubernetesObject | undefined {
  const { external } = context.spec.listeners;
  if (external === undefined) return undefined;
  const name = externalName(groupName(context, index));
  const labels = labelsOf(context, 'broker', index);
  const metadata = ownedMetadata(context, name, labels, external.annotations);
  return externalService(metadata, external, masterSelector(context, index), index + 1);
}

/** `portIndex`: which port after the base it has on the nodes. */
function externalService(
  metadata: KubernetesObject['metadata'],
  external: External,
  selector: Part,
  portIndex: number,
): KubernetesObject {
  const { type, nodePortBase, loadBalancerClass, sourceRanges, trafficPolicy } = external;
  const nodePort = nodePortBase === undefined ? {} : { nodePort: nodePortBase + portIndex };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: {
      type,
      selector,
      externalTrafficPolicy: trafficPolicy,
      ...(loadBalancerClass === undefined ? {} : { loadBalancerClass }),
      ...(sourceRanges.length === 0 ? {} : { loadBalancerSourceRanges: sourceRanges }),
      ports: [{ name: 'grpc', port: PROTOCOL_PORT, targetPort: 'grpc', ...nodePort }],
    },
  } as KubernetesObject;
}
