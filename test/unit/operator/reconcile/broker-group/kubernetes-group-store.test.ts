import { beforeEach, describe, expect, it } from '@jest/globals';
import { epoch } from '../../../../../common/model/offsets.ts';
import type { BrokerGroup } from '../../../../../operator/api/broker-group-schema.ts';
import { newRecord, type GroupRecord } from '../../../../../operator/failover/core/group-record.ts';
import { groupSpecOf } from '../../../../../operator/reconcile/broker-group/cluster-failover-spec.ts';
import { KubernetesGroupStore } from '../../../../../operator/reconcile/broker-group/kubernetes-group-store.ts';
import { KubernetesProcessWitness } from '../../../../../operator/reconcile/broker-group/kubernetes-process-witness.ts';
import { OWN_RESOURCES } from '../../../../../operator/reconcile/own-resources.ts';
import { FakeKube } from '../../../../support/fake-kube.ts';

const AT = { namespace: 'n', name: 'c' };
const SPEC: BrokerGroup['spec'] = {
  ...{ clusterName: 'c', paused: false, brokerName: 'broker-0', replication: 'sync' },
  ...{ minInSyncReplicas: 1, uncleanElection: false },
  members: [{ name: 'c-broker-0-0', address: { host: 'h', port: 1 } }],
};

describe('KubernetesGroupStore', () => {
  let kube: FakeKube;
  let store: KubernetesGroupStore;
  let written: GroupRecord[];
  const record = (value: number): GroupRecord => ({
    ...newRecord(groupSpecOf(SPEC)),
    ...{ epoch: epoch(value), phase: 'revoking' },
  });
  const object = (): BrokerGroup => kube.cache(OWN_RESOURCES.brokerGroups).get('n', 'c-broker-0')!;

  beforeEach(() => {
    kube = new FakeKube();
    kube.put({
      ...{ apiVersion: 'orbitmq.io/v1alpha1', kind: 'BrokerGroup', spec: SPEC },
      metadata: { name: 'c-broker-0', namespace: 'n' },
    });
    written = [];
    store = new KubernetesGroupStore(kube, AT, (_name, _before, after) => void written.push(after));
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
    const other = new KubernetesGroupStore(kube, AT);
    await other.read('broker-0');
    expect(await other.write('broker-0', record(2), version)).toBe('written');
    expect(await store.write('broker-0', record(3), version)).toBe('conflict');
    expect(await store.write('broker-0', record(3), undefined)).toBe('conflict');
    expect((await store.read('broker-0'))?.record.epoch).toBe(2);
  });

  it('takes any change of the object in between for a conflict, and keeps what else is in the status', async () => {
    await store.write('broker-0', record(1), undefined);
    const { version } = (await store.read('broker-0'))!;
    const condition = {
      ...{ type: 'Ready', status: 'True' as const, reason: 'r', message: '' },
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    kube.put({ ...object(), status: { ...object().status!, conditions: [condition] } });
    expect(await store.write('broker-0', record(2), version)).toBe('conflict');
    const again = (await store.read('broker-0'))!;
    expect(await store.write('broker-0', record(2), again.version)).toBe('written');
    expect(object().status?.conditions).toEqual([condition]);
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
