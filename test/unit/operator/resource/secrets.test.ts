import { describe, expect, it } from '@jest/globals';
import { certificateNames } from '../../../../operator/resource/secrets.ts';
import { CLUSTERS, contextOf } from './clusters.ts';

describe('a certificate', () => {
  it('has the names that clients and nodes connect to', () => {
    const names = certificateNames(contextOf({}), 2, []);
    for (const name of [
      'demo-namesrv.mq.svc',
      'demo-namesrv-peers.mq.svc',
      '*.demo-namesrv-peers.mq.svc',
      'demo-broker-1.mq.svc',
      '*.demo-broker-1-peers.mq.svc',
      'demo-broker-0.mq.svc.cluster.local',
    ]) {
      expect(names).toContain(name);
    }
    expect(names.filter((name) => name.includes('external'))).toEqual([]);
  });

  it('has the names outside, when there are any', () => {
    const context = contextOf(CLUSTERS['load-balancer'] ?? {});
    const names = certificateNames(context, 1, ['broker-0.demo.example.com']);
    expect(names).toContain('broker-0.demo.example.com');
    expect(names).toContain('demo-broker-0-external.mq.svc');
  });
});
