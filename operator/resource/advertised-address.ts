/**
 * What clients are told to connect to. Routes carry one address for each group, so that with an external listener it is the
 * external one, inside Kubernetes too; parts of it are known only when Kubernetes has made the Service.
 */
import type { Address } from '../../common/options/option-definition.ts';
import type { BrokerClusterSpec } from '../api/broker-cluster-schema.ts';
import type { ClusterContext } from './cluster-context.ts';
import { brokerName, groupName, PROTOCOL_PORT, serviceHost } from './names.ts';

/** Of an external Service, as the API server has it. */
export interface ObservedService {
  /** Of its only port. */
  readonly nodePort?: number;
  readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[];
}

export interface ObservedOutside {
  /** Undefined: it was not made yet. */
  readonly service: ObservedService | undefined;
  /** An address of a node that clients can reach; undefined: none is known. */
  readonly nodeHost: string | undefined;
}

export type AdvertisedAddress =
  | { readonly isKnown: true; readonly address: Address }
  /** What is waited for, as the end of a sentence. */
  | { readonly isKnown: false; readonly waitsFor: string };

type External = NonNullable<BrokerClusterSpec['listeners']['external']>;

/** Of a broker group. Pods must not start before it is known: they tell it to everybody. */
export function groupAddress(
  context: ClusterContext,
  index: number,
  observed: ObservedOutside,
): AdvertisedAddress {
  const { external } = context.spec.listeners;
  if (external === undefined) {
    const host = serviceHost(context, groupName(context, index));
    return { isKnown: true, address: { host, port: PROTOCOL_PORT } };
  }
  const words = { group: brokerName(index), index: String(index) };
  return externalAddress(context, external, words, external.advertisedPort, observed);
}

/** Where clients outside begin; undefined: nowhere. The NameServers are `namesrv` in the template of the host. */
export function nameServersExternalAddress(
  context: ClusterContext,
  observed: ObservedOutside,
): AdvertisedAddress | undefined {
  const { external } = context.spec.listeners;
  if (external === undefined) return undefined;
  const words = { group: 'namesrv', index: 'namesrv' };
  return externalAddress(context, external, words, undefined, observed);
}

function externalAddress(
  context: ClusterContext,
  external: External,
  words: Readonly<Record<'group' | 'index', string>>,
  advertisedPort: number | undefined,
  { service, nodeHost }: ObservedOutside,
): AdvertisedAddress {
  const isNodePort = external.type === 'NodePort';
  const found = isNodePort ? nodeHost : loadBalancerHost(service);
  const host = templateHost(context, external, words) ?? found;
  // With a base the ports are in the spec, but one that somebody else has is refused, and the Service not made.
  const port = advertisedPort ?? (isNodePort ? service?.nodePort : PROTOCOL_PORT);
  if (host !== undefined && port !== undefined) return { isKnown: true, address: { host, port } };
  return { isKnown: false, waitsFor: missingText(isNodePort, host, external.nodePortBase) };
}

function loadBalancerHost(service: ObservedService | undefined): string | undefined {
  const [ingress] = service?.ingress ?? [];
  return ingress?.hostname ?? ingress?.ip;
}

function templateHost(
  { name, namespace }: ClusterContext,
  { advertisedHost }: External,
  words: Readonly<Record<'group' | 'index', string>>,
): string | undefined {
  return advertisedHost?.replace(/\{(\w+)\}/g, (_, word: string) =>
    replacement({ ...words, cluster: name, namespace }, word),
  );
}

function missingText(
  isNodePort: boolean,
  host: string | undefined,
  nodePortBase: number | undefined,
): string {
  if (!isNodePort) return 'the address of the load balancer in the status of its Service';
  if (host === undefined) return 'an address of a node; set listeners.external.advertisedHost';
  return nodePortBase === undefined
    ? 'the port of the nodes that Kubernetes gives its Service'
    : `its Service with a port from ${nodePortBase} on`;
}

function replacement(words: Readonly<Record<string, string>>, word: string): string {
  return words[word] ?? `{${word}}`;
}
