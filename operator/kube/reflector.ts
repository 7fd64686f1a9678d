import type { Clock } from '../../common/environment/clock.ts';
import type { Random } from '../../common/environment/random.ts';
import type { Timers } from '../../common/environment/timers.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Metrics } from '../../common/metrics/metrics.ts';
import type { KubernetesObject } from '../api/object-meta.ts';
import { Backoff, type BackoffOptions } from './core/backoff.ts';
import { ObjectStore, type StoreChange } from './core/object-store.ts';
import type { KubeClient, ListOptions, WatchEvent } from './kube-client.ts';
import { isKubeError } from './kube-error.ts';
import { pause } from './pause.ts';
import type { Resource } from './resource.ts';

export interface ReflectorPorts {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  /** Not kept beyond `stop`: give a scope. */
  readonly metrics: Metrics;
  /** A listener has thrown: a bug of ours, for the supervisor. */
  readonly onBug: (error: unknown) => void;
}

export interface ReflectorTimings {
  /** The server ends a watch at a random time in between, so that not all come back together. */
  readonly watchSecondsMin: number;
  readonly watchSecondsMax: number;
  /** Bookmarks come about once a minute: a stream that is silent for longer is dead. */
  readonly inactivityMs: number;
  /** A watch that ends sooner without an event has not worked. */
  readonly shortWatchMs: number;
  readonly backoff: BackoffOptions;
}

export const REFLECTOR_TIMINGS: ReflectorTimings = {
  watchSecondsMin: 300,
  watchSecondsMax: 600,
  inactivityMs: 100_000,
  shortWatchMs: 1_000,
  backoff: { firstMs: 800, maxMs: 30_000 },
};

export type ReflectorScope = Pick<ListOptions, 'namespace' | 'labelSelector' | 'fieldSelector'>;
export type ChangeListener<T> = (change: StoreChange<T>) => void;

/**
 * Keeps a copy of all objects of one kind: lists them, then watches, and lists again when the server has forgotten where the
 * watch was. What was missed in between is found by comparison, deletions too. Listeners hear each change once, in order, in
 * the turn in which the copy changes; they must look at state and not count changes, since several may come as one.
 */
export class Reflector<T extends KubernetesObject> {
  readonly store = new ObjectStore<T>();
  readonly resource: Resource<T>;
  readonly #ports: ReflectorPorts;
  readonly #scope: ReflectorScope;
  readonly #timings: ReflectorTimings;
  readonly #backoff: Backoff;
  readonly #listeners: ChangeListener<T>[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  /** Where the next watch goes on; undefined: nowhere, a list is due. */
  #resourceVersion: string | undefined;
  #hasSynced = false;
  #onSynced: (() => void)[] = [];
  #lastEventMs: number;

  constructor(
    resource: Resource<T>,
    ports: ReflectorPorts,
    scope: ReflectorScope = {},
    timings: ReflectorTimings = REFLECTOR_TIMINGS,
  ) {
    this.resource = resource;
    this.#ports = ports;
    this.#scope = scope;
    this.#timings = timings;
    this.#backoff = new Backoff(timings.backoff);
    this.#lastEventMs = ports.clock.monotonicMs();
    const labels = { resource: resource.plural, namespace: scope.namespace ?? '' };
    ports.metrics.collect('kubeObjects', () => [[labels, this.store.size]]);
    ports.metrics.collect('kubeLastEventAge', () => [[labels, this.ageMs / 1_000]]);
  }

  /** Whether the copy has been complete once. Before, what is missing in it may exist. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Time since the server last said anything: how old the copy may be. */
  get ageMs(): number {
    return this.#ports.clock.monotonicMs() - this.#lastEventMs;
  }

  /** Before `start`, so that it hears everything. */
  onChange(listener: ChangeListener<T>): void {
    this.#listeners.push(listener);
  }

  start(): void {
    this.#running ??= this.#run().catch((error: unknown) => this.#ports.onBug(error));
  }

  /** Resolves when the copy is complete, or when the reflector is stopped before. */
  async synced(): Promise<void> {
    if (this.#hasSynced || this.#stop.signal.aborted) return;
    await new Promise<void>((resolve) => this.#onSynced.push(resolve));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#release();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const pauseMs = await this.#listOrWatch();
      if (pauseMs > 0) await pause(this.#ports.timers, pauseMs, signal);
    }
  }

  /** One list or one watch. Never rejects for what the world does; returns how long to wait before the next. */
  async #listOrWatch(): Promise<number> {
    const { metrics, logger, random } = this.#ports;
    const resource = this.resource.plural;
    const version = this.#resourceVersion;
    try {
      if (version === undefined) {
        await this.#list();
        return 0;
      }
      const didWork = await this.#watch(version);
      metrics.counter('kubeWatches').cell({ resource, end: 'server' }).add();
      return didWork ? 0 : this.#backoff.next(random.uint32());
    } catch (error) {
      if (!isKubeError(error)) throw error;
      if (error.kind === 'aborted') return 0;
      if (version !== undefined) {
        metrics.counter('kubeWatches').cell({ resource, end: error.kind }).add();
      }
      if (error.kind === 'gone') this.#resourceVersion = undefined;
      const pauseMs = Math.max(this.#backoff.next(random.uint32()), error.retryAfterMs ?? 0);
      const isUsual = error.kind === 'gone' || error.kind === 'unreachable';
      const what = version === undefined ? 'list failed' : 'watch broke';
      logger[isUsual ? 'info' : 'warn'](what, { resource, error: error.message, pauseMs });
      return pauseMs;
    }
  }

  async #list(): Promise<void> {
    const { client, metrics } = this.#ports;
    const scope = { ...this.#scope, signal: this.#stop.signal };
    const { items, resourceVersion } = await client.list(this.resource, scope);
    metrics.counter('kubeLists').cell({ resource: this.resource.plural }).add();
    this.#heard();
    const changes = this.store.replaceAll(items);
    this.#resourceVersion = resourceVersion;
    this.#tell(changes);
    this.#hasSynced = true;
    this.#release();
  }

  /** Returns whether the watch worked: it brought something, or lasted. */
  async #watch(resourceVersion: string): Promise<boolean> {
    const { client, clock, random } = this.#ports;
    const { watchSecondsMin, watchSecondsMax, inactivityMs, shortWatchMs } = this.#timings;
    const spread = watchSecondsMax - watchSecondsMin + 1;
    const startMs = clock.monotonicMs();
    let events = 0;
    const stream = client.watch(this.resource, {
      ...this.#scope,
      resourceVersion,
      timeoutSeconds: watchSecondsMin + (random.uint32() % spread),
      inactivityMs,
      signal: this.#stop.signal,
    });
    for await (const event of stream) {
      events++;
      this.#take(event);
      // The server works: what fails next is a new failure.
      this.#backoff.reset();
    }
    const didLast = clock.monotonicMs() - startMs >= shortWatchMs;
    if (didLast) this.#backoff.reset();
    return events > 0 || didLast;
  }

  #take(event: WatchEvent<T>): void {
    const { plural } = this.resource;
    this.#heard();
    const type = event.type.toLowerCase();
    this.#ports.metrics.counter('kubeWatchEvents').cell({ resource: plural, type }).add();
    if (event.type === 'BOOKMARK') {
      this.#resourceVersion = event.resourceVersion;
      return;
    }
    const { object } = event;
    const changes = event.type === 'DELETED' ? this.store.remove(object) : this.store.put(object);
    this.#resourceVersion = object.metadata.resourceVersion;
    this.#tell(changes);
  }

  #heard(): void {
    this.#lastEventMs = this.#ports.clock.monotonicMs();
  }

  #tell(changes: readonly StoreChange<T>[]): void {
    for (const change of changes) {
      for (const listener of this.#listeners) {
        try {
          listener(change);
        } catch (error) {
          this.#ports.onBug(error);
        }
      }
    }
  }

  #release(): void {
    for (const resolve of this.#onSynced.splice(0)) resolve();
  }
}
