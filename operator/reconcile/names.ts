/** What the operator writes on objects, and how it calls them itself; their names are in operator/resource/names.ts. */
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

export const FINALIZER = `${API_GROUP}/cleanup`;

export function clusterKey(namespace: string, name: string): ClusterKey {
  return `${namespace}/${name}`;
}

export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
