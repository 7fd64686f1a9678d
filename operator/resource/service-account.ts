import type { KubernetesObject } from '../api/object-meta.ts';
import type { ClusterContext } from './cluster-context.ts';
import { labelsOf, ownedMetadata } from './metadata.ts';
import { serviceAccountName } from './names.ts';

/** Of all nodes, with no rights: what pods may do is not what whoever owns the `default` account was given. */
export function nodeServiceAccount(context: ClusterContext): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: ownedMetadata(context, serviceAccountName(context), labelsOf(context)),
    automountServiceAccountToken: false,
  } as KubernetesObject;
}
