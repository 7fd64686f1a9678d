/** What every object of the Kubernetes API has, as far as it is read or written here. */

export const API_GROUP = 'orbitmq.io';
export const API_VERSION = 'v1alpha1';

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

/** An object that is rendered here: its kind is known, its content is Kubernetes' business. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** One of ours. */
export interface CustomResource<Spec, Status> extends KubernetesObject {
  readonly spec: Spec;
  /** Missing until the operator has seen it. */
  readonly status?: Status;
}
