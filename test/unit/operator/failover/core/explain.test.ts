/** What the condition FailoverPossible and `explain-failover` say, of groups of which some cannot be reached. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { explainGroup, type Explanation } from '../../../../../operator/failover/core/explain.ts';
import type { GroupRecord } from '../../../../../operator/failover/core/group-record.ts';
import { handingOver } from '../../../../../operator/failover/core/record-change.ts';
import {
  CONTROLLERS,
  isolate,
  live,
  MEMBERS,
  NAME_SERVERS,
  pass,
  wholeGroup,
} from '../../../../support/failover-drive.ts';
import { EXPIRY_MS, TIMINGS, type FailoverModel } from '../../../../support/failover-model.ts';

const SYNC = { replication: 'sync', uncleanElection: false } as const;
const [CONTROLLER = ''] = CONTROLLERS;

function stored(model: FailoverModel): GroupRecord {
  if (model.stored === undefined) throw new Error('the group has no record');
  return model.stored;
}

function slavesOf(model: FailoverModel): readonly string[] {
  return MEMBERS.filter((name) => name !== stored(model).master?.name);
}

/** What the controller sees after some time in which it has asked all of them, and has changed nothing. */
function explainAfter(model: FailoverModel, ms: number, record = stored(model)): Explanation {
  for (let passedMs = 0; passedMs < ms; passedMs += 500) {
    pass(model, 500);
    for (const name of NAME_SERVERS) model.askNameServer(CONTROLLER, name);
    for (const name of MEMBERS) model.ask(CONTROLLER, name);
  }
  return explainGroup(record, model.observe(CONTROLLER), TIMINGS);
}

describe('who would take over', () => {
  it('is a slave, and nothing is lost, in a group in which all is well', () => {
    const model = wholeGroup(SYNC);
    const explanation = explainAfter(model, 1_000);
    expect(slavesOf(model)).toContain(explanation.winner);
    expect(explanation).toMatchObject({ isLossless: true, blockers: [] });
  });

  it('is nobody as soon as no slave has answered for the time in which each of them should', () => {
    const model = wholeGroup(SYNC);
    for (const slave of slavesOf(model)) isolate(model, slave);
    expect(explainAfter(model, TIMINGS.reachableMs - 500).winner).not.toBe('');
    const { winner, blockers } = explainAfter(model, 1_000);
    expect(winner).toBe('');
    for (const slave of slavesOf(model)) expect(blockers).toContain(`${slave} does not answer`);
  });

  it('is nobody while a hand-over to a member that is lost stands and no other one answers', () => {
    const model = wholeGroup(SYNC);
    const [target = '', other = ''] = slavesOf(model);
    const why = { cause: 'switchover' as const, reason: 'asked for', target, detectedMs: 0 };
    const record = handingOver(stored(model), why, model.nowMs);
    for (const name of [target, other]) isolate(model, name);
    expect(explainAfter(model, TIMINGS.reachableMs + 500, record).winner).toBe('');
  });

  it('is another member than the target of a hand-over that is lost', () => {
    const model = wholeGroup(SYNC);
    const [target = '', other = ''] = slavesOf(model);
    const why = { cause: 'switchover' as const, reason: 'asked for', target, detectedMs: 0 };
    const record = handingOver(stored(model), why, model.nowMs);
    isolate(model, target);
    expect(explainAfter(model, TIMINGS.reachableMs + 500, record).winner).toBe(other);
  });

  it('is nobody whom the controller reaches and most NameServers miss', () => {
    const model = wholeGroup(SYNC);
    for (const slave of slavesOf(model)) {
      for (const nameServer of NAME_SERVERS.slice(1)) model.cut.add(`${slave}>${nameServer}`);
    }
    expect(explainAfter(model, 2 * EXPIRY_MS).winner).toBe('');
  });

  it('is never a member that cannot be reached, in whatever phase the group is', () => {
    const cuts = fc.array(
      fc.record({ names: fc.subarray([...MEMBERS]), ms: fc.integer({ min: 0, max: 6_000 }) }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(cuts, fc.subarray([...MEMBERS]), (before, lost) => {
        const model = wholeGroup(SYNC);
        for (const { names, ms } of before) {
          model.cut.clear();
          for (const name of names) isolate(model, name);
          live(model, ms);
        }
        for (const name of lost) isolate(model, name);
        const { winner } = explainAfter(model, TIMINGS.reachableMs + 500);
        expect(lost).not.toContain(winner);
      }),
      { numRuns: 60 },
    );
  });
});
