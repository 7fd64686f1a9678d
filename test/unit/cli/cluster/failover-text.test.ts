import { describe, expect, it } from '@jest/globals';
import {
  explanationText,
  statusText,
  switchoverText,
} from '../../../../cli/cluster/failover-text.ts';
import { failoverGroupView, transitionView } from '../../../../cli/client/failover-view.ts';
import { MemberRole, ReplicationMode } from '../../../../proto/generated/orbitmq.ts';

const report = {
  brokerName: 'broker-a',
  epoch: 3,
  phase: 'stable',
  master: 'broker-a-1',
  syncStateSet: ['broker-a-1'],
  replication: ReplicationMode.SYNC,
  minInSyncReplicas: 1,
  fencedMembers: ['broker-a-2'],
  members: [
    {
      member: { name: 'broker-a-0', address: { host: '127.0.0.1', port: 8086 } },
      reachable: true,
      heardBy: 3,
      nameServers: 3,
      status: {
        role: MemberRole.FOLLOWER,
        acceptedEpoch: 3,
        logEndOffset: 1_000,
        masterName: 'broker-a-1',
        following: true,
      },
    },
    {
      member: { name: 'broker-a-1', address: { host: '127.0.0.1', port: 8087 } },
      reachable: true,
      heardBy: 3,
      nameServers: 3,
      status: {
        role: MemberRole.MASTER,
        acceptedEpoch: 3,
        logEndOffset: 5_096,
        confirmOffset: 5_096,
        writable: true,
        followers: [{ memberName: 'broker-a-0', lagBytes: 4_096, lagMs: 1_500 }],
      },
    },
    { member: { name: 'broker-a-2', address: { host: '127.0.0.1', port: 8088 } }, nameServers: 3 },
  ],
  transitions: [
    {
      reason: 'its process has ended',
      newEpoch: 3,
      oldMaster: 'broker-a-0',
      newMaster: 'broker-a-1',
      startedAtMs: 0,
      durationMs: 800,
      phases: [{ name: 'detected', durationMs: 20 }],
    },
  ],
};

describe('the status of a cluster', () => {
  const text = statusText([failoverGroupView(report)]);

  it('says first who is master, and under which terms', () => {
    expect(text.split('\n')[0]).toBe(
      'broker-a: master broker-a-1, epoch 3, stable (sync replication, at least 1 in sync)',
    );
  });

  it('shows how far a slave is behind, in bytes and in seconds', () => {
    expect(text).toMatch(/^broker-a-0 .* follower .* 4 KiB +1\.5 s +no /m);
    expect(text).toMatch(/^broker-a-1 .* master .* yes +yes +3\/3/m);
  });

  it('shows a member that does not answer, and one that is fenced', () => {
    expect(text).toMatch(/^broker-a-2 .* no +- +0\/3 +no answer, fenced$/m);
  });

  it('shows the last changes of master with their phases', () => {
    expect(text).toMatch(
      / 3 +broker-a-0 +broker-a-1 +800ms +detected 20 +nothing +its process has ended/,
    );
  });

  it('says that there is no master, and why', () => {
    const blocked = { ...report, master: '', phase: 'revoking', blocked: 'nobody answers' };
    expect(statusText([failoverGroupView(blocked)])).toContain(
      'broker-a: NO MASTER, epoch 3, revoking (sync replication, at least 1 in sync)\n  blocked: nobody answers',
    );
  });
});

describe('an explanation', () => {
  const explanation = {
    ...{ group: 'broker-a', winner: 'broker-a-1', lossless: true, atRiskBytes: 0 },
    ...{ blockers: [], reasons: ['broker-a-1: in sync'] },
  };

  it('names the winner', () => {
    expect(explanationText(explanation)).toBe(
      'If the master of broker-a died now:\n  broker-a-1 would be elected.\n  Nothing acknowledged would be lost.\n\nMember by member:\n  - broker-a-1: in sync',
    );
  });

  it('tells what would be lost', () => {
    const lossy = { ...explanation, lossless: false, atRiskBytes: 2_048 };
    expect(explanationText(lossy)).toContain('might be lost: at most 2 KiB of the log');
  });

  it('tells what is in the way', () => {
    const blocked = { ...explanation, winner: '', blockers: ['no member in sync'] };
    expect(explanationText(blocked)).toMatch(
      /nobody would be elected\.[\s\S]*In the way:\n {2}- no member in sync/,
    );
  });
});

describe('a switchover', () => {
  it('is told with its phases', () => {
    const transition = transitionView({
      ...{ oldMaster: 'a', newMaster: 'b', newEpoch: 2, durationMs: 90 },
      phases: [{ name: 'elected', durationMs: 80 }],
    });
    expect(switchoverText('broker-a', transition)).toBe(
      'broker-a: b is master in place of a, epoch 2, after 90 ms (elected 80)',
    );
  });
});
