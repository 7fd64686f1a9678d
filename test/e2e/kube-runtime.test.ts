import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { KubernetesObject } from '../../operator/api/object-meta.ts';
import { APPLIED_ANNOTATION, ChildApplier } from '../../operator/kube/child-applier.ts';
import { EventRecorder } from '../../operator/kube/event-recorder.ts';
import type { KubeClient } from '../../operator/kube/kube-client.ts';
import { LeaderElection } from '../../operator/kube/leader-election.ts';
import { resource, RESOURCES, type Resource } from '../../operator/kube/resource.ts';
import { waitFor } from '../support/wait-for.ts';
import { ApiServer, MISSING_API_SERVER } from './api-server.ts';
import { FaultProxy } from './fault-proxy.ts';
import { KubeWorld } from './kube-world.ts';

const START_TIMEOUT_MS = 150_000;
const TEST_TIMEOUT_MS = 120_000;
const WAIT_MS = 30_000;

interface Thing extends KubernetesObject {
  readonly spec?: { readonly size: number };
  readonly status?: { readonly phase?: string; readonly seen?: number };
}

const THINGS = resource<Thing>('test.orbitmq.io/v1', 'Thing', 'things');
const NAMESPACES = resource('v1', 'Namespace', 'namespaces', false);
const QUICK_LEASE = {
  ...{ leaseDurationMs: 3_000, renewDeadlineMs: 2_000 },
  ...{ retryPeriodMs: 400, lookPeriodMs: 100 },
};

const suite = MISSING_API_SERVER === undefined ? describe : describe.skip;
const why = MISSING_API_SERVER === undefined ? '' : ` (skipped: ${MISSING_API_SERVER})`;

suite(`the Kubernetes runtime at a real API server${why}`, () => {
  let server: ApiServer;
  let proxy: FaultProxy;
  let world: KubeWorld;
  let client: KubeClient;
  /** Somebody else, who changes things too. */
  let stranger: KubeClient;
  let count = 0;
  let namespace = '';

  beforeAll(async () => {
    server = await ApiServer.start();
    proxy = await FaultProxy.start(server.url);
    world = new KubeWorld();
    client = world.client(server.configThrough(proxy.port));
    stranger = world.client(server.config(), 'stranger');
    await stranger.create(RESOURCES.definitions, definition());
    await waitFor('the kind to be served', WAIT_MS, async () => {
      const list = await stranger.list(THINGS).catch(() => undefined);
      return list === undefined ? undefined : true;
    });
  }, START_TIMEOUT_MS);

  beforeEach(async () => {
    namespace = `test-${++count}`;
    const metadata = { name: namespace };
    await stranger.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata });
  });

  afterEach(() => {
    [proxy.mode, proxy.answer] = ['pass', () => undefined];
  });

  afterAll(async () => {
    await world.close();
    await proxy.stop();
    await server.stop();
  }, START_TIMEOUT_MS);

  const named = (kind: string, name: string, apiVersion = 'v1') => ({
    apiVersion,
    kind,
    metadata: { name, namespace, labels: { app: 'orbitmq' } },
  });
  const thing = (name: string, size = 1): Thing => ({
    ...named('Thing', name, 'test.orbitmq.io/v1'),
    spec: { size },
  });
  const at = (name: string) => ({ name, namespace });

  describe('a call', () => {
    it('writes only over the version that was read', async () => {
      const first = await client.create(THINGS, thing('t'));
      const second = await client.replace(THINGS, { ...first, spec: { size: 2 } });
      expect(second.metadata.generation).toBe(2);
      const stale = client.replace(THINGS, { ...first, spec: { size: 3 } });
      await expect(stale).rejects.toMatchObject({ code: 'KUBE', kind: 'conflict', status: 409 });
      const staleStatus = client.replaceStatus(THINGS, { ...first, status: { phase: 'x' } });
      await expect(staleStatus).rejects.toMatchObject({ kind: 'conflict' });
      const third = await client.replaceStatus(THINGS, { ...second, status: { phase: 'Up' } });
      expect(third).toMatchObject({ spec: { size: 2 }, status: { phase: 'Up' } });
      expect(third.metadata.generation).toBe(2);
    });

    it('fails in ways that can be told apart, with the field and its reason', async () => {
      await client.create(THINGS, thing('t'));
      const again = client.create(THINGS, thing('t'));
      await expect(again).rejects.toMatchObject({ kind: 'already-exists' });
      await expect(client.get(THINGS, at('no'))).rejects.toMatchObject({ kind: 'not-found' });
      const wrong = client.create(THINGS, thing('w', -1));
      await expect(wrong).rejects.toMatchObject({
        kind: 'invalid',
        reason: 'Invalid',
        causes: [expect.objectContaining({ field: 'spec.size' })],
      });
      const nobody = client.list(resource('test.orbitmq.io/v1', 'No', 'nos'));
      await expect(nobody).rejects.toMatchObject({ kind: 'not-found' });
    });

    it('patches a part, and by operations', async () => {
      await client.create(THINGS, thing('t'));
      const merged = await client.mergePatch(THINGS, at('t'), { spec: { size: 5 } });
      expect(merged.spec).toEqual({ size: 5 });
      const path = '/spec/size';
      const patched = await client.jsonPatch(THINGS, at('t'), [
        { op: 'test', path, value: 5 },
        { op: 'replace', path, value: 6 },
      ]);
      expect(patched.spec).toEqual({ size: 6 });
      const failed = client.jsonPatch(THINGS, at('t'), [{ op: 'test', path, value: 5 }]);
      await expect(failed).rejects.toMatchObject({ kind: 'invalid' });
    });

    it('applies a status: fields that are left out are removed, those of others stay', async () => {
      await client.create(THINGS, thing('t'));
      const identity = { ...named('Thing', 't', 'test.orbitmq.io/v1'), metadata: at('t') };
      const force = { force: true };
      await client.applyStatus(THINGS, { ...identity, status: { phase: 'Up' } } as Thing, force);
      const other = { ...identity, status: { seen: 3 } } as Thing;
      await stranger.applyStatus(THINGS, other, force);
      const left = await client.applyStatus(THINGS, { ...identity, status: {} } as Thing, force);
      expect(left.status).toEqual({ seen: 3 });
    });

    it('takes fields of others only by force', async () => {
      const object = (value: string) => ({ ...named('ConfigMap', 'c'), data: { value } });
      await stranger.apply(RESOURCES.configMaps, object('theirs'), { force: false });
      const polite = client.apply(RESOURCES.configMaps, object('ours'), { force: false });
      await expect(polite).rejects.toMatchObject({ kind: 'conflict' });
      const taken = await client.apply(RESOURCES.configMaps, object('ours'), { force: true });
      expect(taken).toMatchObject({ data: { value: 'ours' } });
    });

    it('deletes the object that was meant, not its successor', async () => {
      const first = await client.create(THINGS, thing('t'));
      await client.delete(THINGS, at('t'), { uid: first.metadata.uid });
      await client.delete(THINGS, at('t'));
      const second = await client.create(THINGS, thing('t'));
      const old = client.delete(THINGS, at('t'), { uid: first.metadata.uid });
      await expect(old).rejects.toMatchObject({ kind: 'conflict' });
      const version = { resourceVersion: second.metadata.resourceVersion };
      await client.delete(THINGS, at('t'), version);
      expect(await client.find(THINGS, at('t'))).toBeUndefined();
    });

    it('says when a busy server wants it to come back', async () => {
      proxy.answer = () => ({ status: 429, headers: { 'retry-after': '3' } });
      const busy = client.get(THINGS, at('t'));
      await expect(busy).rejects.toMatchObject({
        kind: 'too-many-requests',
        retryAfterMs: 3_000,
      });
    });
  });

  describe('children', () => {
    const KINDS: readonly Resource[] = [
      ...[RESOURCES.statefulSets, RESOURCES.services, RESOURCES.configMaps],
    ];
    const signal = new AbortController().signal;
    let owner: Thing;
    let applier: ChildApplier;

    beforeEach(async () => {
      owner = await client.create(THINGS, thing('owner'));
      const { logger, metrics } = world;
      applier = new ChildApplier({ client, logger, metrics, resources: KINDS });
    });

    const live = async () => {
      const lists = await Promise.all(
        KINDS.map((kind) => stranger.list(kind, { namespace, labelSelector: 'app=orbitmq' })),
      );
      return lists.flatMap(({ items }) => items);
    };
    const apply = async (objects: readonly KubernetesObject[]) => {
      const observed = await live();
      const pruneLabels = { app: 'orbitmq' };
      return applier.applyAll({ owner, objects, observed, pruneLabels, signal });
    };
    const refs = (names: readonly { name: string }[]) => names.map(({ name }) => name);

    it('are made once, and then cost no call at all', async () => {
      const report = await apply(children());
      expect(report.failures).toEqual([]);
      expect(refs(report.created)).toEqual(['config', 'peers', 'broker']);
      const calls = proxy.requests.length;
      const again = await apply(children());
      expect(again).toMatchObject({ unchanged: 3, created: [], updated: [], deleted: [] });
      // A new process knows nothing but what is in the cluster; it may look twice at what the server has not kept.
      applier = new ChildApplier({ ...world.ports, client, resources: KINDS });
      expect(await apply(children())).toMatchObject({ unchanged: 3, updated: [] });
      expect(proxy.requests.length).toBe(calls);
      const set = await client.get(RESOURCES.statefulSets, at('broker'));
      expect(set.metadata.ownerReferences).toEqual([
        expect.objectContaining({ uid: owner.metadata.uid, controller: true, kind: 'Thing' }),
      ]);
    });

    it('get back what others change of ours, and keep what others add', async () => {
      await apply(children());
      await stranger.mergePatch(RESOURCES.statefulSets, at('broker'), {
        metadata: { annotations: { theirs: 'yes' } },
        spec: { replicas: 7 },
      });
      await stranger.mergePatch(RESOURCES.configMaps, at('config'), { data: { a: null, b: 'b' } });
      await stranger.mergePatch(RESOURCES.services, at('peers'), {
        metadata: { labels: { theirs: 'yes' } },
      });
      const report = await apply(children());
      expect(refs(report.updated)).toEqual(['config', 'broker']);
      expect(report.unchanged).toBe(1);
      const set = await client.get(RESOURCES.statefulSets, at('broker'));
      expect(set.spec).toMatchObject({ replicas: 2 });
      expect(set.metadata.annotations).toMatchObject({ theirs: 'yes' });
      const config = await client.get(RESOURCES.configMaps, at('config'));
      expect(config.data).toEqual({ a: '1', b: 'b' });
      expect(await apply(children())).toMatchObject({ unchanged: 3 });
    });

    it('lose the fields that are not rendered any more, and go when nobody wants them', async () => {
      await apply(children());
      const [config, , broker] = children() as [object, object, KubernetesObject];
      const slim = { ...(config as KubernetesObject), data: { z: '26' } };
      const report = await apply([slim, broker]);
      expect(report).toMatchObject({ unchanged: 1, failures: [] });
      expect(refs(report.updated)).toEqual(['config']);
      expect(refs(report.deleted)).toEqual(['peers']);
      expect((await client.get(RESOURCES.configMaps, at('config'))).data).toEqual({ z: '26' });
      expect(await client.find(RESOURCES.services, at('peers'))).toBeUndefined();
    });

    it('of somebody else are not touched, and failures of one do not stop the others', async () => {
      await stranger.create(RESOURCES.configMaps, {
        ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: at('config') },
        data: { a: 'theirs' },
      });
      const [config, peers, broker] = children() as [
        KubernetesObject,
        KubernetesObject,
        KubernetesObject,
      ];
      const wrong = { ...peers, spec: { ports: [{ name: 'x', port: 99_999 }] } };
      const report = await apply([config, wrong, broker]);
      expect(refs(report.foreign)).toEqual(['config']);
      expect(refs(report.created)).toEqual(['broker']);
      expect(report.failures).toEqual([
        { ref: expect.objectContaining({ name: 'peers' }), error: expect.anything() },
      ]);
      expect(report.failures[0]?.error).toMatchObject({
        kind: 'invalid',
        causes: expect.arrayContaining([expect.objectContaining({ field: 'spec.ports[0].port' })]),
      });
      expect((await client.get(RESOURCES.configMaps, at('config'))).data).toEqual({ a: 'theirs' });
    });

    it('that were made anew while a cache was old are not taken for the old ones', async () => {
      await apply(children());
      const observed = await live();
      await stranger.delete(RESOURCES.configMaps, at('config'));
      await stranger.create(RESOURCES.configMaps, { ...named('ConfigMap', 'config'), data: {} });
      const [config] = children() as [KubernetesObject];
      const changed = { ...config, data: { a: '2' } };
      const request = { owner, objects: [changed], observed, pruneLabels: { no: 'prune' }, signal };
      const report = await applier.applyAll(request);
      expect(report.failures[0]?.error).toMatchObject({ kind: 'conflict' });
    });

    /** With values that the server writes in another way, and defaults that it adds. */
    function children(): readonly KubernetesObject[] {
      const labels = { app: 'orbitmq' };
      const resources = {
        requests: { cpu: '1000m', memory: '1024Mi' },
        limits: { cpu: 1.5, memory: '2Gi' },
      };
      const container = {
        ...{ name: 'broker', image: 'orbitmq:1', args: ['broker'], resources },
        ports: [{ name: 'grpc', containerPort: 8081 }, { containerPort: 5557 }],
        env: [{ name: 'A', value: '1' }, { name: 'EMPTY' }],
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
        securityContext: { capabilities: { drop: ['ALL'] } },
      };
      const spec = {
        ...{ replicas: 2, serviceName: 'peers', podManagementPolicy: 'Parallel' },
        selector: { matchLabels: labels },
        updateStrategy: { type: 'OnDelete' },
        template: {
          metadata: { labels },
          spec: {
            containers: [container],
            volumes: [{ name: 'scratch', emptyDir: {} }],
            tolerations: [{ key: 'a', operator: 'Exists' }],
          },
        },
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: {
              accessModes: ['ReadWriteOnce'],
              resources: { requests: { storage: '1024Mi' } },
            },
          },
        ],
      };
      const ports = [
        { name: 'grpc', port: 8081, targetPort: 'grpc' },
        { name: 'http', port: 5557 },
      ];
      return [
        { ...named('ConfigMap', 'config'), data: { a: '1' } },
        { ...named('Service', 'peers'), spec: { clusterIP: 'None', selector: labels, ports } },
        { ...named('StatefulSet', 'broker', 'apps/v1'), spec },
      ] as object[] as KubernetesObject[];
    }

    it('say by an annotation what was rendered', async () => {
      await apply(children());
      const { metadata } = await client.get(RESOURCES.services, at('peers'));
      expect(metadata.annotations?.[APPLIED_ANNOTATION]).toMatch(/^[0-9a-f]{32}$/);
    });
  });

  describe('leader election', () => {
    const elect = (identity: string, with_: KubeClient, fatal: unknown[]) => {
      const options = { namespace, name: 'operator', identity, timings: QUICK_LEASE };
      const onFatal = (error: unknown) => void fatal.push(error);
      const election = new LeaderElection(options, { ...world.ports, client: with_, onFatal });
      election.start();
      return election;
    };

    it(
      'hands over when a leader stops, and when it is cut off: never two at once',
      async () => {
        const fatal: unknown[] = [];
        const a = elect('a', client, fatal);
        await a.elected();
        const b = elect('b', stranger, fatal);
        const c = elect('c', stranger, fatal);
        const all = [a, b, c];
        let most = 0;
        const watching = setInterval(() => {
          most = Math.max(most, all.filter(({ isLeader }) => isLeader).length);
        }, 5);
        proxy.mode = 'refuse';
        proxy.cut();
        const startMs = performance.now();
        await Promise.race([b.elected(), c.elected()]);
        const [second, third] = b.isLeader ? [b, c] : [c, b];
        console.log(
          `took over ${Math.round(performance.now() - startMs)} ms after the leader was cut off`,
        );
        expect(a.signal.aborted).toBe(true);
        expect(fatal).toEqual([expect.objectContaining({ code: 'leadership-lost' })]);
        const stopMs = performance.now();
        await second.stop();
        await third.elected();
        console.log(
          `took over ${Math.round(performance.now() - stopMs)} ms after the leader stopped`,
        );
        clearInterval(watching);
        expect(most).toBe(1);
        await Promise.all([a.stop(), third.stop()]);
        const lease = await stranger.get(RESOURCES.leases, at('operator'));
        expect(lease.spec).toMatchObject({ holderIdentity: '', leaseTransitions: 2 });
      },
      TEST_TIMEOUT_MS,
    );
  });

  describe('events', () => {
    it('are one with a count, however often they are recorded, and never fail who records them', async () => {
      const owner = await client.create(THINGS, thing('owner'));
      const [component, instance] = ['orbitmq-operator', 'operator-0'];
      const recorder = new EventRecorder({ ...world.ports, client, component, instance });
      const text = { type: 'Warning', reason: 'Blocked', message: 'nobody is in sync' } as const;
      proxy.mode = 'refuse';
      recorder.record(owner, { ...text, reason: 'Lost' });
      await waitFor('the failure', WAIT_MS, () =>
        world.logger.lines.some(({ message }) => message === 'an event could not be written')
          ? true
          : undefined,
      );
      proxy.mode = 'pass';
      for (let time = 0; time < 5; time++) recorder.record(owner, text);
      await recorder.stop();
      const { items } = await client.list(RESOURCES.events, { namespace });
      expect(items).toEqual([
        expect.objectContaining({ ...text, count: 5, reportingInstance: instance }),
      ]);
      expect(items[0]?.involvedObject).toMatchObject({ kind: 'Thing', uid: owner.metadata.uid });
    });
  });
});

function definition() {
  const spec = {
    type: 'object',
    properties: { size: { type: 'integer', minimum: 0 } },
    required: ['size'],
  };
  const status = {
    type: 'object',
    properties: { phase: { type: 'string' }, seen: { type: 'integer' } },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.test.orbitmq.io' },
    spec: {
      group: 'test.orbitmq.io',
      scope: 'Namespaced',
      names: { kind: 'Thing', plural: 'things' },
      versions: [
        {
          ...{ name: 'v1', served: true, storage: true, subresources: { status: {} } },
          schema: { openAPIV3Schema: { type: 'object', properties: { spec, status } } },
        },
      ],
    },
  };
}
