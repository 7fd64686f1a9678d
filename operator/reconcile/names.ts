/** What the objects and nodes of a cluster are called: what one reconciler makes, another one finds. */
import { API_GROUP } from '../api/object-meta.ts';

/** `namespace/name` of a BrokerCluster. */
export type ClusterKey = string;

export const ANNOTATIONS = {
  /** `true`: nothing is changed. */
  pause: `${API_GROUP}/pause`,
  /** Of a BrokerGroup: a member, several with commas, or `*`. */
  fence: `${API_GROUP}/fence`,
  /** Of a BrokerGroup: the member that should take over, or `any`. Removed when that is done. */
  switchover: `${API_GROUP}/switchover`,
  /** Of a BrokerGroup: since when it is being drained, RFC 3339. */
  drainingSince: `${API_GROUP}/draining-since`,
  /** Of a BrokerGroup: it was given the topics and consumer groups that there were when it was new. */
  hasConfiguration: `${API_GROUP}/has-configuration`,
  /** Of the Secret with the certificate: how often it was renewed because of its age. */
  renewals: `${API_GROUP}/renewals`,
} as const;

export const LABELS = {
  cluster: `${API_GROUP}/cluster`,
  group: `${API_GROUP}/group`,
  role: `${API_GROUP}/role`,
  component: 'app.kubernetes.io/component',
} as const;

export const FINALIZER = `${API_GROUP}/cleanup`;
export const NODE_PORT = 8081;

export function clusterKey(namespace: string, name: string): ClusterKey {
  return `${namespace}/${name}`;
}

export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** Undefined for a name that is none of ours. */
export function groupIndexOf(brokerName: string): number | undefined {
  const match = /^broker-(\d+)$/.exec(brokerName);
  return match === null ? undefined : Number(match[1]);
}

/** Name of the StatefulSet, the Service and the BrokerGroup of a broker group. */
export function groupObjectName(cluster: string, brokerName: string): string {
  return `${cluster}-${brokerName}`;
}

/** Stable address of a broker group, which leads to its master. */
export function groupHost(namespace: string, cluster: string, brokerName: string): string {
  return `${groupObjectName(cluster, brokerName)}.${namespace}.svc`;
}

export function memberName(cluster: string, brokerName: string, ordinal: number): string {
  return `${groupObjectName(cluster, brokerName)}-${ordinal}`;
}

export function nameServerHost(namespace: string, cluster: string, ordinal: number): string {
  return `${cluster}-namesrv-${ordinal}.${cluster}-namesrv-peers.${namespace}.svc`;
}
