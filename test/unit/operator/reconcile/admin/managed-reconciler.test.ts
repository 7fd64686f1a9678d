import { beforeEach, describe, expect, it } from '@jest/globals';
import { nullLogger } from '../../../../../common/log/logger.ts';
import type { TopicConfig } from '../../../../../common/model/topic.ts';
import type { BrokerCluster } from '../../../../../operator/api/broker-cluster-schema.ts';
import { parseResource } from '../../../../../operator/api/parse-resource.ts';
import type { Topic } from '../../../../../operator/api/topic-schema.ts';
import { ClusterDirectory } from '../../../../../operator/reconcile/admin/cluster-directory.ts';
import { ManagedReconciler } from '../../../../../operator/reconcile/admin/managed-reconciler.ts';
import { CONSUMER_GROUP_KIND } from '../../../../../operator/reconcile/consumer-group/consumer-group-kind.ts';
import { FINALIZER } from '../../../../../operator/reconcile/names.ts';
import { OWN_RESOURCES } from '../../../../../operator/reconcile/own-resources.ts';
import { TOPIC_KIND } from '../../../../../operator/reconcile/topic/topic-kind.ts';
import { FakeBroker } from '../../../../support/fake-broker-admin.ts';
import { FakeKube } from '../../../../support/fake-kube.ts';
import { ManualTime } from '../../../../support/manual-time.ts';

const CONTEXT = { signal: new AbortController().signal, failures: 0 };
const ORDERS: TopicConfig = {
  ...{ name: 'orders', type: 'FIFO', queueCount: 8, permission: 'READ_WRITE' },
  retentionMs: undefined,
};

class World {
  readonly kube = new FakeKube();
  readonly time = new ManualTime();
  readonly story: string[] = [];
  readonly brokers = [new FakeBroker(), new FakeBroker()];
  readonly topics: ManagedReconciler<Topic>;
  readonly groups;
  isLookedAfter = true;

  constructor() {
    const { kube, time } = this;
    const directory = new ClusterDirectory(time);
    const ports = {
      ...{ clock: time, logger: nullLogger, api: kube, driftIntervalMs: 30_000 },
      clusters: kube.cache(OWN_RESOURCES.brokerClusters),
      access: {
        brokers: () =>
          this.brokers.map((admin, index) => ({
            ...{ brokerName: `broker-${index}`, isReadOnly: false, admin },
          })),
        directory: () => (this.isLookedAfter ? directory : undefined),
      },
      story: { tell: (_about: unknown, reason: string) => void this.story.push(reason) },
    };
    const objects = kube.cache(OWN_RESOURCES.topics);
    this.topics = new ManagedReconciler(TOPIC_KIND, { ...ports, objects });
    this.groups = new ManagedReconciler(CONSUMER_GROUP_KIND, {
      ...ports,
      objects: kube.cache(OWN_RESOURCES.consumerGroups),
    });
    this.kube.put({
      ...{ apiVersion: 'orbitmq.io/v1alpha1', kind: 'BrokerCluster' },
      metadata: { name: 'c', namespace: 'n' },
      spec: { groups: 2 },
    } as BrokerCluster);
  }

  /** As `kubectl apply` and the defaults of the API server would. */
  apply(name: string, spec: object = {}, metadata: object = {}, kind = 'Topic'): void {
    const written = {
      ...{ apiVersion: 'orbitmq.io/v1alpha1', kind },
      metadata: { name, namespace: 'n' },
      spec: { clusterRef: { name: 'c' }, ...spec },
    };
    const parsed = parseResource(kind as 'Topic', written);
    if (!parsed.ok) throw new Error(parsed.problems.join());
    const known = this.topic(name);
    const generation = (known?.metadata.generation ?? 0) + 1;
    this.kube.put({
      ...known,
      ...parsed.resource,
      metadata: { ...known?.metadata, ...written.metadata, ...metadata, generation },
    });
  }

  topic(name: string): Topic | undefined {
    return this.kube.cache(OWN_RESOURCES.topics).get('n', name);
  }

  turn(name: string) {
    this.time.advance(2_000);
    return this.topics.turn(`n/${name}`, CONTEXT);
  }

  ready(name: string): string {
    const found = this.topic(name)?.status?.conditions?.find(({ type }) => type === 'Ready');
    return `${found?.status ?? 'none'} ${found?.reason ?? ''}`;
  }

  delete(name: string): void {
    this.kube.markDeleted(OWN_RESOURCES.topics, this.topic(name)!);
  }

  get cluster(): BrokerCluster {
    return this.kube.cache(OWN_RESOURCES.brokerClusters).get('n', 'c')!;
  }
}

describe('ManagedReconciler', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });

  it('makes a topic on all broker groups, and then writes and asks nothing but lists', async () => {
    world.apply('orders', { type: 'FIFO' });
    await world.turn('orders');
    expect(world.brokers.map(({ topics }) => topics.get('orders'))).toEqual([ORDERS, ORDERS]);
    expect(world.ready('orders')).toBe('True AsSpecified');
    expect(world.topic('orders')?.status?.groups).toEqual(['broker-0', 'broker-1']);
    const writes = world.kube.writes.length;
    world.brokers[0]!.calls.length = 0;
    await world.turn('orders');
    expect(world.kube.writes).toHaveLength(writes);
    expect(world.brokers[0]!.calls).toEqual(['list topics', 'list groups']);
    expect(world.story).toEqual(['Created', 'BecameReady']);
  });

  it('takes over a topic that exists, and changes back what somebody else changes', async () => {
    for (const { topics } of world.brokers) topics.set('orders', { ...ORDERS, queueCount: 2 });
    world.apply('orders', { type: 'FIFO' });
    await world.turn('orders');
    expect(world.story).toContain('Adopted');
    expect(world.brokers[1]!.topics.get('orders')).toEqual(ORDERS);
    world.brokers[1]!.topics.set('orders', { ...ORDERS, permission: 'READ' });
    await world.turn('orders');
    expect(world.brokers[1]!.topics.get('orders')).toEqual(ORDERS);
    expect(world.story).toContain('DriftReverted');
  });

  it('adds queues while the topic is in use, and says that it takes none away', async () => {
    world.apply('orders', { type: 'FIFO' });
    await world.turn('orders');
    world.apply('orders', { type: 'FIFO', queuesPerGroup: 12 });
    await world.turn('orders');
    expect(world.brokers[0]!.topics.get('orders')?.queueCount).toBe(12);
    world.brokers[0]!.topics.set('orders', { ...ORDERS, queueCount: 20 });
    await world.turn('orders');
    expect(world.ready('orders')).toBe('False Refused');
  });

  it('lets the oldest of several resources of one name win; the next one follows it', async () => {
    world.apply('first', { name: 'orders' }, { creationTimestamp: '2026-01-01T00:00:00Z' });
    world.apply(
      'second',
      { name: 'orders', type: 'FIFO' },
      { creationTimestamp: '2026-01-02T00:00:00Z' },
    );
    for (const name of ['second', 'first']) await world.turn(name);
    expect(world.ready('second')).toBe('False NameConflict');
    expect(world.brokers[0]!.topics.get('orders')?.type).toBe('NORMAL');
    world.kube.remove(world.topic('first')!);
    await world.turn('second');
    expect(world.ready('second')).toBe('True AsSpecified');
  });

  it('deletes a topic only where its resource says so, and never one that another resource stands for', async () => {
    world.apply('kept', { deletionPolicy: 'Retain' });
    world.apply('gone', { deletionPolicy: 'Delete' });
    for (const name of ['kept', 'gone']) await world.turn(name);
    expect(world.topic('kept')?.metadata.finalizers).toBeUndefined();
    expect(world.topic('gone')?.metadata.finalizers).toEqual([FINALIZER]);
    for (const name of ['kept', 'gone']) world.delete(name);
    await world.turn('gone');
    expect(world.topic('gone')).toBeUndefined();
    expect([...world.brokers[0]!.topics.keys()]).toEqual(['kept']);
    world.apply('one', { name: 'kept', deletionPolicy: 'Delete' });
    await world.turn('one');
    world.apply('two', { name: 'kept' });
    world.delete('one');
    await world.turn('one');
    expect(world.topic('one')).toBeUndefined();
    expect(world.brokers[0]!.topics.has('kept')).toBe(true);
  });

  it('holds a resource until its topic is gone, and lets go when the cluster is gone or goes', async () => {
    for (const name of ['a', 'b']) {
      world.apply(name, { deletionPolicy: 'Delete' });
      await world.turn(name);
      world.delete(name);
    }
    world.brokers[1]!.isAway = true;
    await world.turn('a');
    expect(world.topic('a')).toBeDefined();
    const { cluster } = world;
    const metadata = { ...cluster.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    world.kube.put({ ...cluster, metadata });
    await world.turn('a');
    expect(world.topic('a')).toBeUndefined();
    world.kube.remove(world.cluster);
    await world.turn('b');
    expect(world.topic('b')).toBeUndefined();
  });

  it('says what it waits for, and goes on by itself', async () => {
    world.isLookedAfter = false;
    world.apply('orders');
    expect(await world.turn('orders')).toEqual({ requeueAfterMs: 2_000 });
    expect(world.ready('orders')).toBe('False ClusterNotReady');
    world.isLookedAfter = true;
    world.brokers[0]!.isAway = true;
    await world.turn('orders');
    expect(world.ready('orders')).toBe('False Unreachable');
    world.brokers[0]!.isAway = false;
    world.brokers[0]!.refusal = 'it has too many queues';
    await world.turn('orders');
    expect(world.ready('orders')).toBe('False Refused');
    expect(world.story).toContain('RefusedByBroker');
    world.brokers[0]!.refusal = undefined;
    await world.turn('orders');
    expect(world.ready('orders')).toBe('True AsSpecified');
    world.kube.remove(world.cluster);
    await world.turn('orders');
    expect(world.ready('orders')).toBe('False ClusterMissing');
  });

  it('leaves a paused resource alone', async () => {
    world.apply('orders', {}, { annotations: { 'orbitmq.io/pause': 'true' } });
    await world.turn('orders');
    expect(world.brokers[0]!.topics.size).toBe(0);
  });

  it('lists each broker group once for two hundred topics that come together', async () => {
    const names = Array.from({ length: 200 }, (_, index) => `t${index}`);
    for (const name of names) world.apply(name);
    await Promise.all(names.map((name) => world.topics.turn(`n/${name}`, CONTEXT)));
    expect(world.brokers[0]!.calls.filter((call) => call === 'list topics')).toHaveLength(1);
    expect(world.brokers[0]!.topics.size).toBe(200);
    expect(names.every((name) => world.ready(name) === 'True AsSpecified')).toBe(true);
  });

  it('looks after consumer groups in the same way', async () => {
    world.apply('g', { paused: true, backoff: { customized: ['1s', '1m'] } }, {}, 'ConsumerGroup');
    await world.groups.turn('n/g', CONTEXT);
    const wanted = {
      name: 'g',
      paused: true,
      backoff: { kind: 'customized', stepsMs: [1_000, 60_000] },
    };
    expect(world.brokers[1]!.groups.get('g')).toMatchObject(wanted);
    world.brokers[1]!.groups.set('g', { ...world.brokers[1]!.groups.get('g')!, paused: false });
    world.time.advance(2_000);
    await world.groups.turn('n/g', CONTEXT);
    expect(world.brokers[1]!.groups.get('g')?.paused).toBe(true);
  });
});
