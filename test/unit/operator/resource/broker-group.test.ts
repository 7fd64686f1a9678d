import { describe, expect, it } from '@jest/globals';
import { BROKER_GROUP_SPEC } from '../../../../operator/api/broker-group-schema.ts';
import { schemaProblems } from '../../../../operator/api/schema-problems.ts';
import { brokerGroup } from '../../../../operator/resource/broker-group.ts';
import {
  groupDisruptionBudget,
  nameServerDisruptionBudget,
} from '../../../../operator/resource/disruption-budgets.ts';
import { CLUSTERS, contextOf } from './clusters.ts';

describe('the object of a broker group', () => {
  it.each(Object.keys(CLUSTERS))('of cluster %s is as its schema says', (name) => {
    const { spec } = brokerGroup(contextOf(CLUSTERS[name] ?? {}), 0);
    expect(schemaProblems(BROKER_GROUP_SPEC, spec, 'spec')).toEqual([]);
  });

  it('asks for no more members in sync than there are, while members are being removed', () => {
    const context = contextOf({ replicasPerGroup: 3, minInSyncReplicas: 3 });
    expect(brokerGroup(context, 0, 2).spec.minInSyncReplicas).toBe(2);
    expect(brokerGroup(context, 0).spec.members.map(({ name }) => name)).toEqual([
      ...['demo-broker-0-0', 'demo-broker-0-1', 'demo-broker-0-2'],
    ]);
  });
});

describe('disruption budgets', () => {
  it.each([
    [1, 1],
    [2, 1],
    [3, 1],
    [5, 2],
    [9, 4],
  ])('of %i NameServers let %i go', (replicas, maxUnavailable) => {
    const budget = nameServerDisruptionBudget(contextOf({ namesrv: { replicas } }));
    expect(budget).toMatchObject({ spec: { maxUnavailable } });
  });

  it('are not made when nobody wants them', () => {
    const context = contextOf({ podDisruptionBudget: { enabled: false } });
    expect(nameServerDisruptionBudget(context)).toBeUndefined();
    expect(groupDisruptionBudget(context, 0)).toBeUndefined();
  });
});
