import { describe, expect, it } from '@jest/globals';
import {
  nodesOf,
  planCluster,
  portCount,
  type ClusterShape,
} from '../../../../cli/cluster/cluster-plan.ts';
import { nodeFlags } from '../../../../cli/cluster/node-flags.ts';
import { clusterSpec } from '../../../../cli/cluster/cluster-spec.ts';

const SHAPE: ClusterShape = {
  nameServers: 3,
  groups: 2,
  replicas: 2,
  replication: 'sync',
  minInSyncReplicas: 1,
  flush: 'sync',
  uncleanElection: false,
  directory: '/data',
};

const planOf = (shape: ClusterShape, basePort = 8081) => {
  let port = basePort;
  return planCluster(shape, { nextPort: () => port++, hostOf: () => '127.0.0.1' });
};

describe('the plan of a cluster', () => {
  it('gives the first ports to what people use: NameServers, groups, controller', () => {
    const plan = planOf(SHAPE);
    expect(plan.nameServers.map(({ address }) => address.port)).toEqual([8081, 8082, 8083]);
    expect(plan.groups.map(({ name, door }) => [name, door.port])).toEqual([
      ['broker-a', 8084],
      ['broker-b', 8085],
    ]);
    expect(plan.controller.address.port).toBe(8086);
  });

  it.each([
    [1, 1, 1],
    [3, 2, 3],
    [9, 26, 9],
  ])('of %i NameServers and %i × %i members takes the ports it counts, each once', (n, g, r) => {
    const shape = { ...SHAPE, nameServers: n, groups: g, replicas: r };
    const plan = planOf(shape, 1);
    const nodes = nodesOf(plan);
    const ports = [
      ...nodes.flatMap(({ address, http }) => [address.port, http.port]),
      ...plan.groups.map(({ door }) => door.port),
    ];
    expect(ports.sort((a, b) => a - b)).toEqual(ports.map((_, index) => index + 1));
    expect(ports).toHaveLength(portCount(shape));
    expect(new Set(nodes.map(({ name }) => name)).size).toBe(n + g * r + 1);
  });

  it('starts a member under its group, with its own address and that of the door', () => {
    const plan = planOf(SHAPE);
    const [, second] = plan.groups[1]?.members ?? [];
    const flags = nodeFlags(plan, second!).join(' ');
    const { host, port } = second!.address;
    expect(flags).toMatch(/^broker /);
    expect(flags).toContain('--broker-name broker-b --member-name broker-b-1');
    expect(flags).toContain(`--member-address ${host}:${port}`);
    expect(flags).toContain('--advertise 127.0.0.1:8085');
    expect(flags).toContain('--namesrv 127.0.0.1:8081,127.0.0.1:8082,127.0.0.1:8083');
    expect(flags).toContain('--data-dir /data/broker-b-1');
  });

  it('tells the controller every member', () => {
    const spec = clusterSpec(planOf(SHAPE));
    for (const name of ['broker-a-0', 'broker-a-1', 'broker-b-0', 'broker-b-1']) {
      expect(spec).toContain(name);
    }
    expect(spec).toContain('replication: sync');
  });
});
