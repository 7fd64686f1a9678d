import { describe, expect, it } from '@jest/globals';
import {
  CONTROLLERS,
  isolate,
  live,
  MEMBERS,
  NAME_SERVERS,
  settle,
  wholeGroup,
} from '../../../../support/failover-drive.ts';
import { EXPIRY_MS, TIMINGS, type FailoverModel } from '../../../../support/failover-model.ts';

const SYNC = { replication: 'sync', uncleanElection: false } as const;
const ASYNC = { replication: 'async', uncleanElection: false } as const;

function masterOf(model: FailoverModel): string {
  return model.stored?.master?.name ?? '';
}

function cut(model: FailoverModel, from: string, others: readonly string[]): void {
  for (const other of others) model.cut.add(`${from}>${other}`);
}

function othersOf(name: string): readonly string[] {
  return MEMBERS.filter((member) => member !== name);
}

function written(model: FailoverModel, name: string): number {
  const before = model.acknowledged.length;
  model.write(name);
  for (const other of othersOf(name)) model.replicate(name, other);
  return model.acknowledged.length - before;
}

describe.each([SYNC, ASYNC])('what happens to a group ($replication)', (mode) => {
  it('nothing, when the controllers cannot reach the master and NameServers can', () => {
    const model = wholeGroup(mode);
    const before = masterOf(model);
    const epoch = model.stored?.epoch;
    cut(model, before, CONTROLLERS);
    live(model, 4 * EXPIRY_MS);
    expect(model.stored?.epoch).toBe(epoch);
    expect(masterOf(model)).toBe(before);
    expect(model.stored?.blocked).toContain('does not answer the controller');
    expect(written(model, before)).toBe(1);
  });

  it('a smaller set and no failover, when the master loses its slaves only', () => {
    const model = wholeGroup(mode);
    const before = masterOf(model);
    const epoch = model.stored?.epoch;
    cut(model, before, othersOf(before));
    model.write(before);
    live(model, 2 * EXPIRY_MS);
    expect(model.stored?.epoch).toBe(epoch);
    expect(model.stored?.syncStateSet).toEqual([before]);
  });

  it('another master, when the master is isolated; the old one acknowledges nothing more', () => {
    const model = wholeGroup(mode);
    const before = masterOf(model);
    isolate(model, before);
    live(model, 3 * EXPIRY_MS);
    expect(masterOf(model)).not.toBe(before);
    expect(model.servingMaster()).toBeDefined();
    expect(written(model, before)).toBe(0);
    expect(model.violations).toEqual([]);
  });

  it('nothing, when the controllers are isolated', () => {
    const model = wholeGroup(mode);
    const before = model.stored;
    for (const controller of CONTROLLERS) cut(model, controller, [...MEMBERS, ...NAME_SERVERS]);
    live(model, 4 * EXPIRY_MS);
    expect(model.stored?.epoch).toBe(before?.epoch);
    expect(model.stored?.phase).toBe('stable');
    expect(written(model, masterOf(model))).toBe(1);
  });

  it('nothing, when all NameServers are down and the master is not', () => {
    const model = wholeGroup(mode);
    const { epoch } = model.stored ?? {};
    for (const nameServer of NAME_SERVERS) cut(model, nameServer, [...MEMBERS, ...CONTROLLERS]);
    live(model, 4 * EXPIRY_MS);
    expect(model.stored?.epoch).toBe(epoch);
    expect(written(model, masterOf(model))).toBe(1);
  });

  it('the heartbeats decide, when nobody can say whether the process of the master has ended', () => {
    const model = wholeGroup(mode);
    const before = masterOf(model);
    model.crash(before);
    live(model, EXPIRY_MS - 1_000);
    expect(masterOf(model)).toBe(before);
    expect(model.stored?.phase).toBe('stable');
    live(model, EXPIRY_MS);
    expect(masterOf(model)).not.toBe(before);
    expect(model.servingMaster()).toBeDefined();
  });

  it('a failover at once, when the witness says that the process of the master has ended', () => {
    const model = wholeGroup(mode);
    model.knowsDeaths = true;
    const before = masterOf(model);
    model.crash(before);
    live(model, 1_000);
    expect(masterOf(model)).not.toBe(before);
    expect(model.servingMaster()).toBeDefined();
    expect(model.stored?.transitions[0]).toMatchObject({ cause: 'process-ended' });
  });

  it('a failover at once, when the disk of the master is full, although it cannot promise anything', () => {
    const model = wholeGroup(mode);
    const before = masterOf(model);
    model.fillDisk(before);
    live(model, 1_500);
    expect(masterOf(model)).not.toBe(before);
    expect(model.servingMaster()).toBeDefined();
    expect(model.member(before).accepted).toBeLessThan(model.stored?.epoch ?? 0);
    expect(model.violations).toEqual([]);
  });

  it('a failover without it, when the disk of the master has failed and takes no more than the promise', () => {
    const model = wholeGroup(mode);
    const before = masterOf(model);
    model.fillDisk(before);
    model.member(before).isDiskFull = false;
    live(model, 500);
    expect(model.member(before).accepted).toBe(model.stored?.epoch);
    expect(model.stored?.syncStateSet).toEqual(othersOf(before));
    live(model, 1_000);
    expect(model.servingMaster()).toBeDefined();
    expect(model.violations).toEqual([]);
  });

  it('a smaller set at once, when the process of a slave has ended; and the whole set when it is back', () => {
    const model = wholeGroup(mode);
    model.knowsDeaths = true;
    const master = masterOf(model);
    const [dead = '', other = ''] = othersOf(master);
    model.crash(dead);
    settle(model, 'c0');
    expect(model.stored?.syncStateSet).toEqual([master, other].toSorted());
    expect(model.member(master).terms?.syncStateSet).toEqual(model.stored?.syncStateSet);
    model.restart(dead);
    live(model, 2_000);
    expect(model.stored?.syncStateSet).toHaveLength(MEMBERS.length);
    expect(model.violations).toEqual([]);
  });

  it('a smaller set at once, when a slave has said goodbye to most NameServers and is away', () => {
    const model = wholeGroup(mode);
    const [leaving = ''] = othersOf(masterOf(model));
    model.leave(leaving);
    settle(model, 'c0');
    expect(model.stored?.syncStateSet).not.toContain(leaving);
  });

  it.each([
    ['said goodbye', (model: FailoverModel, slave: string) => model.leave(slave)],
    ['died', (model: FailoverModel, slave: string) => model.crash(slave)],
  ])('a smaller set by a controller that begins after a slave has %s', (_how, end) => {
    const model = wholeGroup(mode);
    model.knowsDeaths = true;
    const [gone = ''] = othersOf(masterOf(model));
    end(model, gone);
    for (const controller of CONTROLLERS) model.restartController(controller);
    settle(model, 'c0');
    expect(model.stored?.syncStateSet).not.toContain(gone);
    expect(model.violations).toEqual([]);
  });

  it('the same set, when a slave is only silent, or writes need it', () => {
    const model = wholeGroup(mode);
    model.knowsDeaths = true;
    const [away = '', dead = ''] = othersOf(masterOf(model));
    isolate(model, away);
    settle(model, 'c0');
    expect(model.stored?.syncStateSet).toHaveLength(MEMBERS.length);
    model.cut.clear();
    model.spec = { ...model.spec, minInSyncReplicas: MEMBERS.length };
    live(model, 1_000);
    model.crash(dead);
    settle(model, 'c0');
    const isNeeded = mode.replication === 'sync';
    expect(model.stored?.syncStateSet).toHaveLength(isNeeded ? MEMBERS.length : 2);
  });

  it('the old master follows, when it returns from a pause longer than the expiry', () => {
    const model = wholeGroup(mode);
    const before = masterOf(model);
    isolate(model, before);
    live(model, 3 * EXPIRY_MS);
    model.cut.clear();
    expect(written(model, before)).toBe(0);
    live(model, 3_000);
    expect(model.member(before).role).toBe('follower');
    expect(model.member(before).masterName).toBe(masterOf(model));
    expect(model.stored?.syncStateSet).toContain(before);
    expect(model.violations).toEqual([]);
  });

  it('one master, when two controllers elect different members at the same time', () => {
    const model = wholeGroup(mode);
    model.knowsDeaths = true;
    const [a = '', b = ''] = othersOf(masterOf(model));
    model.crash(masterOf(model));
    cut(model, 'c0', [a]);
    cut(model, 'c1', [b]);
    for (let round = 0; round < 12; round++) {
      for (const c of CONTROLLERS) for (const m of MEMBERS) model.ask(c, m);
      for (const c of CONTROLLERS) model.plan(c);
      for (const c of CONTROLLERS) model.commit(c);
      model.nowMs += 300;
    }
    model.cut.clear();
    live(model, 2_000);
    expect(model.violations).toEqual([]);
    expect(model.servingMaster()).toBeDefined();
  });

  it('a hand-over, when the disk of the master is full; and no ping-pong, when all disks are', () => {
    const model = wholeGroup(mode);
    const before = masterOf(model);
    model.member(before).isUnfit = true;
    live(model, 2_000);
    const after = masterOf(model);
    expect(after).not.toBe(before);
    expect(model.stored?.transitions[0]).toMatchObject({ cause: 'unfit' });
    for (const m of MEMBERS) model.member(m).isUnfit = true;
    const { epoch } = model.stored ?? {};
    live(model, 4 * EXPIRY_MS);
    expect(model.stored?.epoch).toBe(epoch);
    expect(masterOf(model)).toBe(after);
    expect(model.stored?.blocked).toContain('there is nobody to take over');
  });

  it('a hand-over first, when the NameServers do not hear the master and the controllers do', () => {
    const model = wholeGroup(mode);
    const before = masterOf(model);
    cut(model, before, NAME_SERVERS);
    live(model, 2 * EXPIRY_MS);
    expect(masterOf(model)).not.toBe(before);
    const [last] = model.stored?.transitions ?? [];
    expect(last?.phases.map(({ name }) => name)).toContain('handed-over');
    expect(model.violations).toEqual([]);
  });

  it('no election, when the only member of the set is away; and it is elected when it returns', () => {
    const model = wholeGroup(mode);
    const before = masterOf(model);
    cut(model, before, othersOf(before));
    model.write(before);
    live(model, 4_000);
    model.cut.clear();
    model.knowsDeaths = true;
    model.crash(before);
    // So that the slaves do not come back into the set before the crash is seen.
    live(model, 3 * EXPIRY_MS);
    expect(model.stored?.phase).toBe('revoking');
    expect(model.stored?.blocked).toContain(`${before} does not answer`);
    model.restart(before);
    live(model, 2_000);
    expect(masterOf(model)).toBe(before);
    expect(model.servingMaster()).toBeDefined();
  });

  it('an unclean election, when that was chosen and the only member of the set is away', () => {
    const model = wholeGroup({ ...mode, uncleanElection: true });
    const before = masterOf(model);
    cut(model, before, othersOf(before));
    model.write(before);
    live(model, 4_000);
    model.crash(before);
    model.cut.clear();
    live(model, 4 * EXPIRY_MS);
    expect(masterOf(model)).not.toBe(before);
    expect(model.stored?.transitions[0]).toMatchObject({ isUnclean: true });
  });
});

describe('isolated master and the write lease (async)', () => {
  it('is waited for: nobody is elected before NameServers have been silent for an expiry', () => {
    const model = wholeGroup(ASYNC);
    const before = masterOf(model);
    // Reaches NameServers, so that it goes on by its lease; the controllers are told to replace it.
    cut(model, before, [...CONTROLLERS, ...othersOf(before)]);
    if (model.stored === undefined) throw new Error('no record');
    const { stored } = model;
    model.store({ ...stored, fencedMembers: [before] });
    live(model, 4_000);
    expect(model.stored.phase).toBe('revoking');
    expect(model.stored.blocked).toContain('the write lease');
    live(model, 2 * EXPIRY_MS);
    expect(masterOf(model)).not.toBe(before);
    expect(model.violations).toEqual([]);
  });

  it('is waited for where a member was elected, and the order to begin may still be on its way to it', () => {
    const model = wholeGroup(ASYNC);
    model.knowsDeaths = true;
    model.crash(masterOf(model));
    while (model.stored?.phase !== 'promoting') {
      for (const m of MEMBERS) model.ask('c0', m);
      model.plan('c0');
      model.commit('c0');
    }
    const elected = masterOf(model);
    cut(model, elected, CONTROLLERS);
    for (const controller of CONTROLLERS) cut(model, controller, NAME_SERVERS);
    live(model, 2 * TIMINGS.promoteWaitMs, ['c0']);
    expect(model.stored.phase).toBe('revoking');
    // It answers again and cannot promise anything; the order comes only then.
    for (const controller of CONTROLLERS) model.cut.delete(`${elected}>${controller}`);
    model.fillDisk(elected);
    live(model, 1_000, ['c0']);
    expect(model.stored.phase).toBe('revoking');
    expect(model.stored.blocked).toContain('the write lease');
    model.promoteLate(-1);
    expect(model.member(elected).role).not.toBe('follower');
  });
});
