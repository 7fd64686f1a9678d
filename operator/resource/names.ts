/** Names of everything that belongs to a cluster `c` in a namespace `n`. They never change: clients and volumes rely on them. */
import type { Address } from '../../common/options/option-definition.ts';
import { API_GROUP } from '../api/object-meta.ts';

/** For clients, other nodes and the operator; TLS and plaintext. */
export const PROTOCOL_PORT = 8081;
/** /metrics, /healthz, /readyz. */
export const HTTP_PORT = 5557;

export const LABELS = {
  cluster: `${API_GROUP}/cluster`,
  group: `${API_GROUP}/group`,
  /** Of pods: set by the operator while it runs, for Services and people. It fences nobody. */
  role: `${API_GROUP}/role`,
  component: 'app.kubernetes.io/component',
} as const;
export const MASTER_ROLE = 'master';

interface Place {
  readonly name: string;
  readonly namespace: string;
}

/** Of StatefulSet and client Service. */
export const nameServersName = ({ name }: Place): string => `${name}-namesrv`;
export const nameServerPeersName = ({ name }: Place): string => `${name}-namesrv-peers`;

/** As it stands in routes and receipt handles; unique in its cluster. */
export const brokerName = (index: number): string => `broker-${index}`;

/** Undefined for a name that is none of ours. */
export function groupIndexOf(broker: string): number | undefined {
  const match = /^broker-(\d+)$/.exec(broker);
  return match === null ? undefined : Number(match[1]);
}

/** Of StatefulSet, Service and BrokerGroup. */
export const groupObjectName = (cluster: string, broker: string): string => `${cluster}-${broker}`;
export const groupName = ({ name }: Place, index: number): string =>
  groupObjectName(name, brokerName(index));
export const groupPeersName = (place: Place, index: number): string =>
  `${groupName(place, index)}-peers`;

/** Of a pod, which is the name of the member. */
export const memberName = (place: Place, index: number, ordinal: number): string =>
  `${groupName(place, index)}-${ordinal}`;

/** Of the volume; StatefulSets name the claim after it and the pod. */
export const DATA_VOLUME = 'data';

export const externalName = (serviceName: string): string => `${serviceName}-external`;

export const brokersName = ({ name }: Place): string => `${name}-broker`;
export const brokerConfigName = ({ name }: Place): string => `${name}-broker-config`;
export const nameServerConfigName = ({ name }: Place): string => `${name}-namesrv-config`;
export const peerSecretName = ({ name }: Place): string => `${name}-peers`;
export const ownTlsSecretName = ({ name }: Place): string => `${name}-tls`;
export const serviceAccountName = ({ name }: Place): string => `${name}-node`;

export function serviceHost({ namespace }: Place, serviceName: string): string {
  return `${serviceName}.${namespace}.svc`;
}

/** Where other nodes reach one member, ready or not. */
export function memberAddress(place: Place, index: number, ordinal: number): Address {
  const peers = serviceHost(place, groupPeersName(place, index));
  return { host: `${memberName(place, index, ordinal)}.${peers}`, port: PROTOCOL_PORT };
}

/** Of one NameServer, ready or not. */
export function nameServerHost(place: Place, ordinal: number): string {
  const peers = serviceHost(place, nameServerPeersName(place));
  return `${nameServersName(place)}-${ordinal}.${peers}`;
}

/** A name with the addresses of all NameServers: each counts as one. */
export function nameServersAddress(place: Place): Address {
  return { host: serviceHost(place, nameServerPeersName(place)), port: PROTOCOL_PORT };
}

/** Where clients inside Kubernetes, and the operator, find any NameServer. */
export function internalAddress(place: Place): Address {
  return { host: serviceHost(place, nameServersName(place)), port: PROTOCOL_PORT };
}
