import { beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { nullLogger } from '../../../../../common/log/logger.ts';
import { Metrics } from '../../../../../common/metrics/metrics.ts';
import type { BrokerCluster } from '../../../../../operator/api/broker-cluster-schema.ts';
import type { KubernetesObject } from '../../../../../operator/api/object-meta.ts';
import { parseResource } from '../../../../../operator/api/parse-resource.ts';
import { timingsFor } from '../../../../../operator/failover/controller-timings.ts';
import { newRecord, type GroupRecord } from '../../../../../operator/failover/core/group-record.ts';
import { recordToJson } from '../../../../../operator/failover/record-json.ts';
import { ChildApplier } from '../../../../../operator/kube/child-applier.ts';
import { KubeError } from '../../../../../operator/kube/kube-error.ts';
import { RESOURCES } from '../../../../../operator/kube/resource.ts';
import type { BrokerAdmin } from '../../../../../operator/reconcile/admin/broker-admin.ts';
import {
  ClusterDirectory,
  type DirectoryBroker,
} from '../../../../../operator/reconcile/admin/cluster-directory.ts';
import { groupSpecOf } from '../../../../../operator/reconcile/broker-group/cluster-failover-spec.ts';
import { BrokerClusterReconciler } from '../../../../../operator/reconcile/cluster/broker-cluster-reconciler.ts';
import { ClusterSecrets } from '../../../../../operator/reconcile/cluster/cluster-secrets.ts';
import { ANNOTATIONS } from '../../../../../operator/reconcile/names.ts';
import { OWN_RESOURCES } from '../../../../../operator/reconcile/own-resources.ts';
import { epoch } from '../../../../../common/model/offsets.ts';
import { FakeBroker } from '../../../../support/fake-broker-admin.ts';
import { FakeKube } from '../../../../support/fake-kube.ts';
import { ManualTime } from '../../../../support/manual-time.ts';

const KEY = 'shop/orders';
const TOPIC = {
  name: 't',
  type: 'NORMAL',
  queueCount: 4,
  permission: 'READ_WRITE',
  retentionMs: undefined,
} as const;
const CONTEXT = { signal: new AbortController().signal, failures: 0 };

/** A cluster with everything that Kubernetes and failover do around the operator. */
class World {
  readonly kube = new FakeKube();
  readonly time = new ManualTime();
  readonly story: { reason: string; message: string }[] = [];
  readonly brokers = new Map<string, FakeBroker>();
  readonly running = new Set<string>();
  readonly reconciler: BrokerClusterReconciler;

  constructor() {
    const { kube, time } = this;
    const metrics = new Metrics({ cluster: 'c', node_type: 'operator', node_id: 'o' }, 1_000);
    const directory = new ClusterDirectory(time);
    let drawn = 0;
    const bytes = (length: number): Buffer =>
      createHash('sha512').update(String(++drawn)).digest().subarray(0, length);
    const environment = { clock: time, random: { bytes, uint32: () => 4 } };
    this.reconciler = new BrokerClusterReconciler({
      ...{ clock: time, logger: nullLogger, api: kube, timings: timingsFor(500) },
      caches: {
        clusters: kube.cache(OWN_RESOURCES.brokerClusters),
        groups: kube.cache(OWN_RESOURCES.brokerGroups),
        statefulSets: kube.cache(RESOURCES.statefulSets),
        services: kube.cache(RESOURCES.services),
        pods: kube.cache(RESOURCES.pods),
        claims: kube.cache(RESOURCES.volumeClaims),
        nodes: kube.cache(RESOURCES.nodes),
        others: [
          ...[RESOURCES.configMaps, RESOURCES.serviceAccounts],
          ...[RESOURCES.disruptionBudgets, RESOURCES.networkPolicies],
        ].map((resource) => kube.cache<KubernetesObject>(resource as never)),
      },
      applier: new ChildApplier({
        ...{ client: kube, logger: nullLogger, metrics },
        resources: [...Object.values(RESOURCES), ...Object.values(OWN_RESOURCES)],
      }),
      secrets: new ClusterSecrets({ environment, api: kube }),
      failovers: {
        ensure: async (key) => void this.running.add(key),
        stop: async (key) => void this.running.delete(key),
        group: () => undefined,
      },
      access: {
        brokers: () => this.directoryBrokers(),
        directory: () => directory,
        forget: () => undefined,
      },
      story: { tell: (_about, reason, message) => void this.story.push({ reason, message }) },
      settings: {
        ...{ image: 'orbitmq:1', operatorNamespace: 'system', version: '1' },
        ...{ drainTimeoutMs: 60_000, comeBackMs: 60_000 },
      },
    });
  }

  apply(spec: object): void {
    const written = {
      apiVersion: 'orbitmq.io/v1alpha1',
      kind: 'BrokerCluster',
      metadata: { name: 'orders', namespace: 'shop' },
      spec,
    };
    const parsed = parseResource('BrokerCluster', written);
    if (!parsed.ok) throw new Error(parsed.problems.join());
    const known = this.cluster;
    const { generation = 0 } = known?.metadata ?? {};
    const metadata = { ...known?.metadata, ...written.metadata, generation: generation + 1 };
    this.kube.put({
      ...parsed.resource,
      metadata,
      ...(known && { status: known.status }),
    });
  }

  get cluster(): BrokerCluster | undefined {
    return this.kube.cache(OWN_RESOURCES.brokerClusters).get('shop', 'orders');
  }

  condition(type: string): string {
    const found = this.cluster?.status?.conditions?.find((condition) => condition.type === type);
    return `${found?.status ?? 'none'} ${found?.reason ?? ''}`;
  }

  names(kind: string): string[] {
    const resources = [...Object.values(RESOURCES), ...Object.values(OWN_RESOURCES)];
    const resource = resources.find((one) => one.kind === kind)!;
    return this.kube
      .cache(resource as never)
      .all()
      .map(({ metadata }) => metadata.name)
      .toSorted();
  }

  /** Turns, with what Kubernetes does in between, until two in a row write nothing. */
  async settle(turns = 30): Promise<void> {
    for (let quiet = 0, count = 0; quiet < 2; count++) {
      if (count >= turns)
        throw new Error(`not settled: ${JSON.stringify(this.kube.writes.slice(-5))}`);
      const before = this.kube.writes.length;
      await this.turn();
      this.live();
      quiet = this.kube.writes.length === before ? quiet + 1 : 0;
      this.time.advance(2_000);
    }
  }

  turn(): ReturnType<BrokerClusterReconciler['turn']> {
    return this.reconciler.turn(KEY, CONTEXT);
  }

  /** StatefulSets get their pods and volumes, groups elect, conditions are told. */
  live(): void {
    for (const set of this.kube.cache(RESOURCES.statefulSets).all()) this.#pods(set as never);
    for (const group of this.kube.cache(OWN_RESOURCES.brokerGroups).all()) {
      if (group.status?.master !== undefined) continue;
      const names = group.spec.members.map(({ name }) => name);
      const record: GroupRecord = {
        ...newRecord(groupSpecOf(group.spec)),
        ...{ epoch: epoch(1), phase: 'stable', syncStateSet: names, setVersion: 1 },
        master: { name: names[0]!, runId: 'run' },
      };
      const verdict = { status: 'True' as const, reason: 'AsSpecified', message: '' };
      const conditions = ['FailoverPossible', 'AckedDataProtected'].map((type) => ({
        ...{ type, ...verdict, lastTransitionTime: '2026-01-01T00:00:00Z' },
      }));
      this.kube.put({ ...group, status: { ...JSON.parse(recordToJson(record)), conditions } });
    }
  }

  #pods(
    set: KubernetesObject & {
      spec: { replicas: number; template: { metadata: object; spec: { containers: object[] } } };
    },
  ): void {
    const revision = createHash('sha1')
      .update(JSON.stringify(set.spec.template))
      .digest('hex')
      .slice(0, 8);
    const { generation } = set.metadata;
    const status = {
      observedGeneration: generation,
      updateRevision: revision,
      replicas: set.spec.replicas,
    };
    if (JSON.stringify((set as { status?: object }).status) !== JSON.stringify(status)) {
      this.kube.put({ ...set, status } as never);
    }
    const cache = this.kube.cache(RESOURCES.pods);
    for (let ordinal = 0; ordinal < set.spec.replicas; ordinal++) {
      const name = `${set.metadata.name}-${ordinal}`;
      if (cache.get('shop', name) !== undefined) continue;
      const labels = { ...set.metadata.labels, 'controller-revision-hash': revision };
      const ready = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' };
      this.kube.put({
        ...{ apiVersion: 'v1', kind: 'Pod' },
        metadata: { name, namespace: 'shop', labels },
        spec: set.spec.template.spec,
        status: { conditions: [ready] },
      } as never);
    }
  }

  directoryBrokers(): DirectoryBroker[] {
    return this.kube
      .cache(OWN_RESOURCES.brokerGroups)
      .all()
      .filter(({ status }) => status?.master !== undefined)
      .map(({ spec, metadata }) => ({
        brokerName: spec.brokerName,
        isReadOnly: metadata.annotations?.[ANNOTATIONS.drainingSince] !== undefined,
        admin: this.broker(spec.brokerName) satisfies BrokerAdmin,
      }));
  }

  broker(name: string): FakeBroker {
    const broker = this.brokers.get(name) ?? new FakeBroker();
    this.brokers.set(name, broker);
    return broker;
  }
}

describe('BrokerClusterReconciler', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });

  it('makes everything of a cluster, and then writes nothing any more', async () => {
    world.apply({ groups: 2 });
    await world.settle();
    expect(world.names('StatefulSet')).toEqual([
      ...['orders-broker-0', 'orders-broker-1', 'orders-namesrv'],
    ]);
    expect(world.names('BrokerGroup')).toEqual(['orders-broker-0', 'orders-broker-1']);
    expect(world.names('Secret')).toEqual(['orders-peers', 'orders-tls']);
    expect(world.running).toEqual(new Set([KEY]));
    expect(world.condition('Ready')).toBe('True AsSpecified');
    expect(world.condition('Progressing')).toBe('False AsSpecified');
    expect(world.condition('FailoverPossible')).toBe('True AsSpecified');
    expect(world.cluster?.status?.readyGroups).toBe(2);
    const before = world.kube.writes.length;
    for (let count = 0; count < 10; count++) await world.turn();
    expect(world.kube.writes.slice(before)).toEqual([]);
  });

  it('makes nothing again in a namespace that is ending', async () => {
    world.apply({ groups: 1 });
    await world.settle();
    const set = world.kube.cache(RESOURCES.statefulSets).get('shop', 'orders-broker-0')!;
    world.kube.remove(set);
    let refused = 0;
    world.kube.failure = ({ verb }) => {
      if (verb !== 'apply') return undefined;
      refused += 1;
      const causes = [{ field: 'metadata.namespace', reason: 'NamespaceTerminating', message: '' }];
      throw new KubeError({ kind: 'forbidden', status: 403, message: 'it is ending', causes });
    };
    const before = world.kube.writes.length;
    for (let count = 0; count < 10; count++) await world.turn();
    expect(refused).toBe(1);
    expect(world.kube.writes.slice(before)).toEqual([]);
    expect(world.running).toEqual(new Set());
  });

  it('gets there in spite of calls that fail, each of which is tried again', async () => {
    world.apply({ groups: 2 });
    let calls = 0;
    world.kube.failure = () => (++calls % 3 === 0 ? 'unreachable' : undefined);
    for (let count = 0; count < 40; count++) {
      await world.turn().catch((error: unknown) => {
        expect((error as { code?: string }).code).toBe('KUBE');
      });
      world.live();
    }
    world.kube.failure = undefined;
    await world.settle();
    expect(world.condition('Ready')).toBe('True AsSpecified');
    expect(world.names('StatefulSet')).toHaveLength(3);
  });

  it('makes the secrets once', async () => {
    world.apply({});
    await world.settle();
    const secret = world.kube.cache(RESOURCES.secrets).get('shop', 'orders-peers');
    const again = new World();
    for (const object of world.kube.cache(RESOURCES.secrets).all()) again.kube.put(object);
    again.apply({});
    await again.settle();
    expect(again.kube.cache(RESOURCES.secrets).get('shop', 'orders-peers')).toMatchObject({
      data: (secret as never as { data: object }).data,
    });
    expect(again.kube.writes.filter(({ kind }) => kind === 'Secret')).toEqual([]);
  });

  it('refuses options that make no sense, and changes nothing', async () => {
    world.apply({ options: { 'store.segmentBytes': 'much' } });
    await world.settle();
    expect(world.condition('SpecAccepted')).toBe('False OptionsInvalid');
    expect(world.names('StatefulSet')).toEqual([]);
  });

  it('changes nothing while it is paused, and looks after failover nevertheless', async () => {
    world.apply({ paused: true });
    await world.settle();
    expect(world.condition('Paused')).toBe('True Paused');
    expect(world.names('StatefulSet')).toEqual([]);
    expect(world.running.has(KEY)).toBe(true);
  });

  it('leaves failover when the cluster is deleted', async () => {
    world.apply({});
    await world.settle();
    world.kube.remove(world.cluster!);
    await world.turn();
    expect(world.running.has(KEY)).toBe(false);
  });

  it('says that it is progressing from the turn that changes a template, and not only when pods are old', async () => {
    world.apply({ groups: 1 });
    await world.settle();
    world.apply({ groups: 1, image: 'orbitmq:2' });
    await world.turn();
    expect(world.cluster?.status?.observedGeneration).toBe(world.cluster?.metadata.generation);
    expect(world.condition('Progressing')).toBe('True Updating');
    // The template is stored, and Kubernetes has not looked at it.
    await world.turn();
    expect(world.condition('Progressing')).toBe('True Updating');
    world.live();
    await world.turn();
    expect(world.condition('Progressing')).toBe('True Updating');
    expect(world.condition('Upgrading')).toBe('True RollingPods');
  });

  it.each(['orders-broker-0-1', 'orders-namesrv-0'])(
    'is progressing while %s is on its way out, though it is ready',
    async (name) => {
      world.apply({ groups: 1 });
      await world.settle();
      const pod = world.kube.cache(RESOURCES.pods).get('shop', name)!;
      const deletionTimestamp = '2026-01-01T00:00:00Z';
      world.kube.put({ ...pod, metadata: { ...pod.metadata, deletionTimestamp } });
      await world.turn();
      expect(world.condition('Progressing')).toBe('True Waiting');
    },
  );

  it('replaces slaves for a new image one by one, and asks for a switchover before the master', async () => {
    world.apply({ groups: 1, replicasPerGroup: 3, namesrv: { replicas: 1 } });
    await world.settle();
    world.apply({ groups: 1, replicasPerGroup: 3, namesrv: { replicas: 1 }, image: 'orbitmq:2' });
    world.kube.writes.length = 0;
    await world.settle();
    const deleted = world.kube.writes.filter(
      ({ verb, kind }) => verb === 'delete' && kind === 'Pod',
    );
    // The failover of this world does not answer, so that the master stays.
    expect(deleted.map(({ name }) => name)).toEqual([
      ...['orders-namesrv-0', 'orders-broker-0-1', 'orders-broker-0-2'],
    ]);
    expect(world.condition('Upgrading')).toBe('True RollingPods');
  });

  it('looks again soon while a new group could not be asked', async () => {
    world.apply({ groups: 1 });
    world.broker('broker-0').isAway = true;
    await world.settle();
    expect(await world.turn()).toEqual({ requeueAfterMs: 2_000 });
    world.broker('broker-0').isAway = false;
    world.time.advance(10_000);
    await world.settle();
    expect(await world.turn()).toEqual({ requeueAfterMs: 60_000 });
  });

  it('gives a new group the topics that there are', async () => {
    world.apply({ groups: 1 });
    await world.settle();
    const topic = { ...TOPIC, type: 'FIFO' } as const;
    world.broker('broker-0').topics.set('t', topic);
    world.broker('broker-0').topics.set('%DLQ%g', { ...topic, name: '%DLQ%g' });
    world.apply({ groups: 2 });
    await world.settle();
    expect([...world.broker('broker-1').topics.values()]).toEqual([topic]);
  });

  it('empties a group before it goes: no new messages, then all that is there is consumed', async () => {
    world.apply({ groups: 2 });
    await world.settle();
    world.broker('broker-1').topics.set('t', TOPIC);
    world.broker('broker-1').lags.set('g', 3);
    world.apply({ groups: 1 });
    for (let count = 0; count < 5; count++) {
      await world.turn();
      world.time.advance(2_000);
    }
    expect(world.broker('broker-1').topics.get('t')?.permission).toBe('READ');
    expect(world.condition('Scaling')).toBe('True DrainingGroup');
    expect(world.cluster?.status?.groups?.[1]?.draining).toMatch(/until 2023.*3 messages are left/);
    expect(world.names('StatefulSet')).toContain('orders-broker-1');
    world.broker('broker-1').lags.set('g', 0);
    await world.settle();
    expect(world.names('StatefulSet')).toEqual(['orders-broker-0', 'orders-namesrv']);
    expect(world.names('BrokerGroup')).toEqual(['orders-broker-0']);
    expect(world.names('Service')).not.toContain('orders-broker-1');
    expect(world.story.map(({ reason }) => reason)).toContain('GroupRemoved');
    expect(world.condition('Ready')).toBe('True AsSpecified');
  });

  it('removes a group in the end even when nobody consumes what it has', async () => {
    world.apply({ groups: 2 });
    await world.settle();
    world.broker('broker-1').lags.set('g', 3);
    world.apply({ groups: 1 });
    for (let count = 0; count < 40; count++) {
      await world.turn();
      world.time.advance(2_000);
    }
    expect(world.names('BrokerGroup')).toEqual(['orders-broker-0']);
    expect(world.story.find(({ reason }) => reason === 'GroupRemoved')?.message).toMatch(
      /time .* over/,
    );
  });

  it('keeps a group that is wanted again', async () => {
    world.apply({ groups: 2 });
    await world.settle();
    for (const name of ['broker-0', 'broker-1']) world.broker(name).topics.set('t', TOPIC);
    world.broker('broker-1').lags.set('g', 3);
    world.apply({ groups: 1 });
    for (let count = 0; count < 3; count++) {
      await world.turn();
      world.time.advance(2_000);
    }
    world.apply({ groups: 2 });
    await world.settle();
    expect(world.broker('broker-1').topics.get('t')?.permission).toBe('READ_WRITE');
    expect(world.condition('Scaling')).toBe('False AsSpecified');
  });

  it('grows volumes first and makes the StatefulSet anew around its pods afterwards', async () => {
    world.apply({ groups: 1, replicasPerGroup: 1, storage: { size: '1Gi' } });
    await world.settle();
    const labels = world.kube.cache(RESOURCES.statefulSets).get('shop', 'orders-broker-0')!.metadata
      .labels!;
    world.kube.put({
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
      metadata: { name: 'data-orders-broker-0-0', namespace: 'shop', labels },
      spec: { resources: { requests: { storage: '1Gi' } } },
      status: { capacity: { storage: '1Gi' } },
    } as never);
    world.apply({ groups: 1, replicasPerGroup: 1, storage: { size: '2Gi' } });
    world.kube.writes.length = 0;
    await world.settle();
    const writes = world.kube.writes.map(({ verb, kind }) => `${verb} ${kind}`);
    expect(writes.indexOf('patch PersistentVolumeClaim')).toBeLessThan(
      writes.indexOf('delete StatefulSet'),
    );
    expect(writes.indexOf('delete StatefulSet')).toBeLessThan(
      writes.lastIndexOf('apply StatefulSet'),
    );
    expect(writes).not.toContain('delete Pod');
    expect(world.condition('StorageHealthy')).toBe('False VolumesGrowing');
  });

  it('does not shrink volumes, and says so', async () => {
    world.apply({ groups: 1, storage: { size: '2Gi' } });
    await world.settle();
    world.apply({ groups: 1, storage: { size: '1Gi' } });
    world.kube.writes.length = 0;
    await world.settle();
    expect(world.condition('StorageHealthy')).toBe('False ExpansionNotAllowed');
    expect(world.kube.writes.filter(({ verb }) => verb === 'delete')).toEqual([]);
  });

  it('changes the number of NameServers without touching a broker', async () => {
    world.apply({ namesrv: { replicas: 1 } });
    await world.settle();
    world.kube.writes.length = 0;
    world.apply({ namesrv: { replicas: 3 } });
    await world.settle();
    const touched = world.kube.writes.filter(
      ({ kind }) => kind === 'StatefulSet' || kind === 'Pod',
    );
    expect(touched.map(({ name }) => name)).toEqual(['orders-namesrv']);
  });
});
