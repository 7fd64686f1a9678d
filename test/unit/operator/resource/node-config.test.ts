import { describe, expect, it } from '@jest/globals';
import type { WrittenBrokerClusterSpec } from '../../../../operator/api/broker-cluster-schema.ts';
import {
  configHash,
  nodeConfig,
  optionProblems,
} from '../../../../operator/resource/node-config.ts';
import { CLUSTERS, contextOf } from './clusters.ts';

const problemsOf = (spec: WrittenBrokerClusterSpec): readonly string[] =>
  optionProblems(contextOf(spec));

describe('the configuration of nodes', () => {
  it.each(Object.keys(CLUSTERS))('of cluster %s is what nodes take', (name) => {
    expect(problemsOf(CLUSTERS[name] ?? {})).toEqual([]);
  });

  it.each(['256Mi', '512Mi', '1000Mi'])('fits into a memory of %s', (memory) => {
    expect(problemsOf({ resources: { limits: { memory } } })).toEqual([]);
    expect(nodeConfig(contextOf({ resources: { limits: { memory } } }), 'broker')).toContain(
      'cacheBytes',
    );
  });

  it('has the options of the role only', () => {
    const context = contextOf({ options: { 'store.cacheBytes': '1GiB' } });
    expect(nodeConfig(context, 'broker')).toContain('cacheBytes: 1GiB');
    expect(nodeConfig(context, 'namesrv')).not.toContain('cacheBytes');
  });

  it('is refused before a node is restarted for it, with the field and what is allowed', () => {
    expect(problemsOf({ options: { 'store.cacheBytes': 'much' } })).toEqual([
      expect.stringMatching(/spec\.options.*store\.cacheBytes.*"much" is not a size/),
    ]);
    expect(problemsOf({ options: { 'receive.longPolling': '60s' } }).join()).toContain(
      'clients must not be told to wait longer than is allowed',
    );
    expect(problemsOf({ options: { 'store.cashBytes': '1GiB' } })).toEqual([
      expect.stringContaining('store.cashBytes is no option of a node'),
    ]);
    expect(problemsOf({ heartbeat: { interval: '2s', expiry: '5s' } }).join()).toContain(
      'one late heartbeat is no silence',
    );
  });

  it('has a hash that changes with it, for the nodes that it is for', () => {
    const before = contextOf({});
    const after = contextOf({ options: { 'store.cacheBytes': '1GiB' } });
    expect(configHash(after, 'broker')).not.toBe(configHash(before, 'broker'));
    expect(configHash(after, 'namesrv')).toBe(configHash(before, 'namesrv'));
  });

  it('does not change with the number of NameServers or groups, so that scaling restarts nobody', () => {
    const before = contextOf({ namesrv: { replicas: 1 }, groups: 1 });
    const after = contextOf({ namesrv: { replicas: 3 }, groups: 5 });
    expect(configHash(after, 'broker')).toBe(configHash(before, 'broker'));
  });
});
