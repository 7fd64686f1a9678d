import type {
  V1ConfigMap,
  V1Deployment,
  V1Node,
  V1PersistentVolumeClaim,
  V1Pod,
  V1PodDisruptionBudget,
  V1Secret,
  V1Service,
  V1ServiceAccount,
  V1StatefulSet,
  V1NetworkPolicy,
  V1CustomResourceDefinition,
  V1StorageClass,
} from '@kubernetes/client-node';
import type { KubernetesObject } from '../api/object-meta.ts';
import type { LeaseRecord } from './core/lease-view.ts';

/** A kind of the API, with the type of its objects. */
export interface Resource<T extends KubernetesObject = KubernetesObject> {
  readonly apiVersion: string;
  readonly kind: string;
  /** As it stands in addresses. */
  readonly plural: string;
  readonly isNamespaced: boolean;
  /** Never there: it ties the type to the value. */
  readonly objectType?: T;
}

/** Describes a kind, one of ours for example: `resource<Topic>('orbitmq.io/v1alpha1', 'Topic', 'topics')`. */
export function resource<T extends KubernetesObject>(
  apiVersion: string,
  kind: string,
  plural: string,
  isNamespaced = true,
): Resource<T> {
  return { apiVersion, kind, plural, isNamespaced };
}

/**
 * The generated types of the Kubernetes client as they are in JSON: times are text, `_from` is `from`. Objects are read and
 * written as they are, because the classes of that client drop every field that its version does not know.
 */
type InJson<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? readonly InJson<Item>[]
    : T extends object
      ? { readonly [Key in keyof T as Key extends `_${infer Name}` ? Name : Key]: InJson<T[Key]> }
      : T;

type InCluster<T> = KubernetesObject & Omit<InJson<T>, 'apiVersion' | 'kind' | 'metadata'>;

export type Pod = InCluster<V1Pod>;
export type Service = InCluster<V1Service>;
export type ConfigMap = InCluster<V1ConfigMap>;
export type Secret = InCluster<V1Secret>;
export type ServiceAccount = InCluster<V1ServiceAccount>;
export type PersistentVolumeClaim = InCluster<V1PersistentVolumeClaim>;
export type Node = InCluster<V1Node>;
export type StatefulSet = InCluster<V1StatefulSet>;
export type Deployment = InCluster<V1Deployment>;
export type PodDisruptionBudget = InCluster<V1PodDisruptionBudget>;
export type NetworkPolicy = InCluster<V1NetworkPolicy>;
export type StorageClass = InCluster<V1StorageClass>;
export type CustomResourceDefinition = InCluster<V1CustomResourceDefinition>;

export interface Lease extends KubernetesObject {
  readonly spec?: LeaseRecord;
}

/** core/v1 Event, as far as it is written here. */
export interface KubeEvent extends KubernetesObject {
  readonly involvedObject: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
  };
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
  readonly source: { readonly component: string };
  readonly reportingComponent: string;
  readonly reportingInstance: string;
}

/** The kinds that come with Kubernetes and are used here. */
export const RESOURCES = {
  pods: resource<Pod>('v1', 'Pod', 'pods'),
  services: resource<Service>('v1', 'Service', 'services'),
  configMaps: resource<ConfigMap>('v1', 'ConfigMap', 'configmaps'),
  secrets: resource<Secret>('v1', 'Secret', 'secrets'),
  serviceAccounts: resource<ServiceAccount>('v1', 'ServiceAccount', 'serviceaccounts'),
  volumeClaims: resource<PersistentVolumeClaim>(
    'v1',
    'PersistentVolumeClaim',
    'persistentvolumeclaims',
  ),
  nodes: resource<Node>('v1', 'Node', 'nodes', false),
  events: resource<KubeEvent>('v1', 'Event', 'events'),
  statefulSets: resource<StatefulSet>('apps/v1', 'StatefulSet', 'statefulsets'),
  deployments: resource<Deployment>('apps/v1', 'Deployment', 'deployments'),
  disruptionBudgets: resource<PodDisruptionBudget>(
    'policy/v1',
    'PodDisruptionBudget',
    'poddisruptionbudgets',
  ),
  networkPolicies: resource<NetworkPolicy>(
    'networking.k8s.io/v1',
    'NetworkPolicy',
    'networkpolicies',
  ),
  storageClasses: resource<StorageClass>(
    'storage.k8s.io/v1',
    'StorageClass',
    'storageclasses',
    false,
  ),
  leases: resource<Lease>('coordination.k8s.io/v1', 'Lease', 'leases'),
  definitions: resource<CustomResourceDefinition>(
    'apiextensions.k8s.io/v1',
    'CustomResourceDefinition',
    'customresourcedefinitions',
    false,
  ),
};

/** The descriptor of the kind of an object; undefined when it is not among `known`. */
export function resourceOf(
  { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
  known: Iterable<Resource>,
): Resource | undefined {
  for (const candidate of known) {
    if (candidate.apiVersion === apiVersion && candidate.kind === kind) return candidate;
  }
  return undefined;
}

/** Address of a collection, of an object in it, or of a part of that (`status`). */
export function resourcePath(
  { apiVersion, plural, isNamespaced }: Resource,
  namespace: string | undefined,
  name = '',
  subresource = '',
): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const inNamespace = isNamespaced && namespace !== undefined ? `/namespaces/${namespace}` : '';
  const rest = [plural, name, subresource].filter((part) => part !== '').map(encodeURIComponent);
  return `${root}${inNamespace}/${rest.join('/')}`;
}
