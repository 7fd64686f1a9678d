import { createHash } from 'node:crypto';
import type { Logger } from '../../common/log/logger.ts';
import type { Metrics } from '../../common/metrics/metrics.ts';
import type { KubernetesObject, OwnerReference } from '../api/object-meta.ts';
import { objectKey } from './core/object-store.ts';
import {
  appliedFields,
  driftedFields,
  type FieldSet,
  type ManagedFieldsEntry,
} from './core/owned-fields.ts';
import type { KubeClient } from './kube-client.ts';
import { isKubeError, KubeError } from './kube-error.ts';
import { resourceOf, type Resource } from './resource.ts';

/** Hash of the object as it was rendered last: when it is equal, only what others changed needs to be looked for. */
export const APPLIED_ANNOTATION = 'orbitmq.io/applied';

export interface ChildApplierPorts {
  readonly client: Pick<KubeClient, 'apply' | 'find' | 'delete' | 'fieldManager'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Every kind that is ever given or observed. */
  readonly resources: readonly Resource[];
}

export interface ApplyRequest {
  /** Becomes the controller of every object that is in its namespace. */
  readonly owner: KubernetesObject;
  /** What there shall be, in the order in which it is written. */
  readonly objects: readonly KubernetesObject[];
  /**
   * What there is, from caches or live: objects of the kinds in question, the owner's and at least those that have the names
   * of `objects`. What is missing here is looked up live before it is made.
   */
  readonly observed: readonly KubernetesObject[];
  /** Of `observed`, those with all of these labels and this owner that are not desired are deleted. */
  readonly pruneLabels: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface ChildRef {
  readonly kind: string;
  readonly namespace: string | undefined;
  readonly name: string;
}

export interface ApplyFailure {
  readonly ref: ChildRef;
  readonly error: KubeError;
}

/** What was done. All empty but `unchanged`: nothing was written, and nothing was asked. */
export interface ApplyReport {
  readonly created: readonly ChildRef[];
  readonly updated: readonly ChildRef[];
  readonly deleted: readonly ChildRef[];
  readonly unchanged: number;
  /** Objects of that name which belong to somebody else: they are not touched. */
  readonly foreign: readonly ChildRef[];
  /** Objects of that name which are being deleted: they are made anew when they are gone. */
  readonly terminating: readonly ChildRef[];
  /** The others were done nevertheless. */
  readonly failures: readonly ApplyFailure[];
}

type Deed = 'created' | 'updated' | 'foreign' | 'terminating' | 'deleted';

/** Fields per object that the server does not keep as ours: of this many objects at most. */
const UNKEPT_MAX = 10_000;

/**
 * Makes the children of an object what they shall be, by server-side apply with one field manager, and writes only what
 * differs: an equal hash and fields that are all still ours are no call at all. Fields that others have changed are taken
 * back; fields that we never set are theirs.
 */
export class ChildApplier {
  readonly #ports: ChildApplierPorts;
  /** By UID and hash: fields that were not ours even right after applying them, so that they are no drift. */
  readonly #unkept = new Map<string, ReadonlySet<string>>();

  constructor(ports: ChildApplierPorts) {
    this.#ports = ports;
  }

  async applyAll(request: ApplyRequest): Promise<ApplyReport> {
    const observed = new Map(request.observed.map((object) => [idOf(object), object]));
    const done: Record<Deed, ChildRef[]> = {
      created: [],
      updated: [],
      foreign: [],
      terminating: [],
      deleted: [],
    };
    const failures: ApplyFailure[] = [];
    let unchanged = 0;
    const attempt = async (
      object: KubernetesObject,
      work: () => Promise<Deed | 'unchanged'>,
    ): Promise<void> => {
      try {
        const deed = await work();
        if (deed === 'unchanged') unchanged++;
        else done[deed].push(refOf(object));
      } catch (error) {
        if (!isKubeError(error) || error.kind === 'aborted') throw error;
        failures.push({ ref: refOf(object), error });
      }
    };
    for (const object of request.objects) {
      const there = observed.get(idOf(object));
      await attempt(object, () => this.#applyOne(request, object, there));
    }
    for (const object of unwanted(request)) {
      await attempt(object, () => this.#delete(object, request.signal));
    }
    return { ...done, unchanged, failures };
  }

  async #applyOne(
    { owner, signal }: ApplyRequest,
    object: KubernetesObject,
    observed: KubernetesObject | undefined,
  ): Promise<Deed | 'unchanged'> {
    const resource = this.#resource(object);
    const hash = hashOf(object);
    const rendered = renderedFor(owner, object, hash);
    const live = observed ?? (await this.#ports.client.find(resource, object.metadata, { signal }));
    if (live !== undefined && !isOurs(live, owner, object)) return 'foreign';
    if (live?.metadata.deletionTimestamp !== undefined) return 'terminating';
    const cause = live === undefined ? 'missing' : this.#difference(live, rendered, hash);
    if (cause === undefined) return 'unchanged';
    // With the UID, an object that was made anew meanwhile is not taken for the one that was looked at.
    const uid = live?.metadata.uid;
    const body = { ...rendered, metadata: { ...rendered.metadata, ...(uid ? { uid } : {}) } };
    const stored = await this.#ports.client.apply(resource, body, { force: true, signal });
    this.#count(resource, cause);
    this.#remember(stored, rendered, hash);
    return live === undefined ? 'created' : 'updated';
  }

  /** Why an object must be written; undefined when it need not. */
  #difference(
    live: KubernetesObject,
    rendered: KubernetesObject,
    hash: string,
  ): 'changed' | 'drifted' | undefined {
    if (live.metadata.annotations?.[APPLIED_ANNOTATION] !== hash) return 'changed';
    const drifted = this.#drift(live, rendered);
    const unkept = this.#unkept.get(`${live.metadata.uid ?? ''} ${hash}`);
    const found = drifted.filter((path) => unkept?.has(path) !== true);
    if (found.length === 0) return undefined;
    const { kind, metadata } = rendered;
    const fields = found.slice(0, 10).join(' ');
    this.#ports.logger.info('somebody changed fields of ours: they are set again', {
      kind,
      namespace: metadata.namespace,
      name: metadata.name,
      fields,
    });
    return 'drifted';
  }

  #drift(live: KubernetesObject, rendered: KubernetesObject): string[] {
    const owned: FieldSet =
      appliedFields(managedFieldsOf(live), this.#ports.client.fieldManager) ?? {};
    return driftedFields(rendered, owned);
  }

  /** What the server did not keep as ours (it dropped the field, for example) is no drift the next time. */
  #remember(stored: KubernetesObject, rendered: KubernetesObject, hash: string): void {
    const unkept = this.#drift(stored, rendered);
    if (unkept.length === 0) return;
    if (this.#unkept.size >= UNKEPT_MAX) this.#unkept.clear();
    this.#unkept.set(`${stored.metadata.uid ?? ''} ${hash}`, new Set(unkept));
    const { kind, metadata } = rendered;
    this.#ports.logger.warn('the API server did not keep fields that were applied', {
      kind,
      name: metadata.name,
      fields: unkept.slice(0, 10).join(' '),
    });
  }

  async #delete(object: KubernetesObject, signal: AbortSignal): Promise<Deed> {
    const resource = this.#resource(object);
    await this.#ports.client.delete(resource, object.metadata, {
      uid: object.metadata.uid,
      propagation: 'Background',
      signal,
    });
    this.#count(resource, 'unwanted');
    return 'deleted';
  }

  #count({ plural: resource }: Resource, cause: string): void {
    this.#ports.metrics.counter('kubeApplied').cell({ resource, cause }).add();
  }

  #resource(object: KubernetesObject): Resource {
    const resource = resourceOf(object, this.#ports.resources);
    if (resource !== undefined) return resource;
    throw new KubeError({
      kind: 'invalid',
      status: 0,
      message: `${object.apiVersion} ${object.kind} is not among the kinds of this operator`,
    });
  }
}

/** Children of the owner that are not desired any more and not already on their way out. */
function unwanted({ owner, objects, observed, pruneLabels }: ApplyRequest): KubernetesObject[] {
  const desired = new Set(objects.map(idOf));
  const labels = Object.entries(pruneLabels);
  return observed.filter(
    (object) =>
      object.metadata.deletionTimestamp === undefined &&
      controllerOf(object.metadata.ownerReferences) === owner.metadata.uid &&
      labels.every(([label, value]) => object.metadata.labels?.[label] === value) &&
      !desired.has(idOf(object)),
  );
}

/**
 * Whether we may write an object that exists: its controller is the owner, or it has none and says by its labels that it is
 * what we would make (so that children survive their owner being made anew without its children).
 */
function isOurs(
  live: KubernetesObject,
  owner: KubernetesObject,
  desired: KubernetesObject,
): boolean {
  const controller = controllerOf(live.metadata.ownerReferences);
  if (controller !== undefined) return controller === owner.metadata.uid;
  const labels = Object.entries(desired.metadata.labels ?? {});
  return (
    live.metadata.annotations?.[APPLIED_ANNOTATION] !== undefined ||
    (labels.length > 0 && labels.every(([label, value]) => live.metadata.labels?.[label] === value))
  );
}

const controllerOf = (owners: readonly OwnerReference[] | undefined): string | undefined =>
  owners?.find(({ controller }) => controller === true)?.uid;

function renderedFor(
  owner: KubernetesObject,
  object: KubernetesObject,
  hash: string,
): KubernetesObject {
  const { metadata } = object;
  const isNear = metadata.namespace === owner.metadata.namespace;
  const { apiVersion, kind } = owner;
  const reference: OwnerReference = {
    apiVersion,
    kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
  return {
    ...object,
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, [APPLIED_ANNOTATION]: hash },
      // Owners in other namespaces do not exist for Kubernetes: it would delete the child.
      ...(isNear ? { ownerReferences: [reference] } : {}),
    },
  };
}

/** Hash of what is desired, whatever the order of its keys. */
function hashOf(object: unknown): string {
  return createHash('sha256').update(canonical(object)).digest('hex').slice(0, 32);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`);
  return `{${members.join(',')}}`;
}

function managedFieldsOf(object: KubernetesObject): readonly ManagedFieldsEntry[] | undefined {
  const { managedFields } = object.metadata as { managedFields?: readonly ManagedFieldsEntry[] };
  return managedFields;
}

const idOf = (object: KubernetesObject): string =>
  `${object.apiVersion} ${object.kind} ${objectKey(object)}`;

const refOf = ({ kind, metadata }: KubernetesObject): ChildRef => ({
  kind,
  namespace: metadata.namespace,
  name: metadata.name,
});
