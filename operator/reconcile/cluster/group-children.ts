import type { KubernetesObject } from '../../api/object-meta.ts';
import type { ApplyReport } from '../../kube/child-applier.ts';
import { isKubeError } from '../../kube/kube-error.ts';
import { RESOURCES, type Node, type Service } from '../../kube/resource.ts';
import type { BrokerCluster } from '../../api/broker-cluster-schema.ts';
import {
  groupAddress,
  type AdvertisedAddress,
  type ObservedOutside,
} from '../../resource/advertised-address.ts';
import { brokerGroup } from '../../resource/broker-group.ts';
import { brokerStatefulSet } from '../../resource/broker-stateful-set.ts';
import type { ClusterContext } from '../../resource/cluster-context.ts';
import { groupServices } from '../../resource/cluster-objects.ts';
import { groupDisruptionBudget } from '../../resource/disruption-budgets.ts';
import { brokerName, externalName, groupName, LABELS } from '../../resource/names.ts';
import type { ClusterPorts } from './cluster-ports.ts';
import type { ClusterView, GroupView } from './cluster-view.ts';
import { ordinalOf, replicasFor } from './core/member-count.ts';
import { planStorage, quantityBytes, type Claim, type StoragePlan } from './core/storage-plan.ts';

export interface GroupOutcome {
  readonly address: AdvertisedAddress;
  readonly storage: StoragePlan;
  readonly report: ApplyReport;
}

export interface ChildrenTurn {
  readonly ports: ClusterPorts;
  readonly cluster: BrokerCluster;
  readonly context: ClusterContext;
  readonly view: ClusterView;
  readonly signal: AbortSignal;
}

/** Brings the objects of one broker group to what the spec asks for. */
export async function applyGroup(turn: ChildrenTurn, group: GroupView): Promise<GroupOutcome> {
  const { ports, cluster, context, view, signal } = turn;
  const { index } = group;
  const storage = storagePlan(turn, group);
  await growVolumes(turn, group, storage);
  const address = addressOf(turn, index);
  const replicas = replicasFor({
    wanted: context.spec.replicasPerGroup,
    replicas: group.statefulSet?.spec?.replicas,
    recorded: recordedMembers(group),
    master: group.record?.master === undefined ? undefined : ordinalOf(group.record.master.name),
  });
  const budget = groupDisruptionBudget(context, index);
  const claimSize = storage.recreates ? undefined : templateSize(group);
  const wanted: readonly KubernetesObject[] = [
    ...groupServices(context, index),
    brokerGroup(context, index),
    ...(budget === undefined ? [] : [budget]),
    ...(address.isKnown
      ? [
          brokerStatefulSet(context, {
            ...{ index, replicas, advertised: address.address },
            ...(claimSize !== undefined && { claimSize }),
          }),
        ]
      : []),
  ];
  // Pods that run are not ended because an address is not known for the moment.
  const observed = address.isKnown
    ? group.objects
    : group.objects.filter(({ kind }) => kind !== 'StatefulSet');
  const report = await ports.applier.applyAll({
    ...{ owner: cluster, objects: wanted, observed, signal },
    pruneLabels: { [LABELS.cluster]: view.name, [LABELS.group]: group.brokerName },
  });
  await remakeStatefulSets(turn, report);
  return { address, storage, report };
}

/** A group that the spec has no more: all of it goes, its record last. */
export async function removeGroup(turn: ChildrenTurn, group: GroupView): Promise<ApplyReport> {
  const { ports, cluster, view, signal } = turn;
  return ports.applier.applyAll({
    ...{ owner: cluster, objects: [], observed: group.objects, signal },
    pruneLabels: { [LABELS.cluster]: view.name, [LABELS.group]: group.brokerName },
  });
}

/**
 * Parts of a StatefulSet cannot be changed. One that refuses a change is removed without its pods, which the next one of its
 * name takes over as they are.
 */
export async function remakeStatefulSets(
  { ports, view, signal }: Pick<ChildrenTurn, 'ports' | 'view' | 'signal'>,
  { failures }: ApplyReport,
): Promise<void> {
  for (const { ref, error } of failures) {
    const isFixed =
      ref.kind === 'StatefulSet' && isKubeError(error, 'invalid') && error.status === 422;
    if (!isFixed || !/immutable|updates to statefulset spec/i.test(error.message)) continue;
    const { namespace, name } = view;
    ports.logger.info('a StatefulSet is made anew around its pods', {
      ...{ cluster: `${namespace}/${name}`, statefulSet: ref.name, reason: error.message },
    });
    await ports.api.delete(
      RESOURCES.statefulSets,
      { namespace, name: ref.name },
      { propagation: 'Orphan', signal },
    );
  }
}

/** Where clients find the group; a node that was chosen once is kept while it is there, so that nothing is restarted for it. */
export function addressOf(
  { ports, cluster, context, view }: Omit<ChildrenTurn, 'signal'>,
  index: number,
): AdvertisedAddress {
  const serviceName = externalName(groupName(context, index));
  const told = cluster.status?.groups?.find(({ name }) => name === brokerName(index))?.address;
  return groupAddress(context, index, outside(ports, view, serviceName, told));
}

export function outside(
  ports: Pick<ClusterPorts, 'caches'>,
  view: ClusterView,
  serviceName: string,
  told: string | undefined,
): ObservedOutside {
  const service = view.services.find(({ metadata }) => metadata.name === serviceName);
  return { service: service && observedService(service), nodeHost: nodeHost(ports, told) };
}

function observedService({ spec, status }: Service): ObservedOutside['service'] {
  const nodePort = spec?.ports?.[0]?.nodePort;
  const ingress = status?.loadBalancer?.ingress ?? [];
  return { ...(nodePort !== undefined && { nodePort }), ingress };
}

function nodeHost(
  { caches }: Pick<ClusterPorts, 'caches'>,
  told: string | undefined,
): string | undefined {
  const hosts = caches.nodes
    .all()
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap((node) => addressOfNode(node) ?? []);
  const before = told?.slice(0, told.lastIndexOf(':'));
  return before !== undefined && hosts.includes(before) ? before : hosts[0];
}

function addressOfNode({ status }: Node): string | undefined {
  const addresses = status?.addresses ?? [];
  const find = (wanted: string): string | undefined =>
    addresses.find(({ type }) => type === wanted)?.address;
  return find('ExternalIP') ?? find('InternalIP');
}

function recordedMembers({ record }: GroupView): readonly number[] {
  if (record === undefined) return [];
  const names = [...record.spec.members.map(({ name }) => name), ...record.syncStateSet];
  return [...new Set(names.map(ordinalOf))];
}

function templateSize({ statefulSet }: GroupView): string | undefined {
  const [template] = statefulSet?.spec?.volumeClaimTemplates ?? [];
  return template?.spec?.resources?.requests?.['storage'];
}

function storagePlan({ context }: ChildrenTurn, group: GroupView): StoragePlan {
  const size = templateSize(group);
  return planStorage({
    wantedBytes: quantityBytes(String(context.spec.storage.size)) ?? 0,
    templateBytes: size === undefined ? undefined : quantityBytes(size),
    claims: group.claims.map(({ metadata, spec, status }): Claim => {
      const requested = spec?.resources?.requests?.['storage'] ?? '0';
      const capacity = status?.capacity?.['storage'];
      return {
        name: metadata.name,
        requestedBytes: quantityBytes(requested) ?? 0,
        capacityBytes: capacity === undefined ? undefined : quantityBytes(capacity),
        isResizing: (status?.conditions ?? []).some(
          ({ type, status: value }) => /Resiz/.test(type) && value === 'True',
        ),
      };
    }),
  });
}

async function growVolumes(
  { ports, cluster, context, view, signal }: ChildrenTurn,
  { statefulSet, brokerName }: GroupView,
  { grow, recreates }: StoragePlan,
): Promise<void> {
  const { namespace } = view;
  const storage = context.spec.storage.size;
  for (const name of grow) {
    const patch = { spec: { resources: { requests: { storage } } } };
    await ports.api.mergePatch(RESOURCES.volumeClaims, { namespace, name }, patch, { signal });
    ports.story.tell(cluster, 'VolumeGrowing', `${name} is to have ${storage}`);
  }
  if (!recreates || statefulSet === undefined) return;
  const { name, uid } = statefulSet.metadata;
  ports.logger.info('a StatefulSet is made anew around its pods, for larger volumes', {
    brokerName,
  });
  await ports.api.delete(
    RESOURCES.statefulSets,
    { namespace, name },
    { uid, propagation: 'Orphan', signal },
  );
}
