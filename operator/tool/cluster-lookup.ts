/** What a person means by a name: a cluster, a broker group, a member. */
import { MqError } from '../../common/errors/mq-error.ts';
import type { BrokerCluster } from '../api/broker-cluster-schema.ts';
import type { BrokerGroup } from '../api/broker-group-schema.ts';
import type { KubernetesObject } from '../api/object-meta.ts';
import type { KubeClient, ListOptions } from '../kube/kube-client.ts';
import { isKubeError } from '../kube/kube-error.ts';
import { RESOURCES, type Pod, type Resource } from '../kube/resource.ts';
import { OWN_RESOURCES } from '../reconcile/own-resources.ts';
import { isReady } from '../reconcile/pod-facts.ts';
import { LABELS, nameServersName, PROTOCOL_PORT } from '../resource/names.ts';

export type ReadApi = Pick<KubeClient, 'find' | 'list'>;

/** A broker group, or one member of it. */
export interface Target {
  readonly group: BrokerGroup;
  readonly member: string | undefined;
}

/** All of a namespace, or of all; in the order of their names. */
export async function listClusters(
  kube: ReadApi,
  namespace: string | undefined,
): Promise<readonly BrokerCluster[]> {
  return listOwn(kube, OWN_RESOURCES.brokerClusters, { namespace });
}

/** The one that is named, or the only one there is. */
export async function findCluster(
  kube: ReadApi,
  namespace: string,
  name: string | undefined,
): Promise<BrokerCluster> {
  const clusters = await listClusters(kube, namespace);
  const names = clusters.map(({ metadata }) => metadata.name);
  if (name !== undefined) {
    const found = clusters.find(({ metadata }) => metadata.name === name);
    if (found !== undefined) return found;
    const advice =
      names.length === 0
        ? NO_CLUSTERS
        : `There are: ${names.join(', ')}. -n names another namespace.`;
    throw new MqError('kube-object-missing', { what: `BrokerCluster ${name}`, namespace, advice });
  }
  const [only] = clusters;
  if (only === undefined) {
    throw new MqError('kube-object-missing', {
      what: 'BrokerCluster',
      namespace,
      advice: NO_CLUSTERS,
    });
  }
  if (clusters.length === 1) return only;
  throw new MqError('kube-object-ambiguous', {
    what: `the BrokerCluster of namespace ${namespace}`,
    candidates: names.join(', '),
    advice: 'Name one with --cluster.',
  });
}

const NO_CLUSTERS = '-n names another namespace; "kubectl get brokerclusters -A" shows them all.';

export async function groupsOf(
  kube: ReadApi,
  { metadata }: Pick<BrokerCluster, 'metadata'>,
): Promise<readonly BrokerGroup[]> {
  const { namespace, name } = metadata;
  return listOwn(kube, OWN_RESOURCES.brokerGroups, { namespace, labelSelector: labelled(name) });
}

export async function podsOf(
  kube: ReadApi,
  { metadata }: Pick<BrokerCluster, 'metadata'>,
): Promise<readonly Pod[]> {
  const { namespace, name } = metadata;
  const { items } = await kube.list(RESOURCES.pods, { namespace, labelSelector: labelled(name) });
  return items.toSorted(byName);
}

export const GATEWAY_PORT = PROTOCOL_PORT;

/** Name of a pod that takes any request for the cluster: a NameServer that is ready. */
export async function findGateway(
  kube: ReadApi,
  namespace: string,
  name: string | undefined,
): Promise<string> {
  const cluster = await findCluster(kube, namespace, name);
  const prefix = `${nameServersName({ name: cluster.metadata.name, namespace })}-`;
  const pods = await podsOf(kube, cluster);
  const ready = pods.find((pod) => pod.metadata.name.startsWith(prefix) && isReady(pod));
  if (ready !== undefined) return ready.metadata.name;
  throw new MqError('kube-object-missing', {
    ...{ what: `NameServer of ${cluster.metadata.name} that is ready`, namespace },
    advice: 'kubectl orbitmq status shows what its pods are waiting for.',
  });
}

/** Pods of our operators, in all namespaces: who runs one cluster need not see where its operator is. */
export async function operatorPods(kube: ReadApi): Promise<readonly Pod[]> {
  const labelSelector = `${LABELS.component}=operator`;
  const { items } = await kube.list(RESOURCES.pods, { labelSelector });
  return items.filter(isOurOperator).toSorted(byName);
}

/** Others call theirs so too. */
function isOurOperator({ spec }: Pod): boolean {
  const containers = spec?.containers ?? [];
  return containers.some(
    ({ env }) => env?.some(({ name }) => name.startsWith('ORBITMQ_')) === true,
  );
}

/** `broker-0`, `demo-broker-0` or, where members are meant, `demo-broker-0-1`. `cluster`: only of this one. */
export async function findTarget(
  kube: ReadApi,
  namespace: string,
  text: string,
  cluster: string | undefined,
): Promise<Target> {
  const all = await listOwn(kube, OWN_RESOURCES.brokerGroups, { namespace });
  const groups = all.filter(({ spec }) => cluster === undefined || spec.clusterName === cluster);
  const exact = groups.find(({ metadata }) => metadata.name === text);
  if (exact !== undefined) return { group: exact, member: undefined };
  const ofMember = groups.find(({ spec }) => spec.members.some(({ name }) => name === text));
  if (ofMember !== undefined) return { group: ofMember, member: text };
  const short = groups.filter(({ spec }) => spec.brokerName === text);
  const [only] = short;
  const candidates = (short.length > 0 ? short : groups).map(({ metadata }) => metadata.name);
  if (only === undefined) {
    const advice =
      candidates.length === 0 ? NO_CLUSTERS : `The broker groups are: ${candidates.join(', ')}.`;
    const what = `broker group or member ${text}`;
    throw new MqError('kube-object-missing', { what, namespace, advice });
  }
  if (short.length === 1) return { group: only, member: undefined };
  const advice = 'Use one of these names, or say which cluster with --cluster.';
  throw new MqError('kube-object-ambiguous', {
    what: text,
    candidates: candidates.join(', '),
    advice,
  });
}

/** A list of one of our kinds: when the API server does not know the kind, OrbitMQ is not installed. */
async function listOwn<T extends KubernetesObject>(
  kube: ReadApi,
  resource: Resource<T>,
  options: ListOptions,
): Promise<readonly T[]> {
  try {
    return (await kube.list(resource, options)).items.toSorted(byName);
  } catch (error) {
    if (!isKubeError(error, 'not-found')) throw error;
    throw new MqError('kube-definitions-missing', { kinds: resource.plural }, error);
  }
}

const labelled = (cluster: string): string => `${LABELS.cluster}=${cluster}`;

function byName(a: KubernetesObject, b: KubernetesObject): number {
  const key = ({ metadata }: KubernetesObject): string =>
    `${metadata.namespace ?? ''}/${metadata.name}`;
  return key(a) < key(b) ? -1 : 1;
}

/** The container of one of our pods that has something to say. */
export function logSourceOf({ metadata, spec }: Pod): {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
} {
  const container = spec?.containers[0]?.name ?? '';
  return { namespace: metadata.namespace ?? '', pod: metadata.name, container };
}
