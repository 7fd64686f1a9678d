import { beforeEach, describe, expect, it } from '@jest/globals';
import { epoch } from '../../../../../common/model/offsets.ts';
import type { BrokerGroup } from '../../../../../operator/api/broker-group-schema.ts';
import { newRecord, type GroupRecord } from '../../../../../operator/failover/core/group-record.ts';
import { groupSpecOf } from '../../../../../operator/reconcile/broker-group/cluster-failover-spec.ts';
import {
  KubernetesGroupStore,
  type GroupStorePorts,
} from '../../../../../operator/reconcile/broker-group/kubernetes-group-store.ts';
import { KubernetesProcessWitness } from '../../../../../operator/reconcile/broker-group/kubernetes-process-witness.ts';
import { OWN_RESOURCES } from '../../../../../operator/reconcile/own-resources.ts';
import { FakeKube } from '../../../../support/fake-kube.ts';
import { ManualTime } from '../../../../support/manual-time.ts';

const AT = { namespace: 'n', name: 'c' };
const SPEC: BrokerGroup['spec'] = {
  ...{ clusterName: 'c', paused: false, brokerName: 'broker-0', replication: 'sync' },
  ...{ minInSyncReplicas: 1, uncleanElection: false },
  members: [{ name: 'c-broker-0-0', address: { host: 'h', port: 1 } }],
};

const CONDITION = {
  ...{ type: 'Ready', status: 'True' as const, reason: 'r', message: '' },
  lastTransitionTime: '2026-01-01T00:00:00Z',
};

/** A copy that follows when it is told to. */
class LaggingCache {
  readonly #kube: FakeKube;
  readonly #seen: BrokerGroup[] = [];
  #at = 0;

  constructor(kube: FakeKube) {
    this.#kube = kube;
    this.note();
  }

  /** Remembers the object as it is now: one more thing that the copy will get to see. */
  note(): void {
    const object = this.#kube.cache(OWN_RESOURCES.brokerGroups).get('n', 'c-broker-0');
    if (object !== undefined) this.#seen.push(object);
  }

  step(): void {
    this.#at = Math.min(this.#at + 1, this.#seen.length - 1);
  }

  get(): BrokerGroup | undefined {
    return this.#seen[this.#at];
  }
}

describe('KubernetesGroupStore', () => {
  let kube: FakeKube;
  let time: ManualTime;
  let store: KubernetesGroupStore;
  let written: GroupRecord[];
  const record = (value: number): GroupRecord => ({
    ...newRecord(groupSpecOf(SPEC)),
    ...{ epoch: epoch(value), phase: 'revoking' },
  });
  const object = (): BrokerGroup => kube.cache(OWN_RESOURCES.brokerGroups).get('n', 'c-broker-0')!;

  const storeWith = (groups: GroupStorePorts['groups']): KubernetesGroupStore =>
    new KubernetesGroupStore(
      {
        ...{ api: kube, groups, clock: time },
        onWritten: (_name, _before, after) => void written.push(after),
      },
      AT,
    );

  beforeEach(() => {
    kube = new FakeKube();
    kube.put({
      ...{ apiVersion: 'orbitmq.io/v1alpha1', kind: 'BrokerGroup', spec: SPEC },
      metadata: { name: 'c-broker-0', namespace: 'n' },
    });
    written = [];
    time = new ManualTime();
    store = storeWith(kube.cache(OWN_RESOURCES.brokerGroups));
  });

  it('keeps the record in the status of the object, and gives it back as it was', async () => {
    expect(await store.read('broker-0')).toBeUndefined();
    expect(await store.write('broker-0', record(1), undefined)).toBe('written');
    expect((await store.read('broker-0'))?.record).toEqual(record(1));
    expect(written).toEqual([record(1)]);
  });

  it('refuses what was decided on anything older than what is stored', async () => {
    await store.write('broker-0', record(1), undefined);
    const { version } = (await store.read('broker-0'))!;
    const other = storeWith(kube.cache(OWN_RESOURCES.brokerGroups));
    await other.read('broker-0');
    expect(await other.write('broker-0', record(2), version)).toBe('written');
    expect(await store.write('broker-0', record(3), version)).toBe('conflict');
    expect(await store.write('broker-0', record(3), undefined)).toBe('conflict');
    expect((await store.read('broker-0'))?.record.epoch).toBe(2);
  });

  it('keeps what else is in the status, and is not kept from writing by it', async () => {
    await store.write('broker-0', record(1), undefined);
    const { version } = (await store.read('broker-0'))!;
    kube.put({ ...object(), status: { ...object().status!, conditions: [CONDITION] } });
    expect(await store.write('broker-0', record(2), version)).toBe('written');
    expect(object().status?.conditions).toEqual([CONDITION]);
  });

  it('asks the server once, and costs no call as long as nothing changes', async () => {
    await store.write('broker-0', record(1), undefined);
    for (let look = 0; look < 5; look++) await store.read('broker-0');
    expect(kube.reads).toBe(1);
  });

  it('hears from the cache what others change', async () => {
    await store.write('broker-0', record(1), undefined);
    await store.read('broker-0');
    const other = storeWith(kube.cache(OWN_RESOURCES.brokerGroups));
    const { version } = (await other.read('broker-0'))!;
    await other.write('broker-0', record(2), version);
    const before = kube.reads;
    expect((await store.read('broker-0'))?.record.epoch).toBe(2);
    expect(kube.reads).toBe(before);
  });

  it('counts what it has written before a cache that is behind has it', async () => {
    const cache = new LaggingCache(kube);
    store = storeWith(cache);
    for (const value of [1, 2, 3]) {
      const version = (await store.read('broker-0'))?.version;
      expect(await store.write('broker-0', record(value), version)).toBe('written');
      cache.note();
    }
    for (let step = 0; step < 4; step++) {
      expect((await store.read('broker-0'))?.record.epoch).toBe(3);
      cache.step();
    }
    expect(kube.reads).toBe(1);
  });

  it('asks the server when the cache stays behind, and after a conflict', async () => {
    const cache = new LaggingCache(kube);
    store = storeWith(cache);
    await store.write('broker-0', record(1), undefined);
    const { version } = (await store.read('broker-0'))!;
    const other = storeWith(kube.cache(OWN_RESOURCES.brokerGroups));
    await other.write('broker-0', record(2), (await other.read('broker-0'))!.version);
    expect(await store.write('broker-0', record(3), version)).toBe('conflict');
    expect((await store.read('broker-0'))?.record.epoch).toBe(2);
    await other.write('broker-0', record(4), (await other.read('broker-0'))!.version);
    expect((await store.read('broker-0'))?.record.epoch).toBe(2);
    time.advance(5_000);
    expect((await store.read('broker-0'))?.record.epoch).toBe(4);
  });

  it('writes conditions beside a record that is written at the same time', async () => {
    await store.write('broker-0', record(1), undefined);
    const { version } = (await store.read('broker-0'))!;
    const outcomes = await Promise.all([
      store.annotate('broker-0', () => ({ conditions: [CONDITION], observedGeneration: 1 })),
      store.write('broker-0', record(2), version),
      store.annotate('broker-0', () => undefined),
    ]);
    expect(outcomes).toEqual(['written', 'written', 'unchanged']);
    expect(object().status).toMatchObject({ epoch: 2, conditions: [CONDITION] });
  });

  it('does not take an object that is missing, or a damaged record, for a group without one', async () => {
    await store.write('broker-0', record(1), undefined);
    kube.put({ ...object(), status: { ...object().status!, syncStateSet: 7 as never } });
    await expect(store.read('broker-0')).rejects.toMatchObject({ code: 'group-record-damaged' });
    kube.remove(object());
    await expect(store.read('broker-0')).rejects.toMatchObject({ code: 'broker-group-unknown' });
    await expect(store.write('broker-0', record(1), undefined)).rejects.toBeDefined();
  });

  it('rejects when it is not known whether the write was stored', async () => {
    kube.failure = () => 'unreachable';
    await expect(store.write('broker-0', record(1), undefined)).rejects.toMatchObject({
      code: 'KUBE',
    });
  });
});

describe('KubernetesProcessWitness', () => {
  const pod = (status: object): never =>
    ({
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'c-broker-0-0', namespace: 'n' } },
      status: { containerStatuses: [{ name: 'broker', ...status }] },
    }) as never;

  it('knows the end of a run from the last words of its container, and remembers it', async () => {
    const witness = new KubernetesProcessWitness('broker');
    expect(witness.podSeen(pod({ state: { running: {} } }))).toBe(false);
    const ended = { lastState: { terminated: { message: 'run-1\n' } }, state: { running: {} } };
    expect(witness.podSeen(pod(ended))).toBe(true);
    expect(witness.podSeen(pod(ended))).toBe(false);
    witness.podSeen(pod({ state: { terminated: { message: 'run-2' } } }));
    witness.podSeen(pod({ state: { waiting: {} } }));
    expect(await witness.endedRuns('broker-0', 'c-broker-0-0')).toEqual(['run-1', 'run-2']);
    expect(await witness.endedRuns('broker-0', 'c-broker-0-1')).toEqual([]);
  });
});
