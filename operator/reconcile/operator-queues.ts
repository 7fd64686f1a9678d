import type { KubernetesObject } from '../api/object-meta.ts';
import { objectKey } from '../kube/core/object-store.ts';
import type { WorkQueue } from '../kube/work-queue.ts';
import type { ManagedResource } from './admin/managed-kind.ts';
import { clusterKeyOf } from './cluster/broker-cluster-reconciler.ts';
import { groupObjectName, LABELS } from '../resource/names.ts';
import { clusterKey } from './names.ts';
import type { OperatorCaches } from './operator-caches.ts';
import type { CachedObjects } from './reconcile-ports.ts';

export interface Queues {
  readonly clusters: Pick<WorkQueue, 'add'>;
  readonly groups: Pick<WorkQueue, 'add'>;
  readonly topics: Pick<WorkQueue, 'add'>;
  readonly consumerGroups: Pick<WorkQueue, 'add'>;
}

/** Who has to look when something changes. */
export function connectQueues(caches: OperatorCaches, queues: Queues): void {
  caches.clusters.onChange(({ object }) => {
    const key = objectKey(object);
    queues.clusters.add(key);
    addAllOf(caches.topics, object, queues.topics);
    addAllOf(caches.consumerGroups, object, queues.consumerGroups);
  });
  caches.groups.onChange(({ object, ...change }) => {
    queues.groups.add(objectKey(object));
    const { namespace = '' } = object.metadata;
    queues.clusters.add(clusterKey(namespace, object.spec.clusterName));
    // The first master of a group can be given topics.
    const before = 'previous' in change ? change.previous.status?.master : undefined;
    if (before !== undefined || object.status?.master === undefined) return;
    const cluster = caches.clusters.get(namespace, object.spec.clusterName);
    if (cluster === undefined) return;
    addAllOf(caches.topics, cluster, queues.topics);
    addAllOf(caches.consumerGroups, cluster, queues.consumerGroups);
  });
  caches.topics.onChange(({ object }) => {
    addClaimants(caches.topics, object, queues.topics);
  });
  caches.consumerGroups.onChange(({ object }) => {
    addClaimants(caches.consumerGroups, object, queues.consumerGroups);
  });
  caches.pods.onChange(({ object }) => {
    addCluster(object, queues);
    addGroup(object, queues);
  });
  for (const cache of [caches.statefulSets, caches.services, caches.claims, ...caches.others]) {
    cache.onChange(({ object }: { readonly object: KubernetesObject }) => {
      addCluster(object, queues);
    });
  }
  caches.nodes.onChange((change) => {
    const isSame =
      'previous' in change &&
      change.previous.spec?.unschedulable === change.object.spec?.unschedulable;
    if (isSame) return;
    for (const group of caches.groups.all()) queues.groups.add(objectKey(group));
  });
}

function addCluster(object: KubernetesObject, queues: Queues): void {
  const key = clusterKeyOf(object);
  if (key !== undefined) queues.clusters.add(key);
}

function addGroup({ metadata }: KubernetesObject, queues: Queues): void {
  const cluster = metadata.labels?.[LABELS.cluster];
  const brokerName = metadata.labels?.[LABELS.group];
  if (cluster === undefined || brokerName === undefined) return;
  queues.groups.add(clusterKey(metadata.namespace ?? '', groupObjectName(cluster, brokerName)));
}

function addAllOf<R extends ManagedResource>(
  objects: CachedObjects<R>,
  cluster: KubernetesObject,
  queue: Pick<WorkQueue, 'add'>,
): void {
  for (const object of objects.all()) {
    const isOurs =
      object.metadata.namespace === cluster.metadata.namespace &&
      object.spec.clusterRef.name === cluster.metadata.name;
    if (isOurs) queue.add(objectKey(object));
  }
}

/** When one that stands for a thing goes, the next one may take its place. */
function addClaimants<R extends ManagedResource>(
  objects: CachedObjects<R>,
  changed: R,
  queue: Pick<WorkQueue, 'add'>,
): void {
  queue.add(objectKey(changed));
  if (changed.metadata.deletionTimestamp === undefined) return;
  const name = changed.spec.name ?? changed.metadata.name;
  for (const object of objects.all()) {
    const isRival =
      object.metadata.namespace === changed.metadata.namespace &&
      (object.spec.name ?? object.metadata.name) === name;
    if (isRival) queue.add(objectKey(object));
  }
}
