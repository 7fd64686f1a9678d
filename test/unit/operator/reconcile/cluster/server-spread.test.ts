import { beforeEach, describe, expect, it } from '@jest/globals';
import { parseResource } from '../../../../../operator/api/parse-resource.ts';
import { RESOURCES } from '../../../../../operator/kube/resource.ts';
import { SPREAD_AFTER_MS } from '../../../../../operator/reconcile/cluster/core/spread-plan.ts';
import type { ChildrenTurn } from '../../../../../operator/reconcile/cluster/group-children.ts';
import { ServerSpread } from '../../../../../operator/reconcile/cluster/server-spread.ts';
import { FakeKube } from '../../../../support/fake-kube.ts';
import { ManualTime } from '../../../../support/manual-time.ts';

/** A settled cluster with three NameServers, and the nodes of Kubernetes. */
class World {
  readonly kube = new FakeKube();
  readonly time = new ManualTime();
  readonly told: string[] = [];
  readonly spread = new ServerSpread();
  spec: object = {};

  node(name: string, more: { spec?: object; ready?: string } = {}): void {
    const conditions = [{ type: 'Ready', status: more.ready ?? 'True' }];
    const { spec = {} } = more;
    this.kube.put({
      ...{ apiVersion: 'v1', kind: 'Node', metadata: { name } },
      ...{ spec, status: { conditions } },
    } as never);
  }

  /** The NameServers on these nodes, ready for long enough. */
  place(...hosts: string[]): void {
    const readyMs = this.time.nowMs() - SPREAD_AFTER_MS - 1_000;
    const lastTransitionTime = new Date(readyMs).toISOString();
    hosts.forEach((nodeName, ordinal) =>
      this.kube.put({
        ...{ apiVersion: 'v1', kind: 'Pod' },
        metadata: { name: `mq-namesrv-${ordinal}`, namespace: 'shop' },
        ...{ spec: { nodeName, containers: [] } },
        status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] },
      } as never),
    );
  }

  /** Returns the pods that were deleted. */
  async turn(): Promise<readonly string[]> {
    const { kube, time } = this;
    const written = {
      ...{ apiVersion: 'orbitmq.io/v1alpha1', kind: 'BrokerCluster' },
      metadata: { name: 'mq', namespace: 'shop', uid: 'u' },
      spec: { namesrv: { replicas: 3 }, ...this.spec },
    };
    const cluster = parseResource('BrokerCluster', written);
    if (!cluster.ok) throw new Error(cluster.problems.join());
    const before = kube.writes.length;
    await this.spread.turn({
      ports: {
        ...{ clock: time, api: kube, caches: { nodes: kube.cache(RESOURCES.nodes) } },
        story: {
          tell: (_about: unknown, reason: string, message: string) =>
            this.told.push(`${reason}: ${message}`),
        },
      },
      cluster: cluster.resource,
      context: { spec: cluster.resource.spec },
      view: { namespace: 'shop', nameServerPods: kube.cache(RESOURCES.pods).all() },
      signal: new AbortController().signal,
    } as unknown as ChildrenTurn);
    return kube.writes.slice(before).map(({ verb, name }) => `${verb} ${name}`);
  }
}

describe('NameServers that share a node', () => {
  let world: World;
  beforeEach(() => {
    world = new World();
    for (const name of ['a', 'b', 'c']) world.node(name);
    world.place('a', 'b', 'a');
  });

  it('are parted: one is deleted, and it is told why', async () => {
    expect(await world.turn()).toEqual(['delete mq-namesrv-0']);
    expect(world.told).toEqual([
      'PodReplaced: mq-namesrv-0 is replaced: it shares a with mq-namesrv-2, while c has no NameServer',
    ]);
  });

  it('are left alone after one has come back to where it was, until there is room elsewhere', async () => {
    await world.turn();
    world.place('a', 'b', 'a');
    expect(await world.turn()).toEqual([]);
    world.node('d');
    expect(await world.turn()).toEqual(['delete mq-namesrv-0']);
    world.place('a', 'b', 'a');
    expect(await world.turn()).toEqual([]);
  });

  it.each<[string, (it: World) => void]>([
    ['the other node is cordoned', (it) => it.node('c', { spec: { unschedulable: true } })],
    [
      'the other node is tainted',
      (it) => it.node('c', { spec: { taints: [{ key: 'gpu', effect: 'NoSchedule' }] } }),
    ],
    ['the other node is not ready', (it) => it.node('c', { ready: 'Unknown' })],
    ['the spec does not ask for a spread', (it) => (it.spec = { spread: { hosts: 'None' } })],
    [
      'the spec has rules of its own',
      (it) =>
        (it.spec = { namesrv: { replicas: 3, template: { affinity: { nodeAffinity: {} } } } }),
    ],
  ])('stay when %s', async (_, change) => {
    change(world);
    expect(await world.turn()).toEqual([]);
    expect(world.told).toEqual([]);
  });
});
