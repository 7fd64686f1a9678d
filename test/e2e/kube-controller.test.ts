import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChildApplier } from '../../operator/kube/child-applier.ts';
import { objectKey } from '../../operator/kube/core/object-store.ts';
import type { KubeClient } from '../../operator/kube/kube-client.ts';
import { isKubeError } from '../../operator/kube/kube-error.ts';
import { Reflector, REFLECTOR_TIMINGS } from '../../operator/kube/reflector.ts';
import { resource, RESOURCES, type ConfigMap, type Secret } from '../../operator/kube/resource.ts';
import { WorkQueue } from '../../operator/kube/work-queue.ts';
import { metricValue } from '../support/kube-ports.ts';
import { waitFor } from '../support/wait-for.ts';
import { ApiServer, MISSING_API_SERVER } from './api-server.ts';
import { FaultProxy } from './fault-proxy.ts';
import { KubeWorld } from './kube-world.ts';

const START_TIMEOUT_MS = 150_000;
const TEST_TIMEOUT_MS = 240_000;
const CONVERGE_MS = 60_000;
const CHANGES = 300;
const OWNERS = 12;
const QUIET_MS = 3_000;

const NAMESPACES = resource('v1', 'Namespace', 'namespaces', false);
const namespace = 'controller';

const suite = MISSING_API_SERVER === undefined ? describe : describe.skip;
const why = MISSING_API_SERVER === undefined ? '' : ` (skipped: ${MISSING_API_SERVER})`;

/**
 * A whole controller of the runtime's parts: for every ConfigMap with a wish there is a Secret that fulfils it. Strangers
 * change both, connections are cut, and the server is at times too busy.
 */
suite(`a controller at a real API server${why}`, () => {
  let server: ApiServer;
  let proxy: FaultProxy;
  let world: KubeWorld;
  let client: KubeClient;
  let stranger: KubeClient;

  beforeAll(async () => {
    server = await ApiServer.start();
    proxy = await FaultProxy.start(server.url);
    world = new KubeWorld();
    client = world.client(server.configThrough(proxy.port), 'controller');
    stranger = world.client(server.config(), 'stranger');
    const metadata = { name: namespace };
    await stranger.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata });
  }, START_TIMEOUT_MS);

  afterAll(async () => {
    await world.close();
    await proxy.stop();
    await server.stop();
  }, START_TIMEOUT_MS);

  const wish = (name: string, value: string): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, labels: { wish: 'yes' } },
    data: { value },
  });

  const fulfilment = ({ metadata: { name }, data }: ConfigMap): Secret => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `${name}-secret`, namespace, labels: { fulfils: name } },
    data: { value: Buffer.from(data?.['value'] ?? '').toString('base64') },
  });

  function startController() {
    const timings = { ...REFLECTOR_TIMINGS, backoff: { firstMs: 20, maxMs: 300 } };
    const ports = { ...world.ports, client };
    const wishes = new Reflector(
      RESOURCES.configMaps,
      ports,
      { namespace, labelSelector: 'wish' },
      timings,
    );
    const secrets = new Reflector(RESOURCES.secrets, ports, { namespace }, timings);
    const applier = new ChildApplier({ ...ports, resources: [RESOURCES.secrets] });
    const queue = new WorkQueue(
      {
        ...{ name: 'wishes', workers: 4, timeoutMs: 5_000 },
        turn: async (key, { signal }) => {
          const owner = wishes.store.getByKey(key);
          if (owner === undefined) return undefined; // Kubernetes itself deletes what it owned
          const objects = [fulfilment(owner)];
          const observed = secrets.store.labelled('fulfils', owner.metadata.name);
          const pruneLabels = { fulfils: owner.metadata.name };
          const request = { owner, objects, observed, pruneLabels, signal };
          const { failures, foreign } = await applier.applyAll(request);
          const [failure] = failures;
          if (failure !== undefined) throw failure.error;
          if (foreign.length > 0) return { requeueAfterMs: 200 }; // of an owner that is gone
          return undefined;
        },
      },
      world.ports,
    );
    wishes.onChange(({ object }) => queue.add(objectKey(object)));
    secrets.onChange(({ object: { metadata } }) =>
      queue.add(`${namespace}/${metadata.labels?.['fulfils'] ?? ''}`),
    );
    wishes.start();
    secrets.start();
    const synced = Promise.all([wishes.synced(), secrets.synced()]).then(() => queue.start());
    const stop = async (): Promise<void> => {
      await queue.stop();
      await Promise.all([wishes.stop(), secrets.stop()]);
    };
    return { synced, stop };
  }

  async function isConverged(): Promise<true | undefined> {
    const [wanted, there] = await Promise.all([
      stranger.list(RESOURCES.configMaps, { namespace, labelSelector: 'wish' }),
      stranger.list(RESOURCES.secrets, { namespace }),
    ]);
    const values = new Map(
      there.items.map(({ metadata, data }) => [metadata.name, data?.['value']]),
    );
    return wanted.items.every((owner) => {
      const { metadata, data } = fulfilment(owner);
      return values.get(metadata.name) === data?.['value'];
    })
      ? true
      : undefined;
  }

  it(
    'brings everything to rest in the right state, whatever happens on the way, and then is silent',
    async () => {
      const controller = startController();
      await controller.synced;
      let requests = 0;
      proxy.answer = () =>
        ++requests % 23 === 0 ? { status: 429, headers: { 'retry-after': '0.05' } } : undefined;
      const writing = new AbortController();
      const cutting = (async () => {
        while (!writing.signal.aborted) {
          await sleep(world.random.uint32() % 300);
          proxy.cut();
        }
      })();
      for (let change = 0; change < CHANGES; change++) {
        const name = `w${world.random.uint32() % OWNERS}`;
        const data = { value: `${change}` };
        const secret = { name: `${name}-secret`, namespace };
        switch (world.random.uint32() % 5) {
          case 0:
            await stranger.delete(RESOURCES.secrets, secret);
            break;
          case 1:
            await orMissing(
              stranger.mergePatch(RESOURCES.secrets, secret, { data: { value: 'AAAA' } }),
            );
            break;
          default:
            await stranger.apply(RESOURCES.configMaps, { ...wish(name, ''), data } as never, {
              force: true,
            });
        }
      }
      writing.abort();
      await cutting;
      proxy.answer = () => undefined;
      const countCalls = (): number =>
        proxy.requests.filter((line) => !line.includes('watch=true')).length;
      // What others did last may still be on its way to the caches.
      await waitFor('silence, with everything as it should be', CONVERGE_MS, async () => {
        const calls = countCalls();
        await sleep(QUIET_MS);
        return countCalls() === calls && (await isConverged()) ? true : undefined;
      });
      const drifted = await metricValue(world.metrics, 'orbitmq_kube_applied_total', 'drifted');
      const retries = await metricValue(world.metrics, 'orbitmq_reconcile_retries_total');
      console.log(`${CHANGES} changes: ${drifted} drifts mended, ${retries} retries`);
      expect(drifted).toBeGreaterThan(0);
      expect(world.bugs).toEqual([]);
      await controller.stop();
    },
    TEST_TIMEOUT_MS,
  );

  it(
    'starts anew on what it finds, and writes nothing when all is well',
    async () => {
      const before = proxy.requests.length;
      const controller = startController();
      await controller.synced;
      await sleep(QUIET_MS);
      await controller.stop();
      const writes = proxy.requests.slice(before).filter((line) => !line.startsWith('GET'));
      expect(writes).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );
});

/** Nothing to change is nothing to complain about. */
async function orMissing(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isKubeError(error, 'not-found')) throw error;
  }
}
