import type { KubernetesObject } from '../api/object-meta.ts';
import { brokersName, HTTP_PORT, LABELS, nameServersName, PROTOCOL_PORT } from './names.ts';
import type { ClusterContext } from './cluster-context.ts';
import { labelsOf, ownedMetadata, selectorLabels, type Component } from './metadata.ts';
import type { Part } from './pod-parts.ts';

/** Who may connect to the nodes, empty when nothing is to be restricted. What they connect to is not restricted. */
export function networkPolicies(context: ClusterContext): readonly KubernetesObject[] {
  if (!context.spec.networkPolicy.enabled) return [];
  return [
    networkPolicy(context, nameServersName(context), 'namesrv'),
    networkPolicy(context, brokersName(context), 'broker'),
  ];
}

function networkPolicy(
  context: ClusterContext,
  name: string,
  component: Component,
): KubernetesObject {
  const { clients, metrics } = context.spec.networkPolicy;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: ownedMetadata(context, name, labelsOf(context, component)),
    spec: {
      podSelector: { matchLabels: selectorLabels(context, component) },
      policyTypes: ['Ingress'],
      ingress: [
        ingress(PROTOCOL_PORT, clients.length === 0 ? [] : [...clients, ...peers(context)]),
        ingress(HTTP_PORT, metrics),
      ],
    },
  } as KubernetesObject;
}

/** Nodes and operator, which use the same port as clients. */
function peers({ name, operatorNamespace }: ClusterContext): readonly Part[] {
  return [
    { podSelector: { matchLabels: { [LABELS.cluster]: name } } },
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': operatorNamespace } },
    },
  ];
}

/** From nobody in particular is from everybody. */
function ingress(port: number, from: readonly Part[]): Part {
  const ports = [{ protocol: 'TCP', port }];
  return from.length === 0 ? { ports } : { from, ports };
}
