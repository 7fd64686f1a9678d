/** Secrets, from material that was made elsewhere; and the names that a certificate has to have. */
import type { KubernetesObject } from '../api/object-meta.ts';
import type { ClusterContext } from './cluster-context.ts';
import { labelsOf, ownedMetadata } from './metadata.ts';
import {
  externalName,
  groupName,
  groupPeersName,
  nameServerPeersName,
  nameServersName,
  ownTlsSecretName,
  peerSecretName,
  serviceHost,
} from './names.ts';
import { PEER_SECRET_FILE } from './node-config.ts';

/** By which the nodes of a cluster, and the operator, know each other. `secret`: a line of 16 bytes or more. */
export function peerSecret(context: ClusterContext, secret: string): KubernetesObject {
  const name = peerSecretName(context);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: ownedMetadata(context, name, labelsOf(context)),
    type: 'Opaque',
    data: { [PEER_SECRET_FILE]: base64(`${secret.trim()}\n`) },
  } as KubernetesObject;
}

/** PEM texts. */
export interface TlsMaterial {
  readonly authority: string;
  /** Of the authority; kept here so that the next certificate has the same one. */
  readonly authorityKey: string;
  readonly certificate: string;
  readonly key: string;
}

export const AUTHORITY_KEY_FILE = 'ca.key';

/** The certificate that the operator made, where the spec names no Secret. */
export function tlsSecret(context: ClusterContext, material: TlsMaterial): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: ownedMetadata(context, ownTlsSecretName(context), labelsOf(context)),
    type: 'kubernetes.io/tls',
    data: {
      'ca.crt': base64(material.authority),
      [AUTHORITY_KEY_FILE]: base64(material.authorityKey),
      'tls.crt': base64(material.certificate),
      'tls.key': base64(material.key),
    },
  } as KubernetesObject;
}

/**
 * DNS names that clients and nodes connect to, each in the forms that resolve inside Kubernetes; further ones are what clients
 * outside are told. `groups`: how many there are, those being drained included.
 */
export function certificateNames(
  context: ClusterContext,
  groups: number,
  outside: readonly string[],
): readonly string[] {
  const indexes = Array.from({ length: groups }, (_, index) => index);
  const services = [
    nameServersName(context),
    ...indexes.map((index) => groupName(context, index)),
    nameServerPeersName(context),
  ];
  const peers = [
    nameServerPeersName(context),
    ...indexes.map((index) => groupPeersName(context, index)),
  ];
  const hasOutside = context.spec.listeners.external !== undefined;
  const external = hasOutside ? services.slice(0, -1).map(externalName) : [];
  const inside = [...services, ...external, ...peers.map((name) => `*.${name}`)].map((name) =>
    serviceHost(context, name),
  );
  const full = inside.map((host) => `${host}.cluster.local`);
  return [...new Set(['localhost', ...inside, ...full, ...outside])];
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
