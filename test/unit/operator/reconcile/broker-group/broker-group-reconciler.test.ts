import { beforeEach, describe, expect, it } from '@jest/globals';
import { nullLogger } from '../../../../../common/log/logger.ts';
import { epoch } from '../../../../../common/model/offsets.ts';
import type { BrokerGroup } from '../../../../../operator/api/broker-group-schema.ts';
import { timingsFor } from '../../../../../operator/failover/controller-timings.ts';
import { newRecord, type GroupRecord } from '../../../../../operator/failover/core/group-record.ts';
import { recordToJson } from '../../../../../operator/failover/record-json.ts';
import { RESOURCES } from '../../../../../operator/kube/resource.ts';
import { BrokerGroupReconciler } from '../../../../../operator/reconcile/broker-group/broker-group-reconciler.ts';
import { groupSpecOf } from '../../../../../operator/reconcile/broker-group/cluster-failover-spec.ts';
import { KubernetesGroupStore } from '../../../../../operator/reconcile/broker-group/kubernetes-group-store.ts';
import { OWN_RESOURCES } from '../../../../../operator/reconcile/own-resources.ts';
import { FakeKube } from '../../../../support/fake-kube.ts';
import { ManualTime } from '../../../../support/manual-time.ts';

const KEY = 'shop/orders-broker-0';
const CONTEXT = { signal: new AbortController().signal, failures: 0 };
const MEMBERS = ['orders-broker-0-0', 'orders-broker-0-1'];
const SPEC: BrokerGroup['spec'] = {
  ...{ clusterName: 'orders', paused: false, brokerName: 'broker-0', replication: 'sync' },
  ...{ minInSyncReplicas: 1, uncleanElection: false },
  members: MEMBERS.map((name) => ({ name, address: { host: name, port: 1 } })),
};

describe('BrokerGroupReconciler', () => {
  let kube: FakeKube;
  let reconciler: BrokerGroupReconciler;

  const group = (): BrokerGroup =>
    kube.cache(OWN_RESOURCES.brokerGroups).get('shop', 'orders-broker-0')!;
  const record = (master: string): GroupRecord => ({
    ...newRecord(groupSpecOf(SPEC)),
    ...{ epoch: epoch(1), phase: 'stable', syncStateSet: MEMBERS, setVersion: 1 },
    master: { name: master, runId: 'run' },
  });
  const store = (value: GroupRecord): void => {
    kube.put({ ...group(), status: JSON.parse(recordToJson(value)) as never });
  };
  const roles = (): (string | undefined)[] =>
    MEMBERS.map(
      (name) => kube.cache(RESOURCES.pods).get('shop', name)?.metadata.labels?.['orbitmq.io/role'],
    );

  beforeEach(() => {
    kube = new FakeKube();
    const time = new ManualTime();
    const groups = kube.cache(OWN_RESOURCES.brokerGroups);
    const groupStore = new KubernetesGroupStore(
      { api: kube, groups, clock: time },
      { namespace: 'shop', name: 'orders' },
    );
    reconciler = new BrokerGroupReconciler({
      ...{ clock: time, logger: nullLogger, api: kube, groups, timings: timingsFor(500) },
      ...{ pods: kube.cache(RESOURCES.pods), nodes: kube.cache(RESOURCES.nodes) },
      failovers: { group: () => undefined, store: () => groupStore },
      ...{ story: { tell: () => undefined }, endsHungMasters: true },
    });
    kube.put({
      ...{ apiVersion: 'orbitmq.io/v1alpha1', kind: 'BrokerGroup', spec: SPEC },
      metadata: { name: 'orders-broker-0', namespace: 'shop' },
    });
    for (const name of MEMBERS) {
      const labels = { 'orbitmq.io/cluster': 'orders', 'orbitmq.io/group': 'broker-0' };
      kube.put({
        ...{ apiVersion: 'v1', kind: 'Pod' },
        metadata: { name, namespace: 'shop', labels },
      } as never);
    }
  });

  it('labels the pods as the record says, and tells how the group is beside it', async () => {
    store(record(MEMBERS[0]!));
    await reconciler.turn(KEY, CONTEXT);
    expect(roles()).toEqual(['master', 'slave']);
    expect(group().status).toMatchObject({ epoch: 1, phase: 'stable' });
    expect(group().status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'True' }),
    );
  });

  it('costs nothing when nothing has changed', async () => {
    store(record(MEMBERS[0]!));
    await reconciler.turn(KEY, CONTEXT);
    const [writes, reads] = [kube.writes.length, kube.reads];
    for (let count = 0; count < 5; count++) await reconciler.turn(KEY, CONTEXT);
    expect(kube.writes).toHaveLength(writes);
    expect(kube.reads).toBe(reads);
  });

  it('gives the label of the master before it takes it away', async () => {
    store(record(MEMBERS[0]!));
    await reconciler.turn(KEY, CONTEXT);
    kube.writes.length = 0;
    store(record(MEMBERS[1]!));
    await reconciler.turn(KEY, CONTEXT);
    const patched = kube.writes.filter(({ kind }) => kind === 'Pod').map(({ name }) => name);
    expect(patched).toEqual([MEMBERS[1], MEMBERS[0]]);
    expect(roles()).toEqual(['slave', 'master']);
  });
});
