import { describe, expect, it } from '@jest/globals';
import { failoverGroupView, type HeardMember } from '../../../../cli/client/failover-view.ts';
import { MemberRole } from '../../../../proto/generated/orbitmq.ts';
import { lookAtCluster } from '../../../../cli/cluster/cluster-watch.ts';

const down = (): Promise<never> => Promise.reject(new Error('down'));

const heard = (name: string, epoch: number, more: Partial<HeardMember> = {}): HeardMember => ({
  ...{ group: 'broker-a', name, epoch, isMaster: true, isLive: true },
  ...more,
});

describe('a look at the cluster', () => {
  it('takes the word of the controller', async () => {
    const report = {
      brokerName: 'broker-a',
      epoch: 4,
      phase: 'stable',
      master: 'broker-a-1',
      members: [{ member: { name: 'broker-a-1' }, reachable: true, status: { writable: true } }],
    };
    const states = await lookAtCluster({
      askController: () => Promise.resolve([failoverGroupView(report)]),
      askNameServers: down,
    });
    expect(states).toMatchObject([{ master: 'broker-a-1', epoch: 4, isWritable: true }]);
  });

  it('knows by their own word who passes on what comes', async () => {
    const member = (name: string, role: MemberRole, more: object = {}, reachable = true) => ({
      member: { name },
      ...{ reachable, status: { role, acceptedEpoch: 4, ...more } },
    });
    const following = { following: true, masterName: 'broker-a-1' };
    const report = {
      ...{ brokerName: 'broker-a', epoch: 4, phase: 'stable', master: 'broker-a-1' },
      members: [
        member('deposed', MemberRole.RECOVERING),
        member('broker-a-1', MemberRole.MASTER),
        member('slave', MemberRole.FOLLOWER, following),
        member('hung-slave', MemberRole.FOLLOWER, following, false),
        member('hung-master', MemberRole.MASTER, { acceptedEpoch: 3 }),
        member('full-disk', MemberRole.RECOVERING, { acceptedEpoch: 3 }),
        member('follows-another', MemberRole.FOLLOWER, { following: true, masterName: 'x' }),
      ],
    };
    const [state] = await lookAtCluster({
      askController: () => Promise.resolve([failoverGroupView(report)]),
      askNameServers: down,
    });
    expect(state?.followers).toEqual(['slave']);
    expect(state?.arriving).toEqual(['deposed', 'follows-another']);
  });

  it('knows of no master during an election', async () => {
    const report = { brokerName: 'broker-a', epoch: 5, phase: 'revoking', master: 'broker-a-1' };
    const states = await lookAtCluster({
      askController: () => Promise.resolve([failoverGroupView(report)]),
      askNameServers: down,
    });
    expect(states).toMatchObject([{ master: undefined, isWritable: false }]);
  });

  it('asks the NameServers when the controller is down; the highest epoch wins', async () => {
    const members = [
      heard('broker-a-0', 3),
      heard('broker-a-1', 4),
      heard('broker-a-2', 5, { isMaster: false }),
      heard('broker-a-3', 6, { isLive: false }),
    ];
    const eyes = { askController: down, askNameServers: () => Promise.resolve(members) };
    expect(await lookAtCluster(eyes)).toMatchObject([
      { master: 'broker-a-1', epoch: 4, followers: ['broker-a-2'] },
    ]);
  });

  it('sees nothing when nobody answers', async () => {
    expect(await lookAtCluster({ askController: down, askNameServers: down })).toEqual([]);
  });
});
