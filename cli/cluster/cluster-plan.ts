import { join } from 'node:path';
import type { ReplicationMode } from '../../common/model/broker-group.ts';
import type { Address } from '../../common/options/option-definition.ts';
import { formatAddress } from '../../common/options/parse-value.ts';

/** What the user wants of a cluster on this machine. */
export interface ClusterShape {
  readonly nameServers: number;
  readonly groups: number;
  /** Members of each group, its master included. */
  readonly replicas: number;
  readonly replication: ReplicationMode;
  readonly minInSyncReplicas: number;
  readonly flush: 'sync' | 'async';
  readonly uncleanElection: boolean;
  /** All that the cluster keeps lies below it. */
  readonly directory: string;
}

export type ClusterRole = 'namesrv' | 'broker' | 'controller';

/** A process of the cluster. */
export interface PlannedNode {
  readonly name: string;
  readonly role: ClusterRole;
  /** Of a broker: the group it is a member of. */
  readonly group: string | undefined;
  readonly address: Address;
  readonly http: Address;
  readonly directory: string;
}

/** A broker group, and the address that leads to its present master. */
export interface PlannedGroup {
  readonly name: string;
  readonly door: Address;
  readonly members: readonly PlannedNode[];
}

export interface ClusterPlan {
  readonly shape: ClusterShape;
  readonly nameServers: readonly PlannedNode[];
  readonly groups: readonly PlannedGroup[];
  readonly controller: PlannedNode;
}

export const GROUPS_MAX = 26;

/** Where nodes are to be; a test may give each a network of its own. */
export interface ClusterPlaces {
  /** Each call another one. */
  nextPort(): number;
  hostOf(nodeOrGroup: string): string;
}

/** Ports in the order in which they are handed out: those that people use come first and lie side by side. */
export function planCluster(shape: ClusterShape, places: ClusterPlaces): ClusterPlan {
  const nameServerPorts = times(shape.nameServers, () => places.nextPort());
  const doorPorts = times(shape.groups, () => places.nextPort());
  const controllerPort = places.nextPort();
  const node = (name: string, role: ClusterRole, port: number, group?: string): PlannedNode => {
    const host = places.hostOf(name);
    const directory = join(shape.directory, name);
    const http = { host, port: places.nextPort() };
    return { name, role, group, address: { host, port }, http, directory };
  };
  const groups = doorPorts.map((port, index): PlannedGroup => {
    const name = groupName(index);
    const members = times(shape.replicas, (member) =>
      node(`${name}-${member}`, 'broker', places.nextPort(), name),
    );
    return { name, door: { host: places.hostOf(name), port }, members };
  });
  return {
    shape,
    nameServers: nameServerPorts.map((port, index) => node(`namesrv-${index}`, 'namesrv', port)),
    groups,
    controller: node('controller', 'controller', controllerPort),
  };
}

/** Ports that a cluster of this shape takes. */
export function portCount({ nameServers, groups, replicas }: ClusterShape): number {
  return 2 * nameServers + groups * (1 + 2 * replicas) + 2;
}

export function nodesOf(plan: ClusterPlan): readonly PlannedNode[] {
  return [...plan.nameServers, ...plan.groups.flatMap(({ members }) => members), plan.controller];
}

/** Addresses of the NameServers as `--namesrv` and clients take them. */
export function nameServerList({ nameServers }: ClusterPlan): string {
  return nameServers.map(({ address }) => formatAddress(address)).join(',');
}

function groupName(index: number): string {
  return `broker-${String.fromCharCode('a'.charCodeAt(0) + index)}`;
}

function times<Item>(count: number, make: (index: number) => Item): Item[] {
  return Array.from({ length: count }, (_, index) => make(index));
}
