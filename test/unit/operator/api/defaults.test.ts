import { describe, expect, it } from '@jest/globals';
import { BROKER_CLUSTER_SPEC } from '../../../../operator/api/broker-cluster-schema.ts';
import {
  brokerClusterDefaults,
  consumerGroupDefaults,
  topicDefaults,
} from '../../../../operator/api/defaults.ts';
import { KINDS } from '../../../../operator/api/kinds.ts';
import { schemaProblems } from '../../../../operator/api/schema-problems.ts';
import { optionProblems } from '../../../../operator/resource/node-config.ts';
import { contextOf } from '../resource/clusters.ts';

describe('defaults', () => {
  it('make a cluster of nothing: durable, replicated, and never loses what it has acknowledged', () => {
    const spec = brokerClusterDefaults({});
    expect(spec).toMatchObject({
      namesrv: { replicas: 3 },
      groups: 1,
      replicasPerGroup: 2,
      replication: 'sync',
      flush: 'sync',
      minInSyncReplicas: 1,
      uncleanElection: false,
      storage: { size: '10Gi', deletionPolicy: 'Retain' },
      heartbeat: { interval: '1s', expiry: '5s', writeLease: '3500ms' },
      tls: { enabled: true, peers: false },
      paused: false,
    });
    expect(spec.storage.storageClassName).toBeUndefined();
    expect(spec.listeners.external).toBeUndefined();
  });

  it('are what the schema allows and nodes take', () => {
    expect(schemaProblems(BROKER_CLUSTER_SPEC, brokerClusterDefaults({}), 'spec')).toEqual([]);
    expect(optionProblems(contextOf({}))).toEqual([]);
  });

  it('fill in what is missing at every depth, and leave what is there', () => {
    const spec = brokerClusterDefaults({
      storage: { size: '1Gi' },
      listeners: { external: { type: 'NodePort' } },
    });
    expect(spec.storage).toEqual({ size: '1Gi', deletionPolicy: 'Retain' });
    expect(spec.listeners.external).toEqual({
      type: 'NodePort',
      annotations: {},
      sourceRanges: [],
      trafficPolicy: 'Cluster',
    });
  });

  it('change nothing the second time', () => {
    const once = brokerClusterDefaults({ groups: 3 });
    expect(brokerClusterDefaults(once)).toEqual(once);
  });

  it('of topics and consumer groups keep messages and positions when the resource goes', () => {
    const clusterRef = { name: 'demo' };
    expect(topicDefaults({ clusterRef })).toEqual({
      ...{ clusterRef, type: 'NORMAL', queuesPerGroup: 8, permission: 'READ_WRITE' },
      deletionPolicy: 'Retain',
    });
    expect(consumerGroupDefaults({ clusterRef })).toMatchObject({
      ...{ maxAttempts: 17, ordered: false, startPosition: 'latest', paused: false },
      deletionPolicy: 'Retain',
    });
  });

  it('are part of every spec, so that no reader asks whether a field is there', () => {
    const ofPeople = KINDS.filter(({ kind }) => kind === 'BrokerCluster');
    for (const { spec } of ofPeople) expect(spec.presence).toBe('defaulted');
  });
});
