/** Objects of the Kubernetes API in memory, for reconcilers: versions, conflicts, status, finalizers, owned fields, failures. */
import type { KubernetesObject, ObjectMeta } from '../../operator/api/object-meta.ts';
import { ObjectStore } from '../../operator/kube/core/object-store.ts';
import type { FieldSet } from '../../operator/kube/core/owned-fields.ts';
import type { KubeClient, ListOptions, ObjectList } from '../../operator/kube/kube-client.ts';
import { KubeError, type KubeFailure } from '../../operator/kube/kube-error.ts';
import { RESOURCES, type Resource } from '../../operator/kube/resource.ts';
import { OWN_RESOURCES } from '../../operator/reconcile/own-resources.ts';

type Loose = KubernetesObject & Record<string, unknown>;

export interface FakeWrite {
  readonly verb: string;
  readonly kind: string;
  readonly name: string;
}

const MANAGER = 'orbitmq-operator';

export class FakeKube implements Pick<
  KubeClient,
  'find' | 'list' | 'create' | 'apply' | 'replaceStatus' | 'mergePatch' | 'delete' | 'fieldManager'
> {
  readonly fieldManager = MANAGER;
  readonly writes: FakeWrite[] = [];
  reads = 0;
  /** Calls that fail before they do anything; asked before each write. */
  failure: ((write: FakeWrite) => KubeFailure | undefined) | undefined;
  readonly #stores = new Map<string, ObjectStore<Loose>>();
  #version = 0;
  #uids = 0;

  /** What a cache of this kind has; it is never behind. */
  cache<T extends KubernetesObject>(resource: Resource<T>): ObjectStore<T> {
    return this.#store(resource) as unknown as ObjectStore<T>;
  }

  /** As if somebody else had made it. */
  put<T extends KubernetesObject>(object: T): T {
    const kind = resourceFor(object);
    const metadata = { ...this.#fresh(), ...object.metadata };
    const stored = { ...object, metadata: { ...metadata, resourceVersion: this.#next() } };
    this.#store(kind).put(stored as unknown as Loose);
    return stored;
  }

  remove(object: KubernetesObject): void {
    this.#store(resourceFor(object)).remove(object as Loose);
  }

  async find<T extends KubernetesObject>(
    resource: Resource<T>,
    { namespace, name }: { namespace?: string | undefined; name: string },
  ): Promise<T | undefined> {
    this.reads += 1;
    return this.cache(resource).get(namespace, name);
  }

  /** With labels as `a=b,c=d`, and of fields those of what events are about. */
  async list<T extends KubernetesObject>(
    resource: Resource<T>,
    { namespace, labelSelector = '', fieldSelector = '' }: ListOptions = {},
  ): Promise<ObjectList<T>> {
    this.reads += 1;
    const items = this.cache(resource)
      .all()
      .filter((object) => namespace === undefined || object.metadata.namespace === namespace)
      .filter(({ metadata }) => pairs(labelSelector).every(([k, v]) => metadata.labels?.[k] === v))
      .filter((object) => pairs(fieldSelector).every(([path, v]) => fieldOf(object, path) === v));
    return { items, resourceVersion: String(this.#version) };
  }

  async create<T extends KubernetesObject>(resource: Resource<T>, object: T): Promise<T> {
    this.#begin('create', object.kind, object.metadata.name);
    if (this.#known(resource, object.metadata) !== undefined) throw failed('already-exists');
    return this.put(object);
  }

  async apply<T extends KubernetesObject>(
    resource: Resource<T>,
    object: KubernetesObject,
  ): Promise<T> {
    this.#begin('apply', object.kind, object.metadata.name);
    const known = this.#known(resource, object.metadata);
    const { metadata, ...content } = object as Loose;
    const isSame = known !== undefined && same(content, contentOf(known, content));
    const managed = [{ manager: MANAGER, operation: 'Apply', fieldsV1: fieldsOf(object) }];
    const merged = {
      ...(known ?? {}),
      ...content,
      metadata: {
        ...(known?.metadata ?? this.#fresh()),
        ...metadata,
        labels: { ...known?.metadata.labels, ...metadata.labels },
        annotations: { ...known?.metadata.annotations, ...metadata.annotations },
        generation: (known?.metadata.generation ?? 0) + (isSame ? 0 : 1),
        uid: known?.metadata.uid ?? this.#uid(),
        managedFields: managed,
        resourceVersion: this.#next(),
      },
    } as unknown as Loose;
    this.#store(resource).put(merged);
    return merged as unknown as T;
  }

  async replaceStatus<T extends KubernetesObject>(resource: Resource<T>, object: T): Promise<T> {
    this.#begin('status', object.kind, object.metadata.name);
    const known = this.#known(resource, object.metadata);
    if (known === undefined) throw failed('not-found');
    if (known.metadata.resourceVersion !== object.metadata.resourceVersion)
      throw failed('conflict');
    const { status } = object as unknown as Loose;
    return this.#replace(resource, { ...known, status } as unknown as Loose);
  }

  async mergePatch<T extends KubernetesObject>(
    resource: Resource<T>,
    at: { namespace?: string | undefined; name: string },
    patch: object,
  ): Promise<T> {
    this.#begin('patch', resource.kind, at.name);
    const known = this.#known(resource, at);
    if (known === undefined) throw failed('not-found');
    const { metadata = {} } = patch as { metadata?: Partial<ObjectMeta> };
    const expected = metadata.resourceVersion;
    if (expected !== undefined && expected !== known.metadata.resourceVersion)
      throw failed('conflict');
    if (metadata.uid !== undefined && metadata.uid !== known.metadata.uid) throw failed('conflict');
    const next = merge(known, patch) as Loose;
    const isGone =
      next.metadata.deletionTimestamp !== undefined &&
      (next.metadata.finalizers ?? []).length === 0;
    if (isGone) {
      this.#store(resource).remove(known as unknown as Loose);
      return next as unknown as T;
    }
    return this.#replace(resource, next);
  }

  async delete(
    resource: Resource,
    at: { namespace?: string | undefined; name: string },
    options: { uid?: string | undefined } = {},
  ): Promise<void> {
    this.#begin('delete', resource.kind, at.name);
    const known = this.#known(resource, at);
    if (known === undefined) return;
    if (options.uid !== undefined && options.uid !== known.metadata.uid) throw failed('conflict');
    this.markDeleted(resource, known);
  }

  /** With finalizers it stays, with a timestamp. */
  markDeleted(resource: Resource, object: KubernetesObject): void {
    if ((object.metadata.finalizers ?? []).length === 0) {
      this.#store(resource).remove(object as Loose);
      return;
    }
    const deletionTimestamp = '2026-01-01T00:00:00Z';
    const metadata = { ...object.metadata, deletionTimestamp };
    this.#replace(resource, { ...object, metadata });
  }

  #begin(verb: string, kind: string, name: string): void {
    const write = { verb, kind, name };
    const kindOfFailure = this.failure?.(write);
    if (kindOfFailure !== undefined) throw failed(kindOfFailure);
    this.writes.push(write);
  }

  #replace<T extends KubernetesObject>(resource: Resource<T>, object: Loose): T {
    const metadata = { ...object.metadata, resourceVersion: this.#next() };
    const stored = { ...object, metadata } as Loose;
    this.#store(resource).put(stored);
    return stored as unknown as T;
  }

  #known<T extends KubernetesObject>(
    resource: Resource<T>,
    { namespace, name }: { namespace?: string | undefined; name: string },
  ): T | undefined {
    return this.cache(resource).get(namespace, name);
  }

  #store(resource: Resource): ObjectStore<Loose> {
    const store = this.#stores.get(resource.plural) ?? new ObjectStore<Loose>();
    this.#stores.set(resource.plural, store);
    return store;
  }

  #fresh(): Partial<ObjectMeta> {
    return { uid: this.#uid(), generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' };
  }

  #uid(): string {
    return `uid-${++this.#uids}`;
  }

  #next(): string {
    return String(++this.#version);
  }
}

const KNOWN: readonly Resource[] = [...Object.values(RESOURCES), ...Object.values(OWN_RESOURCES)];

function resourceFor({ kind }: KubernetesObject): Resource {
  const found = KNOWN.find((resource) => resource.kind === kind);
  if (found === undefined) throw new Error(`${kind} is not known here`);
  return found;
}

function failed(kind: KubeFailure): KubeError {
  return new KubeError({ kind, status: 0, message: `made to fail: ${kind}` });
}

function merge(base: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(base as object | undefined) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result[key] = undefined;
    else if (value !== undefined) result[key] = merge(result[key], value);
  }
  return Object.fromEntries(Object.entries(result).filter(([, value]) => value !== undefined));
}

function fieldsOf(value: object): FieldSet {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== undefined)
      .map(([key, part]: [string, unknown]) => [
        `f:${key}`,
        typeof part === 'object' && part !== null && !Array.isArray(part) ? fieldsOf(part) : {},
      ]),
  );
}

function contentOf(known: object, content: object): object {
  return Object.fromEntries(
    Object.keys(content).map((key) => [key, (known as Record<string, unknown>)[key]]),
  );
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function pairs(selector: string): readonly (readonly [string, string])[] {
  return selector
    .split(',')
    .filter((part) => part !== '')
    .map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)] as const);
}

function fieldOf(object: object, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], object);
}
