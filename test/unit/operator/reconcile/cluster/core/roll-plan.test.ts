import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  planRoll,
  planServerRoll,
  type PodState,
  type RollGroup,
  type RollMember,
} from '../../../../../../operator/reconcile/cluster/core/roll-plan.ts';

const LIMITS = { comeBackMs: 60_000 };

const member = (name: string, facts: Partial<RollMember> = {}): RollMember => ({
  ...{ name, pod: 'ready', isCurrent: false, isInSync: true, stateAgeMs: 0 },
  ...facts,
});
const NEW = { isCurrent: true };

const group = (members: readonly RollMember[], facts: Partial<RollGroup> = {}): RollGroup => ({
  ...{ brokerName: 'b', master: 'm', isStable: true, members },
  ...facts,
});

const plan = (...members: readonly RollMember[]) => {
  const step = planRoll(group(members), LIMITS);
  return step.kind === 'done' ? 'done' : `${step.kind} ${step.member}`;
};

describe('the plan of a rolling update', () => {
  it.each([
    ['nothing is old', [member('m', NEW), member('s', NEW)], 'done'],
    ['a slave is old, and so is the master', [member('m'), member('s')], 'delete-pod s'],
    ['only the master is old', [member('m'), member('s', NEW)], 'switch-over s'],
    ['there is only one member', [member('m')], 'delete-pod m'],
    [
      'a slave lags: it goes before one that is in sync',
      [member('m'), member('s'), member('t', { isInSync: false })],
      'delete-pod t',
    ],
    [
      'a new slave catches up: everybody waits',
      [member('m'), member('s', { ...NEW, isInSync: false })],
      'wait s',
    ],
    ['a pod ends', [member('m'), member('s', { pod: 'terminating' })], 'wait s'],
    ['a pod is missing', [member('m'), member('s', { ...NEW, pod: 'missing' })], 'wait s'],
    ['a pod starts', [member('m'), member('s', { ...NEW, pod: 'starting' })], 'wait s'],
    [
      'an old pod is stuck, while another one is away',
      [
        member('m'),
        member('s', { pod: 'stuck', isInSync: false }),
        member('t', { pod: 'missing' }),
      ],
      'delete-pod s',
    ],
    [
      'the old master is stuck',
      [member('m', { pod: 'stuck' }), member('s', { ...NEW, pod: 'starting' })],
      'delete-pod m',
    ],
    [
      'a new pod is stuck: nothing is repeated',
      [member('m'), member('s', { ...NEW, pod: 'stuck', isInSync: false })],
      'blocked s',
    ],
    [
      'a new pod is not back in time',
      [member('m'), member('s', { ...NEW, pod: 'starting', stateAgeMs: 61_000 })],
      'blocked s',
    ],
  ])('%s', (_case, members, expected) => {
    expect(plan(...members)).toBe(expected);
  });

  it('waits for a stable master before it takes anybody away', () => {
    const members = [member('m'), member('s')];
    expect(planRoll(group(members, { isStable: false }), LIMITS).kind).toBe('wait');
    expect(planRoll(group(members, { master: undefined }), LIMITS).kind).toBe('wait');
  });

  const anyMember = (name: string): fc.Arbitrary<RollMember> =>
    fc.record({
      name: fc.constant(name),
      pod: fc.constantFrom<PodState>('missing', 'terminating', 'stuck', 'starting', 'ready'),
      isCurrent: fc.boolean(),
      isInSync: fc.boolean(),
      stateAgeMs: fc.constantFrom(0, 100_000),
    });
  const anyGroup = fc
    .integer({ min: 1, max: 4 })
    .chain((count) =>
      fc.tuple(...Array.from({ length: count }, (_, index) => anyMember(`b-${index}`))),
    )
    .chain((members) =>
      fc.record({
        brokerName: fc.constant('b'),
        members: fc.constant(members as readonly RollMember[]),
        isStable: fc.boolean(),
        master: fc.option(fc.constantFrom(...members.map(({ name }) => name)), { nil: undefined }),
      }),
    );
  const serves = ({ pod, isInSync }: RollMember): boolean => pod === 'ready' && isInSync;

  it('never takes away a member that serves while another one does not, and never a master before its slaves', () => {
    fc.assert(
      fc.property(anyGroup, (any) => {
        const step = planRoll(any, LIMITS);
        if (step.kind !== 'delete-pod') return;
        const target = any.members.find(({ name }) => name === step.member)!;
        expect(target.isCurrent).toBe(false);
        const others = any.members.filter(({ name }) => name !== step.member);
        if (serves(target)) {
          expect(others.every(serves)).toBe(true);
          expect(any.isStable).toBe(true);
        }
        if (target.name === any.master && target.pod !== 'stuck') expect(others).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('hands over only to a member that serves, when nobody but the master is old', () => {
    fc.assert(
      fc.property(anyGroup, (any) => {
        const step = planRoll(any, LIMITS);
        if (step.kind !== 'switch-over') return;
        expect(any.members.filter(({ name }) => name !== any.master).every(serves)).toBe(true);
        expect(step.member).not.toBe(any.master);
        const old = any.members.filter(({ isCurrent }) => !isCurrent).map(({ name }) => name);
        expect(old).toEqual([any.master]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('comes to its end from any state in which pods come back, and replaces each pod once', () => {
    fc.assert(
      fc.property(anyGroup, (any) => {
        let { members, master } = any;
        const replaced: string[] = [];
        for (let count = 0; count < 60; count++) {
          const step = planRoll({ brokerName: 'b', members, isStable: true, master }, LIMITS);
          if (step.kind === 'done') break;
          if (step.kind === 'delete-pod') replaced.push(step.member);
          if (step.kind === 'switch-over') master = step.member;
          members = members.map((one) => after(one, step.kind, step.member));
          master ??= members.find(serves)?.name;
        }
        expect(members.every(({ isCurrent }) => isCurrent)).toBe(true);
        expect(new Set(replaced).size).toBe(replaced.length);
      }),
      { numRuns: 500 },
    );
  });

  /** What Kubernetes and replication make of a step: one stage of coming back for everybody who is away. */
  function after(one: RollMember, kind: string, target: string): RollMember {
    if (kind === 'delete-pod' && one.name === target) {
      return { ...one, pod: 'terminating', isInSync: false };
    }
    switch (one.pod) {
      case 'terminating':
        return { ...one, pod: 'missing', isCurrent: true, isInSync: false };
      case 'missing':
        return { ...one, pod: 'starting', isCurrent: true, isInSync: false };
      case 'starting':
        return { ...one, pod: 'ready', isInSync: false };
      case 'stuck':
        return one.isCurrent ? { ...one, pod: 'starting' } : one;
      case 'ready':
        return { ...one, isInSync: true };
    }
  }

  it('replaces NameServers one by one', () => {
    const servers = [member('n-0'), member('n-1'), member('n-2', NEW)];
    expect(planServerRoll(servers, LIMITS)).toMatchObject({ kind: 'delete-pod', member: 'n-0' });
    const away = [member('n-0', { ...NEW, pod: 'starting' }), ...servers.slice(1)];
    expect(planServerRoll(away, LIMITS)).toMatchObject({ kind: 'wait', member: 'n-0' });
    const half = [member('n-0'), member('n-1', { pod: 'starting' })];
    expect(planServerRoll(half, LIMITS)).toMatchObject({ kind: 'delete-pod', member: 'n-1' });
  });
});
