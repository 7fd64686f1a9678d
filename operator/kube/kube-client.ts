import type { KubernetesObject } from '../api/object-meta.ts';
import { LineSplitter } from './core/line-splitter.ts';
import { Deadline } from './deadline.ts';
import { KubeCaller, type KubeCall, type KubePorts } from './kube-caller.ts';
import { failureOfStatus, isKubeError } from './kube-error.ts';
import { resourcePath, type Resource } from './resource.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

export interface ObjectName {
  readonly name: string;
  /** Only for kinds that are in namespaces. */
  readonly namespace?: string | undefined;
}

export interface ListOptions extends CallOptions {
  /** All namespaces when it is missing. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ObjectList<T> {
  readonly items: readonly T[];
  /** Where a watch goes on. */
  readonly resourceVersion: string;
}

export interface WatchOptions extends Omit<ListOptions, 'timeoutMs'> {
  readonly resourceVersion: string;
  /** When the server ends the watch. */
  readonly timeoutSeconds: number;
  /** How long the stream may be silent before it counts as dead; the server sends bookmarks about once a minute. */
  readonly inactivityMs: number;
}

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export interface ApplyOptions extends CallOptions {
  /** Takes fields over from other managers. Only for objects that are ours. */
  readonly force: boolean;
}

export interface DeleteOptions extends CallOptions {
  /** Deletes this object and no successor of its name. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds?: number;
}

export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'test';
  readonly path: string;
  readonly value?: unknown;
}

/** Objects of a page; a larger list comes in several. */
const PAGE_OBJECTS = 500;
/** A list of more pages than this is a server that does not end it. */
const PAGES_MAX = 10_000;
const CALL_TIMEOUT_MS = 10_000;
const LIST_TIMEOUT_MS = 60_000;
/** etcd does not keep objects this large. */
const EVENT_BYTES_MAX = 16 * 2 ** 20;
const GONE = 410;

/**
 * The Kubernetes API. Objects are what the server sends, nothing is dropped or converted. Every call is tried once, within its
 * time and its signal, and rejects with a `KubeError`; who repeats, and when, is the business of queues and reflectors.
 */
export class KubeClient {
  readonly #caller: KubeCaller;
  readonly #fieldManager: string;

  constructor(ports: KubePorts, fieldManager: string) {
    this.#caller = new KubeCaller(ports);
    this.#fieldManager = fieldManager;
  }

  get fieldManager(): string {
    return this.#fieldManager;
  }

  /** The object as it is stored now, not as a cache has it. */
  get<T extends KubernetesObject>(
    resource: Resource<T>,
    at: ObjectName,
    options: CallOptions = {},
  ): Promise<T> {
    return this.#object(resource, at, { verb: 'get', method: 'GET' }, options);
  }

  /** As `get`; undefined when there is no such object. */
  async find<T extends KubernetesObject>(
    resource: Resource<T>,
    at: ObjectName,
    options: CallOptions = {},
  ): Promise<T | undefined> {
    try {
      return await this.get(resource, at, options);
    } catch (error) {
      if (isKubeError(error, 'not-found')) return undefined;
      throw error;
    }
  }

  /** All objects, as of one moment, in pages. A moment that the server forgets meanwhile is one list without pages. */
  async list<T extends KubernetesObject>(
    resource: Resource<T>,
    options: ListOptions = {},
  ): Promise<ObjectList<T>> {
    try {
      return await this.#listPages(resource, options, PAGE_OBJECTS);
    } catch (error) {
      if (!isKubeError(error, 'gone')) throw error;
      return await this.#listPages(resource, options, 0);
    }
  }

  create<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: CallOptions = {},
  ): Promise<T> {
    const { namespace, name } = object.metadata;
    const call = this.#call(resource, { namespace, name: '' }, { verb: 'create', method: 'POST' });
    const body = JSON.stringify(object);
    return this.#send({ ...call, subject: subjectOf({ namespace, name }), body }, options);
  }

  /** Replaces the whole object when it is still of the version that `object` has. */
  replace<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: CallOptions = {},
  ): Promise<T> {
    const parts = { verb: 'update', method: 'PUT', body: JSON.stringify(object) } as const;
    return this.#object(resource, object.metadata, parts, options);
  }

  /** Replaces the status when the object is still of the version that `object` has: compare and swap. */
  replaceStatus<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: CallOptions = {},
  ): Promise<T> {
    const parts = { verb: 'update', method: 'PUT', body: JSON.stringify(object) } as const;
    return this.#object(resource, object.metadata, { ...parts, part: 'status' }, options);
  }

  /** Sets what `patch` has and removes what is null in it. */
  mergePatch<T extends KubernetesObject>(
    resource: Resource<T>,
    at: ObjectName,
    patch: object,
    options: CallOptions & { readonly subresource?: 'status' } = {},
  ): Promise<T> {
    const contentType = 'application/merge-patch+json';
    return this.#patch(resource, at, { patch, contentType, part: options.subresource }, options);
  }

  jsonPatch<T extends KubernetesObject>(
    resource: Resource<T>,
    at: ObjectName,
    patch: readonly JsonPatchOperation[],
    options: CallOptions & { readonly subresource?: 'status' } = {},
  ): Promise<T> {
    const contentType = 'application/json-patch+json';
    return this.#patch(resource, at, { patch, contentType, part: options.subresource }, options);
  }

  /** Server-side apply: the fields of `object` become ours; ours that are no longer in it are removed. */
  apply<T extends KubernetesObject>(
    resource: Resource<T>,
    object: KubernetesObject,
    options: ApplyOptions,
  ): Promise<T> {
    return this.#apply(resource, object, options);
  }

  /** Server-side apply of the status. `object` has its identity and the fields of the status. */
  applyStatus<T extends KubernetesObject>(
    resource: Resource<T>,
    object: KubernetesObject,
    options: ApplyOptions,
  ): Promise<T> {
    return this.#apply(resource, object, options, 'status');
  }

  /** Resolves when the server has taken the deletion up; finalizers may keep the object. Nothing there: not an error. */
  async delete(resource: Resource, at: ObjectName, options: DeleteOptions = {}): Promise<void> {
    const { uid, resourceVersion, propagation = 'Background', gracePeriodSeconds } = options;
    const body = JSON.stringify({
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: propagation,
      gracePeriodSeconds,
      preconditions: { uid, resourceVersion },
    });
    try {
      await this.#object(resource, at, { verb: 'delete', method: 'DELETE', body }, options);
    } catch (error) {
      if (!isKubeError(error, 'not-found')) throw error;
    }
  }

  /**
   * What changes after `resourceVersion`, until the server ends the watch. Rejects with `gone` when it no longer knows that
   * version, whichever way it says so, and with `unreachable` when the stream breaks or falls silent.
   */
  async *watch<T extends KubernetesObject>(
    resource: Resource<T>,
    { signal, inactivityMs, ...options }: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void> {
    const { namespace } = options;
    const query = {
      ...selectorsOf(options),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
    };
    const call = this.#call(resource, { namespace, name: '' }, { verb: 'watch', query });
    const deadline = new Deadline(this.#caller.timers, CALL_TIMEOUT_MS, signal);
    try {
      const { body } = await this.#caller.open(call, deadline);
      deadline.extend(inactivityMs);
      const splitter = new LineSplitter(EVENT_BYTES_MAX);
      for await (const chunk of body) {
        deadline.extend(inactivityMs);
        const lines = splitter.push(chunk);
        if (lines === undefined) throw new Error(`an event of more than ${EVENT_BYTES_MAX} bytes`);
        for (const line of lines) yield watchEvent<T>(line, resource.plural);
      }
    } catch (error) {
      throw this.#caller.failure(call, error, deadline);
    } finally {
      deadline.end();
      deadline.abort();
    }
  }

  async #listPages<T extends KubernetesObject>(
    resource: Resource<T>,
    options: ListOptions,
    limit: number,
  ): Promise<ObjectList<T>> {
    const { namespace, timeoutMs = LIST_TIMEOUT_MS, signal } = options;
    const items: T[] = [];
    let next = '';
    for (let page = 0; page < PAGES_MAX; page++) {
      const query = {
        ...selectorsOf(options),
        ...(limit === 0 ? {} : { limit: String(limit) }),
        ...(next === '' ? {} : { continue: next }),
      };
      const call = this.#call(resource, { namespace, name: '' }, { verb: 'list', query });
      const answer = await this.#caller.json(call, timeoutMs, signal);
      const { metadata, items: more } = answer as ListAnswer<T>;
      // Items of a list come without their kind.
      const { apiVersion, kind } = resource;
      for (const item of more ?? []) items.push({ ...item, apiVersion, kind });
      next = metadata.continue ?? '';
      if (next === '') return { items, resourceVersion: metadata.resourceVersion };
    }
    throw failureOfStatus(`list ${resource.plural}`, 0, { message: 'a list without an end' });
  }

  #apply<T extends KubernetesObject>(
    resource: Resource<T>,
    object: KubernetesObject,
    options: ApplyOptions,
    part?: 'status',
  ): Promise<T> {
    const query = { fieldManager: this.#fieldManager, force: String(options.force) };
    const parts: CallParts = {
      verb: 'apply',
      method: 'PATCH',
      query,
      body: JSON.stringify(object),
      contentType: 'application/apply-patch+yaml', // JSON is YAML
      part,
    };
    return this.#object(resource, object.metadata, parts, options);
  }

  #patch<T extends KubernetesObject>(
    resource: Resource<T>,
    at: ObjectName,
    {
      patch,
      contentType,
      part,
    }: { patch: object; contentType: string; part: 'status' | undefined },
    options: CallOptions,
  ): Promise<T> {
    const body = JSON.stringify(patch);
    const query = { fieldManager: this.#fieldManager };
    const parts: CallParts = { verb: 'patch', method: 'PATCH', body, query, contentType, part };
    return this.#object(resource, at, parts, options);
  }

  #object<T extends KubernetesObject>(
    resource: Resource<T>,
    at: ObjectName,
    parts: CallParts,
    options: CallOptions,
  ): Promise<T> {
    return this.#send(this.#call(resource, at, parts), options);
  }

  async #send<T>(call: KubeCall, { timeoutMs, signal }: CallOptions): Promise<T> {
    return (await this.#caller.json(call, timeoutMs ?? CALL_TIMEOUT_MS, signal)) as T;
  }

  #call(resource: Resource, at: ObjectName, parts: CallParts): KubeCall {
    const { verb, method = 'GET', query = {}, body, contentType, part } = parts;
    const search = new URLSearchParams(query).toString();
    const path = resourcePath(resource, at.namespace, at.name, part);
    return {
      verb,
      resource: part === undefined ? resource.plural : `${resource.plural}/${part}`,
      subject: subjectOf(at),
      method,
      path: search === '' ? path : `${path}?${search}`,
      ...(body === undefined ? {} : { body, contentType: contentType ?? 'application/json' }),
    };
  }
}

interface CallParts {
  readonly verb: string;
  readonly method?: KubeCall['method'];
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly contentType?: string;
  readonly part?: 'status' | undefined;
}

interface ListAnswer<T> {
  readonly metadata: { readonly continue?: string; readonly resourceVersion: string };
  readonly items: readonly T[] | null;
}

function subjectOf({ namespace, name }: ObjectName): string {
  return namespace === undefined || name === '' ? name : `${namespace}/${name}`;
}

function selectorsOf({ labelSelector, fieldSelector }: ListOptions): Record<string, string> {
  return {
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

function watchEvent<T extends KubernetesObject>(line: string, plural: string): WatchEvent<T> {
  const { type, object } = JSON.parse(line) as { type: string; object: unknown };
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object: object as T };
    case 'BOOKMARK':
      return { type, resourceVersion: (object as T).metadata.resourceVersion ?? '' };
    default: {
      const status = object as { code?: number; reason?: string };
      const code = status.reason === 'Expired' ? GONE : (status.code ?? 0);
      throw failureOfStatus(`watch ${plural}`, code, status);
    }
  }
}
