import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  CONTROLLERS,
  heal,
  isolate,
  MEMBERS,
  NAME_SERVERS,
  pass,
  settle,
  wholeGroup,
} from '../../../../support/failover-drive.ts';
import { TIMINGS, type FailoverModel } from '../../../../support/failover-model.ts';
import {
  requestGroupFence,
  requestMemberFence,
  requestSwitchover,
} from '../../../../../operator/failover/core/request.ts';

const member = fc.constantFrom(...MEMBERS);
const nameServer = fc.constantFrom(...NAME_SERVERS);
const controller = fc.constantFrom(...CONTROLLERS);
const node = fc.constantFrom(...MEMBERS, ...NAME_SERVERS, ...CONTROLLERS);

type Event = (model: FailoverModel) => void;

/** What happens in a cluster that runs: most events. */
const work: fc.Arbitrary<Event> = fc.oneof(
  fc.tuple(controller, member).map(
    ([c, m]): Event =>
      (model) =>
        model.ask(c, m),
  ),
  controller.map(
    (c): Event =>
      (model) =>
        model.plan(c),
  ),
  controller.map(
    (c): Event =>
      (model) =>
        model.commit(c),
  ),
  controller.map(
    (c): Event =>
      (model) =>
        settle(model, c),
  ),
  fc.tuple(member, member).map(
    ([a, b]): Event =>
      (model) =>
        model.replicate(a, b),
  ),
  member.map(
    (m): Event =>
      (model) =>
        model.write(m),
  ),
  member.map(
    (m): Event =>
      (model) =>
        model.confirm(m),
  ),
  fc.tuple(member, member).map(
    ([a, b]): Event =>
      (model) =>
        model.wish(a, b),
  ),
  fc.integer({ min: 1, max: 1_500 }).map(
    (ms): Event =>
      (model) =>
        pass(model, ms),
  ),
);

const trouble: fc.Arbitrary<Event> = fc.oneof(
  member.map(
    (m): Event =>
      (model) =>
        model.crash(m),
  ),
  member.map(
    (m): Event =>
      (model) =>
        model.restart(m),
  ),
  member.map(
    (m): Event =>
      (model) =>
        model.fillDisk(m),
  ),
  member.map(
    (m): Event =>
      (model) =>
        model.freeDisk(m),
  ),
  fc.nat({ max: 5 }).map(
    (back): Event =>
      (model) =>
        model.promoteLate(-1 - back),
  ),
  nameServer.map(
    (n): Event =>
      (model) =>
        model.restartNameServer(n),
  ),
  controller.map(
    (c): Event =>
      (model) =>
        model.restartController(c),
  ),
  fc.tuple(node, node).map(
    ([a, b]): Event =>
      (model) =>
        model.cut.add(`${a}>${b}`),
  ),
  fc.constant<Event>((model) => model.cut.clear()),
  fc.integer({ min: 3_000, max: 9_000 }).map(
    (ms): Event =>
      (model) =>
        pass(model, ms),
  ),
  member.map(
    (m): Event =>
      (model) =>
        isolate(model, m),
  ),
);

/** What administrators ask for. */
const requests: fc.Arbitrary<Event> = fc.oneof(
  fc.tuple(member, fc.boolean()).map(([m, isFenced]): Event => (model) => {
    model.request((record) => requestMemberFence(record, m, isFenced));
  }),
  fc.boolean().map((isFenced): Event => (model) => {
    model.request((record) => requestGroupFence(record, isFenced, model.nowMs));
  }),
  fc.tuple(controller, fc.constantFrom('', ...MEMBERS)).map(([c, m]): Event => (model) => {
    model.request((record) => requestSwitchover(record, model.observe(c), TIMINGS, m, model.nowMs));
  }),
);

const events = fc.array(
  fc.oneof(
    { weight: 16, arbitrary: work },
    { weight: 2, arbitrary: trouble },
    { weight: 1, arbitrary: requests },
  ),
  { minLength: 60, maxLength: 250, size: 'max' },
);

const modes = [
  { replication: 'sync', uncleanElection: false },
  { replication: 'async', uncleanElection: false },
  { replication: 'sync', uncleanElection: true },
  { replication: 'async', uncleanElection: true },
] as const;

describe.each(modes)('failover of a group ($replication, unclean: $uncleanElection)', (mode) => {
  it('breaks no promise in any order of events, and has a master again when all is repaired', () => {
    fc.assert(
      fc.property(fc.boolean(), events, (knowsDeaths, list) => {
        const model = wholeGroup(mode);
        model.knowsDeaths = knowsDeaths;
        for (const event of list) event(model);
        expect(model.violations).toEqual([]);
        model.request((record) => requestGroupFence(record, false, model.nowMs));
        for (const m of MEMBERS) model.request((record) => requestMemberFence(record, m, false));
        heal(model);
        expect(model.violations).toEqual([]);
        expect(model.stored?.phase).toBe('stable');
        expect(model.servingMaster()).toBeDefined();
      }),
      { numRuns: 100 },
    );
  });
});
