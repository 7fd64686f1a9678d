import type { KubernetesObject } from '../api/object-meta.ts';
import { Reflector, type ChangeListener, type ReflectorPorts } from '../kube/reflector.ts';
import type { Resource } from '../kube/resource.ts';
import type { CachedObjects } from './reconcile-ports.ts';

/** Objects of one kind in some namespaces, or in all, as one cache. */
export class NamespacedCache<T extends KubernetesObject> implements CachedObjects<T> {
  readonly resource: Resource<T>;
  /** By namespace; one without a name when all are looked at. */
  readonly #reflectors: readonly Reflector<T>[];

  /** `namespaces` empty: all. */
  constructor(
    resource: Resource<T>,
    ports: ReflectorPorts,
    namespaces: readonly string[],
    labelSelector?: string,
  ) {
    this.resource = resource;
    const selector = labelSelector === undefined ? {} : { labelSelector };
    const scopes =
      !resource.isNamespaced || namespaces.length === 0
        ? [selector]
        : namespaces.map((namespace) => ({ namespace, ...selector }));
    this.#reflectors = scopes.map((scope) => new Reflector(resource, ports, scope));
  }

  get(namespace: string | undefined, name: string): T | undefined {
    for (const { store } of this.#reflectors) {
      const found = store.get(namespace, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  all(): readonly T[] {
    return this.#reflectors.flatMap(({ store }) => store.all());
  }

  labelled(label: string, value: string): readonly T[] {
    return this.#reflectors.flatMap(({ store }) => store.labelled(label, value));
  }

  /** Before `start`. */
  onChange(listener: ChangeListener<T>): void {
    for (const reflector of this.#reflectors) reflector.onChange(listener);
  }

  get hasSynced(): boolean {
    return this.#reflectors.every(({ hasSynced }) => hasSynced);
  }

  start(): void {
    for (const reflector of this.#reflectors) reflector.start();
  }

  async synced(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.synced()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
  }
}
