/** A cluster as it is shown to a person: what its resources say, put together. */
import type { BrokerCluster } from '../api/broker-cluster-schema.ts';
import type { BrokerGroup } from '../api/broker-group-schema.ts';
import type { Pod } from '../kube/resource.ts';
import { isReady, podState } from '../reconcile/pod-facts.ts';
import { LABELS } from '../resource/names.ts';

export interface ConditionReport {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly since: string;
}

export interface GroupReport {
  readonly name: string;
  /** Empty: none. */
  readonly master: string;
  readonly epoch: number;
  readonly phase: string;
  readonly inSync: readonly string[];
  readonly members: readonly string[];
  readonly ready: number;
  readonly fenced: readonly string[];
  readonly failoverPossible: string;
  readonly address: string;
  /** Why it does not get on, or what it waits for; empty while all is well. */
  readonly message: string;
  readonly lastChange: ChangeReport | undefined;
}

export interface ChangeReport {
  readonly at: string;
  readonly from: string;
  readonly to: string;
  readonly durationMs: number;
  readonly reason: string;
  /** -1: not known. */
  readonly lostBytesMax: number;
}

export interface PodReport {
  readonly name: string;
  readonly component: string;
  readonly group: string;
  readonly role: string;
  readonly state: string;
  readonly restarts: number;
  readonly node: string;
  readonly image: string;
}

export interface ClusterReport {
  readonly name: string;
  readonly namespace: string;
  readonly conditions: readonly ConditionReport[];
  readonly nameServers: { readonly ready: number; readonly wanted: number };
  readonly groups: readonly GroupReport[];
  readonly pods: readonly PodReport[];
  readonly internalAddress: string;
  readonly externalAddress: string;
  readonly image: string;
  readonly operatorVersion: string;
  /** The operator has not looked at the present spec yet. */
  readonly isBehind: boolean;
}

const NONE = {
  namesrv: { replicas: 0, ready: 0 },
  addresses: {} as { readonly internal?: string; readonly external?: string },
};

export function reportCluster(
  cluster: BrokerCluster,
  groups: readonly BrokerGroup[],
  pods: readonly Pod[],
): ClusterReport {
  const { metadata, spec, status = {} } = cluster;
  const { namesrv = NONE.namesrv, addresses = NONE.addresses, image = '', version = '' } = status;
  const { internal = '', external = '' } = addresses;
  return {
    ...{ name: metadata.name, namespace: metadata.namespace ?? '' },
    conditions: conditionsOf(cluster),
    nameServers: { ready: namesrv.ready, wanted: spec.namesrv.replicas },
    groups: groups.map((group) => reportGroup(group, cluster, pods)),
    pods: pods.map(reportPod),
    ...{ internalAddress: internal, externalAddress: external, image, operatorVersion: version },
    isBehind: status.observedGeneration !== metadata.generation,
  };
}

function conditionsOf({ status }: BrokerCluster | BrokerGroup): readonly ConditionReport[] {
  return (status?.conditions ?? []).map((condition) => ({
    type: condition.type,
    status: condition.status,
    reason: condition.reason,
    message: condition.message,
    since: condition.lastTransitionTime,
  }));
}

function reportGroup(
  group: BrokerGroup,
  { status }: BrokerCluster,
  pods: readonly Pod[],
): GroupReport {
  const { metadata, spec } = group;
  const members = spec.members.map(({ name }) => name);
  const { address = '', draining } =
    status?.groups?.find(({ name }) => name === spec.brokerName) ?? {};
  const { message, ...record } = recordOf(group);
  const possible = conditionsOf(group).find(({ type }) => type === 'FailoverPossible');
  return {
    ...{ name: metadata.name, ...record, members },
    ready: pods.filter((pod) => members.includes(pod.metadata.name) && isReady(pod)).length,
    failoverPossible: possible?.status ?? 'Unknown',
    ...{ address, message: draining ?? message },
    lastChange: lastChangeOf(group),
  };
}

type OfRecord = 'master' | 'epoch' | 'phase' | 'inSync' | 'fenced' | 'message';

function recordOf({ status }: BrokerGroup): Pick<GroupReport, OfRecord> {
  if (status === undefined) {
    return { master: '', epoch: 0, phase: 'new', inSync: [], fenced: [], message: '' };
  }
  const { epoch, phase, syncStateSet: inSync, fencedMembers, blocked: message } = status;
  const hasMaster = phase === 'stable' || phase === 'handing-over';
  const master = hasMaster ? (status.master?.name ?? '') : '';
  const fenced = phase === 'fenced' ? ['*'] : fencedMembers;
  return { master, epoch, phase, inSync, fenced, message };
}

function lastChangeOf({ status }: BrokerGroup): ChangeReport | undefined {
  const [last] = status?.transitions ?? [];
  if (last === undefined) return undefined;
  const { startedAtMs, oldMaster, newMaster, durationMs, reason, lostBytesMax } = last;
  const at = new Date(startedAtMs).toISOString();
  return { at, from: oldMaster, to: newMaster, durationMs, reason, lostBytesMax };
}

function reportPod(pod: Pod): PodReport {
  const { name, labels = {} } = pod.metadata;
  const statuses = pod.status?.containerStatuses ?? [];
  return {
    name,
    component: labels[LABELS.component] ?? '',
    group: labels[LABELS.group] ?? '',
    role: labels[LABELS.role] ?? '',
    state: podState(pod),
    restarts: statuses.reduce((sum, { restartCount }) => sum + restartCount, 0),
    node: pod.spec?.nodeName ?? '',
    image: pod.spec?.containers[0]?.image ?? '',
  };
}
