/** What builders know of a BrokerCluster: what it should be, and nothing of how it is. */
import type { BrokerCluster, BrokerClusterSpec } from '../api/broker-cluster-schema.ts';
import { OWN_API_VERSION } from '../api/kinds.ts';
import type { OwnerReference } from '../api/object-meta.ts';

export interface ClusterContext {
  readonly name: string;
  readonly namespace: string;
  /** Complete: with all defaults. */
  readonly spec: BrokerClusterSpec;
  /** What the nodes run: the image of the spec, or the one of the operator. */
  readonly image: string;
  readonly operatorNamespace: string;
  readonly owner: OwnerReference;
  /** Of certificates and peer secret, when nodes are to be restarted for new ones. */
  readonly secretsHash?: string;
}

/** What a cluster does not say of itself. */
export interface ContextDefaults {
  readonly image: string;
  readonly operatorNamespace: string;
  readonly secretsHash?: string;
}

export function clusterContext(
  { metadata, spec }: BrokerCluster,
  { image, operatorNamespace, secretsHash }: ContextDefaults,
): ClusterContext {
  return {
    name: metadata.name,
    namespace: metadata.namespace ?? 'default',
    spec,
    image: spec.image ?? image,
    operatorNamespace,
    owner: {
      apiVersion: OWN_API_VERSION,
      kind: 'BrokerCluster',
      name: metadata.name,
      uid: metadata.uid ?? '',
      controller: true,
      blockOwnerDeletion: true,
    },
    ...(secretsHash === undefined ? {} : { secretsHash }),
  };
}
