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
  ...{ followers: [], arriving: [] },
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
/** Last characters of the members, in the order in which they are tried. */
let led: string[];
/** Of the members whose connections were kept when others were cut. */
let kept: string[];
let said: string[];
let keeper: DoorKeeper;

beforeEach(() => {
  running = new Set(group.members.map(({ name }) => name));
  led = [];
  kept = [];
  said = [];
  const names = (targets: readonly { port: number }[]) =>
    targets
      .map(({ port }) => group.members.find((it) => it.address.port === port)?.name.at(-1))
      .join(' ');
  const door = {
    leadTo: (targets: readonly { port: number }[]) => void led.push(names(targets)),
    cutAllBut: (targets: readonly { port: number }[]) => void kept.push(names(targets)),
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
    expect(led).toEqual(['0 1 2']);
  });

  it('leads to the master, and is led once', () => {
    keeper.update(state('broker-a-1', 1));
    keeper.update(state('broker-a-1', 1));
    keeper.update(undefined);
    expect(led).toEqual(['1 0 2']);
    expect(said).toEqual([]);
  });

  it('leads elsewhere the moment the process of the master ends', () => {
    keeper.update(state('broker-a-0', 1));
    running.delete('broker-a-0');
    keeper.ended('broker-a-0');
    expect(led).toEqual(['0 1 2', '1 2']);
  });

  it('does not take a process that comes back for the master that it was', () => {
    keeper.update(state('broker-a-0', 1));
    keeper.ended('broker-a-0'); // and runs again
    keeper.update(state('broker-a-0', 1));
    expect(led).toEqual(['0 1 2', '1 2 0']);
    keeper.update(state('broker-a-0', 2));
    expect(led.at(-1)).toBe('0 1 2');
  });

  it('leaves a master that is revoked, although its process lives', () => {
    keeper.update(state('broker-a-0', 1));
    keeper.update(state(undefined, 2));
    expect(led).toEqual(['0 1 2', '1 2 0']);
    keeper.update(state(undefined, 2));
    expect(led).toHaveLength(2);
  });

  it('keeps what leads to an old master that follows the new one', () => {
    keeper.update(state('broker-a-0', 1));
    keeper.update(state('broker-a-1', 2, { followers: ['broker-a-0', 'broker-a-2'] }));
    expect(kept.at(-1)).toBe('1 0 2');
  });

  it('gives an old master a second to follow', () => {
    keeper.update(state('broker-a-0', 1));
    const next = state('broker-a-1', 2, { followers: ['broker-a-2'], arriving: ['broker-a-0'] });
    for (let look = 1; look <= 10; look++) keeper.update(next);
    expect(kept.at(-1)).toBe('1 2 0');
    keeper.update(next);
    expect(kept.at(-1)).toBe('1 2');
  });

  it('cuts what leads to an old master that does not say so', () => {
    keeper.update(state('broker-a-0', 1, { followers: ['broker-a-1', 'broker-a-2'] }));
    keeper.update(state('broker-a-1', 2, { followers: ['broker-a-2'] }));
    expect(kept.at(-1)).toBe('1 2');
  });

  it('cuts nothing while there is no master', () => {
    keeper.update(state('broker-a-0', 1));
    kept = [];
    keeper.update(state(undefined, 2));
    keeper.update(undefined);
    expect(kept).toEqual([]);
  });

  it('leads nowhere when no member lives', () => {
    keeper.update(state('broker-a-0', 1));
    running.clear();
    keeper.ended('broker-a-0');
    expect(led).toEqual(['0 1 2', '']);
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
