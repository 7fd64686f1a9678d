import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesObject } from '../../operator/api/object-meta.ts';
import type { StoreChange } from '../../operator/kube/core/object-store.ts';
import type { KubeClient } from '../../operator/kube/kube-client.ts';
import { isKubeError } from '../../operator/kube/kube-error.ts';
import {
  Reflector,
  REFLECTOR_TIMINGS,
  type ReflectorTimings,
} from '../../operator/kube/reflector.ts';
import {
  RESOURCES,
  type ConfigMap,
  type Resource,
  type Secret,
} from '../../operator/kube/resource.ts';
import { metricValue } from '../support/kube-ports.ts';
import { waitFor } from '../support/wait-for.ts';
import { ApiServer, MISSING_API_SERVER } from './api-server.ts';
import { FaultProxy } from './fault-proxy.ts';
import { KubeWorld } from './kube-world.ts';

const START_TIMEOUT_MS = 150_000;
const CATCH_UP_MS = 30_000;
const TEST_TIMEOUT_MS = 240_000;
const CHANGES = 1_000;
const NAMES = 30;

/** The product's, except that nobody waits long for the next try. */
const QUICK: ReflectorTimings = { ...REFLECTOR_TIMINGS, backoff: { firstMs: 20, maxMs: 500 } };

const suite = MISSING_API_SERVER === undefined ? describe : describe.skip;

const why = MISSING_API_SERVER === undefined ? '' : ` (skipped: ${MISSING_API_SERVER})`;

suite(`a reflector of a real API server${why}`, () => {
  let server: ApiServer;
  let proxy: FaultProxy;
  let world: KubeWorld;
  /** Past the proxy. */
  let direct: KubeClient;
  let client: KubeClient;
  let namespaces = 0;
  let namespace = '';
  const reflectors: Reflector<never>[] = [];

  beforeAll(async () => {
    // Secrets are watched in etcd itself, so that a compaction is felt at once.
    server = await ApiServer.start('--watch-cache-sizes', 'secrets#0');
    proxy = await FaultProxy.start(server.url);
    world = new KubeWorld();
    direct = world.client(server.config());
    client = world.client(server.configThrough(proxy.port));
  }, START_TIMEOUT_MS);

  afterEach(async () => {
    [proxy.mode, proxy.delayMs, proxy.answer] = ['pass', 0, () => undefined];
    await Promise.all(reflectors.splice(0).map((reflector) => reflector.stop()));
    expect(world.bugs).toEqual([]);
  });

  afterAll(async () => {
    await world.close();
    await proxy.stop();
    await server.stop();
  }, START_TIMEOUT_MS);

  /** In a namespace of its own, which need not exist for an API server without the admission of namespaces. */
  async function reflect<T extends KubernetesObject>(resource: Resource<T>, timings = QUICK) {
    namespace = `test-${++namespaces}`;
    await direct.create(NAMESPACES, object('v1', 'Namespace', { name: namespace }));
    const reflector = new Reflector(resource, { ...world.ports, client }, { namespace }, timings);
    const told: string[] = [];
    const alive = new Map<string, string>();
    reflector.onChange((change) => follow(change, told, alive));
    reflectors.push(reflector as never);
    reflector.start();
    await reflector.synced();
    return { reflector, told, alive };
  }

  const map = (name: string, value: string): ConfigMap => ({
    ...object('v1', 'ConfigMap', { name, namespace }),
    data: { value },
  });

  const secret = (name: string): Secret => object('v1', 'Secret', { name, namespace });

  async function isCaughtUp(reflector: Reflector<ConfigMap>): Promise<true | undefined> {
    const { items } = await direct.list(RESOURCES.configMaps, { namespace });
    return JSON.stringify(versions(items)) === JSON.stringify(versions(reflector.store.all()))
      ? true
      : undefined;
  }

  it(
    'fills pages of 500 and follows what changes',
    async () => {
      const { reflector, told } = await reflect(RESOURCES.configMaps);
      await direct.create(RESOURCES.configMaps, map('a', '1'));
      await direct.mergePatch(RESOURCES.configMaps, { name: 'a', namespace }, { data: { b: '2' } });
      await direct.delete(RESOURCES.configMaps, { name: 'a', namespace });
      await waitFor('the deletion', CATCH_UP_MS, () => (told.length === 3 ? true : undefined));
      expect(told.map((line) => line.split(' ')[0])).toEqual(['added', 'updated', 'deleted']);
      expect(reflector.store.size).toBe(0);
      for (let start = 0; start < 1_100; start += 50) {
        const names = Array.from({ length: 50 }, (_, index) => `m${start + index}`);
        await Promise.all(names.map((name) => direct.create(RESOURCES.configMaps, map(name, 'x'))));
      }
      const before = proxy.requests.length;
      const { items } = await client.list(RESOURCES.configMaps, { namespace });
      expect(items).toHaveLength(1_100);
      expect(items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
      expect(proxy.requests.length - before).toBe(3);
      await waitFor('the reflector', CATCH_UP_MS, () => isCaughtUp(reflector));
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'loses nothing over 1,000 random changes while its connections are cut',
    async () => {
      const { reflector, told, alive } = await reflect(RESOURCES.configMaps);
      const writing = new AbortController();
      let cuts = 0;
      const cutting = (async () => {
        while (!writing.signal.aborted) {
          await sleep(world.random.uint32() % 400);
          if (cuts++ % 2 === 0) proxy.cut();
          else proxy.cutInTheMiddle();
        }
      })();
      const wanted = new Set<string>();
      for (let change = 0; change < CHANGES; change++) {
        const name = `m${world.random.uint32() % NAMES}`;
        const choice = world.random.uint32() % 3;
        if (!wanted.has(name)) {
          await direct.create(RESOURCES.configMaps, map(name, `${change}`));
          wanted.add(name);
        } else if (choice === 0) {
          await direct.delete(RESOURCES.configMaps, { name, namespace });
          wanted.delete(name);
        } else {
          const data = { value: `${change}` };
          await direct.mergePatch(RESOURCES.configMaps, { name, namespace }, { data });
        }
      }
      writing.abort();
      await cutting;
      await waitFor('the reflector', CATCH_UP_MS, () => isCaughtUp(reflector));
      expect(reflector.store.size).toBe(wanted.size);
      // Who only listened to the changes knows the same.
      const { items } = await direct.list(RESOURCES.configMaps, { namespace });
      expect([...alive].sort()).toEqual(
        items.map(({ metadata }) => [metadata.name, metadata.uid]).sort(),
      );
      const ends = await metricValue(world.metrics, 'orbitmq_kube_watches_total', 'unreachable');
      console.log(
        `${cuts} cuts, ${ends} broken watches, ${told.length} changes heard of ${CHANGES}`,
      );
      expect(ends).toBeGreaterThan(5);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'sees by its UID what was deleted and made anew while it was cut off',
    async () => {
      const { reflector, told } = await reflect(RESOURCES.configMaps);
      for (const name of ['same', 'gone', 'anew']) {
        await direct.create(RESOURCES.configMaps, map(name, '1'));
      }
      await waitFor('all three', CATCH_UP_MS, () => (told.length === 3 ? true : undefined));
      proxy.mode = 'refuse';
      proxy.cut();
      await direct.delete(RESOURCES.configMaps, { name: 'gone', namespace });
      await direct.delete(RESOURCES.configMaps, { name: 'anew', namespace });
      await direct.create(RESOURCES.configMaps, map('anew', '1'));
      told.length = 0;
      proxy.mode = 'pass';
      await waitFor('the reflector', CATCH_UP_MS, () => isCaughtUp(reflector));
      expect(told.map((line) => line.split(' ').slice(0, 2).join(' ')).sort()).toEqual([
        'added anew',
        'deleted anew',
        'deleted gone',
      ]);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'lists again after etcd was compacted past it, and misses no deletion',
    async () => {
      const { reflector, told } = await reflect(RESOURCES.secrets);
      await direct.create(RESOURCES.secrets, secret('a'));
      await direct.create(RESOURCES.secrets, secret('b'));
      await waitFor('both', CATCH_UP_MS, () => (told.length === 2 ? true : undefined));
      const lists = await metricValue(world.metrics, 'orbitmq_kube_lists_total', 'secrets');
      proxy.mode = 'refuse';
      proxy.cut();
      await direct.delete(RESOURCES.secrets, { name: 'a', namespace });
      await direct.delete(RESOURCES.secrets, { name: 'b', namespace });
      await direct.create(RESOURCES.secrets, secret('b'));
      const { resourceVersion } = await direct.list(RESOURCES.secrets, { namespace });
      await server.compact(resourceVersion);
      told.length = 0;
      proxy.mode = 'pass';
      await waitFor('the changes', CATCH_UP_MS, () => (told.length >= 3 ? true : undefined));
      expect(told.map((line) => line.split(' ').slice(0, 2).join(' ')).sort()).toEqual([
        'added b',
        'deleted a',
        'deleted b',
      ]);
      expect(reflector.store.size).toBe(1);
      expect(await metricValue(world.metrics, 'orbitmq_kube_lists_total', 'secrets')).toBe(
        lists + 1,
      );
      const gone = ['secrets', 'end="gone"'];
      expect(await metricValue(world.metrics, 'orbitmq_kube_watches_total', ...gone)).toBe(1);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'goes on after a 410, a 429 that names a time, and a 500, as statuses of the watch itself',
    async () => {
      const { reflector } = await reflect(RESOURCES.configMaps);
      const answers = [
        { status: 410, body: { kind: 'Status', code: 410, reason: 'Expired' } },
        { status: 429, headers: { 'retry-after': '1' }, body: { kind: 'Status', code: 429 } },
        { status: 500, body: { kind: 'Status', code: 500, message: 'etcdserver: leader changed' } },
      ];
      const times: number[] = [];
      proxy.answer = ({ url = '' }) => {
        if (!url.includes('watch=true')) return undefined;
        times.push(performance.now());
        return answers.shift();
      };
      proxy.cut();
      await waitFor('the answers', CATCH_UP_MS, () => (answers.length === 0 ? true : undefined));
      await direct.create(RESOURCES.configMaps, map('a', '1'));
      await waitFor('the reflector', CATCH_UP_MS, () => isCaughtUp(reflector));
      const afterBusyMs = (times[2] ?? 0) - (times[1] ?? 0);
      expect(afterBusyMs).toBeGreaterThanOrEqual(990);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'gives a stream up that has fallen silent without an end',
    async () => {
      const timings = { ...QUICK, inactivityMs: 1_500 };
      const { reflector } = await reflect(RESOURCES.configMaps, timings);
      await direct.create(RESOURCES.configMaps, map('a', '1'));
      await waitFor('the first one', CATCH_UP_MS, () => isCaughtUp(reflector));
      proxy.mode = 'silent';
      await direct.create(RESOURCES.configMaps, map('b', '1'));
      await sleep(500);
      expect(reflector.store.size).toBe(1);
      expect(reflector.ageMs).toBeGreaterThanOrEqual(450);
      proxy.mode = 'pass';
      const startMs = performance.now();
      await waitFor('the reflector', CATCH_UP_MS, () => isCaughtUp(reflector));
      expect(performance.now() - startMs).toBeLessThan(15_000);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'waits for slow answers, and gives those up that come too late',
    async () => {
      await reflect(RESOURCES.configMaps);
      await direct.create(RESOURCES.configMaps, map('a', '1'));
      proxy.delayMs = 400;
      const at = { name: 'a', namespace };
      await expect(client.get(RESOURCES.configMaps, at)).resolves.toMatchObject({
        kind: 'ConfigMap',
      });
      const late = client.get(RESOURCES.configMaps, at, { timeoutMs: 150 });
      await expect(late).rejects.toMatchObject({ kind: 'unreachable' });
      const caller = new AbortController();
      const given = client.get(RESOURCES.configMaps, at, { signal: caller.signal });
      caller.abort();
      await expect(given).rejects.toMatchObject({ kind: 'aborted' });
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'keeps its connections: a hundred calls one after the other use one',
    async () => {
      proxy.cut();
      const calls = proxy.requests.length;
      for (let call = 0; call < 100; call++) {
        const missing = await client.find(RESOURCES.configMaps, {
          name: 'no',
          namespace: 'default',
        });
        expect(missing).toBeUndefined();
      }
      expect(proxy.requests.length - calls).toBe(100);
      expect(proxy.connections).toBeLessThanOrEqual(2);
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'says what stands in the way when nobody answers',
    async () => {
      proxy.mode = 'refuse';
      const failed = client.get(RESOURCES.configMaps, { name: 'x', namespace: 'default' });
      const error = await failed.catch((reason: unknown) => reason);
      expect(isKubeError(error, 'unreachable')).toBe(true);
      expect(String(error)).toContain('get configmaps default/x');
    },
    TEST_TIMEOUT_MS,
  );
});

const NAMESPACES: Resource = {
  apiVersion: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  isNamespaced: false,
};

function object(
  apiVersion: string,
  kind: string,
  metadata: KubernetesObject['metadata'],
): KubernetesObject {
  return { apiVersion, kind, metadata };
}

const versions = (objects: readonly KubernetesObject[]) =>
  objects.map(({ metadata }) => [metadata.name, metadata.uid, metadata.resourceVersion]).sort();

/** Keeps what a listener would know, and refuses a story that cannot be. */
function follow(
  { type, object: { metadata } }: StoreChange<KubernetesObject>,
  told: string[],
  alive: Map<string, string>,
): void {
  const { name, uid = '' } = metadata;
  told.push(`${type} ${name} ${uid}`);
  const known = alive.get(name);
  const isPossible = type === 'added' ? known === undefined : known === uid;
  if (!isPossible) throw new Error(`${type} ${name} ${uid} after ${known ?? 'nothing'}`);
  if (type === 'deleted') alive.delete(name);
  else alive.set(name, uid);
}
