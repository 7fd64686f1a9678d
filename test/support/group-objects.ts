/** A cluster `c` in the namespace `n` as Kubernetes has it: its objects, and records of its group. */
import { epoch } from '../../common/model/offsets.ts';
import type { BrokerCluster } from '../../operator/api/broker-cluster-schema.ts';
import type { BrokerGroup } from '../../operator/api/broker-group-schema.ts';
import { brokerClusterDefaults } from '../../operator/api/defaults.ts';
import { newRecord, type GroupRecord } from '../../operator/failover/core/group-record.ts';
import type { Transition } from '../../operator/failover/core/transition.ts';
import { recordToJson } from '../../operator/failover/record-json.ts';
import type { Pod } from '../../operator/kube/resource.ts';
import { groupSpecOf } from '../../operator/reconcile/broker-group/cluster-failover-spec.ts';

const API = 'orbitmq.io/v1alpha1';
const NAMESPACE = 'n';

export const MEMBERS = ['c-broker-0-0', 'c-broker-0-1'] as const;

export function clusterObject(name = 'c', parts: Partial<BrokerCluster> = {}): BrokerCluster {
  return {
    ...{ apiVersion: API, kind: 'BrokerCluster', spec: brokerClusterDefaults({}), ...parts },
    metadata: { name, namespace: NAMESPACE, generation: 1, ...parts.metadata },
  };
}

export function groupObject(record?: GroupRecord, cluster = 'c'): BrokerGroup {
  const status = record === undefined ? {} : { status: JSON.parse(recordToJson(record)) as object };
  return {
    ...{ apiVersion: API, kind: 'BrokerGroup' },
    metadata: {
      ...{ name: `${cluster}-broker-0`, namespace: NAMESPACE },
      labels: { 'orbitmq.io/cluster': cluster, 'orbitmq.io/group': 'broker-0' },
    },
    spec: {
      ...{ clusterName: cluster, paused: false, brokerName: 'broker-0', replication: 'sync' },
      ...{ minInSyncReplicas: 1, uncleanElection: false },
      members: MEMBERS.map((name) => ({
        name: name.replace(/^c-/, `${cluster}-`),
        address: { host: `${name}.example`, port: 8081 },
      })),
    },
    ...status,
  } as BrokerGroup;
}

/** Member 0 is master in epoch 3, both are in sync. */
export function stableRecord(changes: Partial<GroupRecord> = {}): GroupRecord {
  return {
    ...newRecord(groupSpecOf(groupObject().spec)),
    ...{ epoch: epoch(3), phase: 'stable', master: { name: MEMBERS[0], runId: 'run-0' } },
    ...{ syncStateSet: [...MEMBERS], setVersion: 1 },
    ...changes,
  };
}

export function transition(changes: Partial<Transition> = {}): Transition {
  return {
    ...{ reason: 'switchover', cause: 'switchover', oldEpoch: epoch(3), newEpoch: epoch(4) },
    ...{ oldMaster: MEMBERS[0], newMaster: MEMBERS[1], startedAtMs: 1_000, durationMs: 12 },
    ...{ phases: [], logEndOffset: 5, isUnclean: false, lostBytesMax: 0 },
    ...changes,
  };
}

export function podObject(name: string, parts: Partial<Pod> = {}, isReady = true): Pod {
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ name: 'broker' }] } },
    metadata: {
      ...{ name, namespace: NAMESPACE },
      labels: { 'orbitmq.io/cluster': 'c', 'app.kubernetes.io/component': 'broker' },
    },
    status: {
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
      containerStatuses: [{ name: 'broker', restartCount: 0 }],
    },
    ...parts,
  } as unknown as Pod;
}
