import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { timingsFor } from '../../../../../operator/failover/controller-timings.ts';
import { RESOURCES } from '../../../../../operator/kube/resource.ts';
import {
  ClusterFailovers,
  type ClusterTrust,
} from '../../../../../operator/reconcile/broker-group/cluster-failovers.ts';
import { OWN_RESOURCES } from '../../../../../operator/reconcile/own-resources.ts';
import { FakeKube } from '../../../../support/fake-kube.ts';
import { clusterObject, groupObject, stableRecord } from '../../../../support/group-objects.ts';
import { KubePortsKit } from '../../../../support/kube-ports.ts';

const KEY = 'n/c';
const trust = (secret: string): ClusterTrust => ({
  secret: Buffer.from(secret.padEnd(16, '.')),
  authoritiesPem: undefined,
});

describe('ClusterFailovers', () => {
  let kube: FakeKube;
  let kit: KubePortsKit;
  let failovers: ClusterFailovers;
  let ended: number;

  beforeEach(() => {
    kube = new FakeKube();
    kit = new KubePortsKit();
    ended = 0;
    const environment = { clock: kit.time, timers: kit.time, random: kit.random };
    failovers = new ClusterFailovers({
      ...{ environment, logger: kit.logger, api: kube, nodeName: 'operator test' },
      ...{ timings: timingsFor(1_000), onRecord: () => undefined },
      clusters: kube.cache(OWN_RESOURCES.brokerClusters),
      groups: kube.cache(OWN_RESOURCES.brokerGroups),
      pods: kube.cache(RESOURCES.pods),
      metricsFor: () => {
        const metrics = kit.metrics.scope();
        const end = metrics.end.bind(metrics);
        metrics.end = () => {
          ended += 1;
          end();
        };
        return metrics;
      },
    });
  });

  afterEach(async () => {
    await failovers.stopAll();
  });

  /** A cluster that is to have one NameServer, and its group. */
  function put(): void {
    const { spec } = clusterObject();
    kube.put(clusterObject('c', { spec: { ...spec, namesrv: { ...spec.namesrv, replicas: 1 } } }));
    kube.put(groupObject(stableRecord()));
  }

  it('looks after the groups of a cluster, once however often it is asked', async () => {
    put();
    await Promise.all([failovers.ensure(KEY, trust('a')), failovers.ensure(KEY, trust('a'))]);
    const connect = failovers.connector(KEY);
    await failovers.ensure(KEY, trust('a'));
    expect(failovers.keys).toEqual([KEY]);
    expect(failovers.connector(KEY)).toBe(connect);
    expect(failovers.group(KEY, 'broker-0')?.brokerName).toBe('broker-0');
    expect(failovers.group(KEY, 'broker-1')).toBeUndefined();
  });

  it('begins anew when the cluster is spoken to in another way, the old controller first ended', async () => {
    put();
    await failovers.ensure(KEY, trust('a'));
    const connect = failovers.connector(KEY);
    await failovers.ensure(KEY, trust('b'));
    expect([failovers.connector(KEY) === connect, ended, failovers.keys]).toEqual([
      ...[false, 1, [KEY]],
    ]);
  });

  it('looks after nothing of a cluster that it does not know, and takes it up when it does', async () => {
    await expect(failovers.ensure(KEY, trust('a'))).rejects.toMatchObject({
      code: 'cluster-spec-unusable',
    });
    expect(failovers.keys).toEqual([]);
    put();
    await failovers.ensure(KEY, trust('a'));
    expect(failovers.keys).toEqual([KEY]);
  });

  it('leaves a cluster, with what it counted of it', async () => {
    put();
    await failovers.ensure(KEY, trust('a'));
    await failovers.stop(KEY);
    await failovers.stop(KEY);
    expect([failovers.keys, failovers.connector(KEY), ended]).toEqual([[], undefined, 1]);
    expect(failovers.group(KEY, 'broker-0')).toBeUndefined();
  });

  it('leaves a group alone that is paused', async () => {
    put();
    const group = groupObject(stableRecord());
    kube.put({ ...group, spec: { ...group.spec, paused: true } });
    await failovers.ensure(KEY, trust('a'));
    expect(failovers.group(KEY, 'broker-0')).toBeUndefined();
  });
});
