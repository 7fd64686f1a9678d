/** Everything that is there of one BrokerCluster, as the caches have it. */
import type { BrokerGroup } from '../../api/broker-group-schema.ts';
import type { KubernetesObject } from '../../api/object-meta.ts';
import type { GroupRecord } from '../../failover/core/group-record.ts';
import type { PersistentVolumeClaim, Pod, Service, StatefulSet } from '../../kube/resource.ts';
import { recordIn } from '../broker-group/kubernetes-group-store.ts';
import {
  brokerName as nameOfGroup,
  groupIndexOf,
  groupObjectName,
  LABELS,
} from '../../resource/names.ts';
import type { CachedObjects } from '../reconcile-ports.ts';
import type { ClusterCaches } from './cluster-ports.ts';

export interface GroupView {
  readonly index: number;
  readonly brokerName: string;
  readonly group: BrokerGroup | undefined;
  /** Undefined before the first; also when it is damaged, which failover tells. */
  readonly record: GroupRecord | undefined;
  readonly statefulSet: StatefulSet | undefined;
  readonly pods: readonly Pod[];
  readonly claims: readonly PersistentVolumeClaim[];
  /** All objects of the group that the cluster owns. */
  readonly objects: readonly KubernetesObject[];
}

export interface ClusterView {
  readonly namespace: string;
  readonly name: string;
  /** By index: those of the spec, and those that are still there. */
  readonly groups: readonly GroupView[];
  readonly nameServers: StatefulSet | undefined;
  readonly nameServerPods: readonly Pod[];
  readonly services: readonly Service[];
  /** Objects of the cluster that belong to no group, its Secrets excepted. */
  readonly objects: readonly KubernetesObject[];
}

export function viewCluster(
  caches: ClusterCaches,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  wantedGroups: number,
): ClusterView {
  const of = <T extends KubernetesObject>(cache: CachedObjects<T>): readonly T[] =>
    cache.labelled(LABELS.cluster, name).filter((one) => one.metadata.namespace === namespace);
  const { groups, statefulSets, services, pods, claims, others } = caches;
  const owned: readonly KubernetesObject[] = [
    ...of(statefulSets),
    ...of(services),
    ...others.flatMap((cache) => of(cache)),
    ...of(groups),
  ];
  const all = { groups: of(groups), sets: of(statefulSets), pods: of(pods), claims: of(claims) };
  const found = owned.flatMap((one) => groupIndexOf(labelOf(one, LABELS.group)) ?? []);
  const indexes = [...new Set([...Array(wantedGroups).keys(), ...found])].toSorted((a, b) => a - b);
  return {
    namespace,
    name,
    groups: indexes.map((index) => viewGroup(name, index, owned, all)),
    nameServers: statefulSets.get(namespace, `${name}-namesrv`),
    nameServerPods: all.pods
      .filter((pod) => labelOf(pod, LABELS.component) === 'namesrv')
      .toSorted(byName),
    services: of(services),
    objects: owned.filter((one) => labelOf(one, LABELS.group) === ''),
  };
}

interface Found {
  readonly groups: readonly BrokerGroup[];
  readonly sets: readonly StatefulSet[];
  readonly pods: readonly Pod[];
  readonly claims: readonly PersistentVolumeClaim[];
}

function viewGroup(
  cluster: string,
  index: number,
  owned: readonly KubernetesObject[],
  { groups, sets, pods, claims }: Found,
): GroupView {
  const brokerName = nameOfGroup(index);
  const isOfGroup = (one: KubernetesObject): boolean => labelOf(one, LABELS.group) === brokerName;
  const objectName = groupObjectName(cluster, brokerName);
  const isNamed = ({ metadata }: KubernetesObject): boolean => metadata.name === objectName;
  const group = groups.find(isNamed);
  return {
    ...{ index, brokerName, group, record: group && usableRecord(group) },
    statefulSet: sets.find(isNamed),
    pods: pods.filter(isOfGroup).toSorted(byName),
    claims: claims.filter(isOfGroup).toSorted(byName),
    objects: owned.filter(isOfGroup),
  };
}

function usableRecord(group: BrokerGroup): GroupRecord | undefined {
  try {
    return recordIn(group);
  } catch {
    return undefined; // failover refuses it loudly, and elects nobody
  }
}

function labelOf({ metadata }: KubernetesObject, label: string): string {
  return metadata.labels?.[label] ?? '';
}

function byName(a: KubernetesObject, b: KubernetesObject): number {
  const [x, y] = [a.metadata.name, b.metadata.name];
  return x.length - y.length || (x < y ? -1 : Number(x > y));
}
