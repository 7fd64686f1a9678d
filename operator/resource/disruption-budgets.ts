import type { KubernetesObject } from '../api/object-meta.ts';
import type { ClusterContext } from './cluster-context.ts';
import { labelsOf, ownedMetadata, selectorLabels, type Component } from './metadata.ts';
import { groupName, nameServersName } from './names.ts';

/** Undefined: none is wanted. A majority of NameServers stays; of two or one, one may go, else no node could ever be drained. */
export function nameServerDisruptionBudget(context: ClusterContext): KubernetesObject | undefined {
  const { replicas } = context.spec.namesrv;
  const maxUnavailable = Math.max(1, Math.floor((replicas - 1) / 2));
  return disruptionBudget(context, nameServersName(context), maxUnavailable, 'namesrv');
}

/**
 * Undefined: none is wanted. One member at a time, the master too: its pod hands over before it stops. While it is away the
 * others stay where they are.
 */
export function groupDisruptionBudget(
  context: ClusterContext,
  index: number,
): KubernetesObject | undefined {
  return disruptionBudget(context, groupName(context, index), 1, 'broker', index);
}

function disruptionBudget(
  context: ClusterContext,
  name: string,
  maxUnavailable: number,
  component: Component,
  index?: number,
): KubernetesObject | undefined {
  if (!context.spec.podDisruptionBudget.enabled) return undefined;
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: ownedMetadata(context, name, labelsOf(context, component, index)),
    spec: {
      maxUnavailable,
      // A pod that does not become ready must not keep its node from being drained.
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: selectorLabels(context, component, index) },
    },
  } as KubernetesObject;
}
