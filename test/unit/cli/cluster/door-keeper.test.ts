import { beforeEach, describe, expect, it } from '@jest/globals';
import { planCluster } from '../../../../cli/cluster/cluster-plan.ts';
import type { GroupState } from '../../../../cli/cluster/cluster-watch.ts';
import { DoorKeeper } from '../../../../cli/cluster/door-keeper.ts';
import type { TransitionView } from '../../../../cli/client/failover-view.ts';

let port = 1;
const plan = planCluster(
  {
    ...{ nameServers: 1, groups: 1, replicas: 3, replication: 'sync', minInSyncReplicas: 1 },
    ...{ flush: 'sync', uncleanElection: false, directory: '/data' },
  },
  { nextPort: () => port++, hostOf: () => 'localhost' },
);
const group = plan.groups[0]!;

const state = (master: string | undefined, epoch: number, more: Partial<GroupState> = {}) => ({
  ...{ group: 'broker-a', master, epoch, isWritable: true, blocked: '', transition: undefined },
  ...more,
});

const transition: TransitionView = {
  reason: 'the process of broker-a-0 has ended',
  oldEpoch: 1,
  newEpoch: 2,
  oldMaster: 'broker-a-0',
  newMaster: 'broker-a-1',
  startedAt: '',
  durationMs: 812,
  phases: [
    { name: 'detected', durationMs: 10 },
    { name: 'revoked', durationMs: 802 },
  ],
  logEndOffset: 0,
  unclean: false,
  lostBytesMax: 0,
};

let running: Set<string>;
let led: (string | undefined)[];
let said: string[];
let keeper: DoorKeeper;

beforeEach(() => {
  running = new Set(group.members.map(({ name }) => name));
  led = [];
  said = [];
  const door = {
    leadTo: (target: { port: number } | undefined) =>
      void led.push(group.members.find(({ address }) => address.port === target?.port)?.name),
  };
  keeper = new DoorKeeper(
    group,
    door,
    (name) => running.has(name),
    (line) => void said.push(line),
  );
});

describe('the keeper of a door', () => {
  it('leads to any member while nobody knows the master', () => {
    keeper.update(undefined);
    expect(led).toEqual(['broker-a-0']);
  });

  it('leads to the master, and is led once', () => {
    keeper.update(state('broker-a-1', 1));
    keeper.update(state('broker-a-1', 1));
    keeper.update(undefined);
    expect(led).toEqual(['broker-a-1']);
    expect(said).toEqual([]);
  });

  it('leads elsewhere the moment the process of the master ends', () => {
    keeper.update(state('broker-a-0', 1));
    running.delete('broker-a-0');
    keeper.update(undefined);
    expect(led).toEqual(['broker-a-0', 'broker-a-1']);
  });

  it('leaves a master that is revoked, although its process lives', () => {
    keeper.update(state('broker-a-0', 1));
    keeper.update(state(undefined, 2));
    expect(led).toEqual(['broker-a-0', 'broker-a-1']);
  });

  it('leads nowhere when no member lives', () => {
    keeper.update(state('broker-a-0', 1));
    running.clear();
    keeper.update(undefined);
    expect(led).toEqual(['broker-a-0', undefined]);
  });

  it('tells a change of master in one line, once', () => {
    keeper.update(state('broker-a-0', 1));
    keeper.update(state(undefined, 2));
    keeper.update(state('broker-a-1', 2, { transition }));
    keeper.update(state('broker-a-1', 2, { transition }));
    expect(said).toEqual([
      'broker-a: broker-a-1 is master (epoch 2, before broker-a-0) after 812 ms: detected 10, revoked 802; the process of broker-a-0 has ended',
    ]);
  });

  it('tells what blocks an election, once', () => {
    keeper.update(state('broker-a-0', 1));
    keeper.update(state(undefined, 2, { blocked: 'no member in sync answers' }));
    keeper.update(state(undefined, 2, { blocked: 'no member in sync answers' }));
    expect(said).toEqual(['broker-a: no master: no member in sync answers']);
  });
});
