import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  endedRunsOf,
  ENDED_RUNS_MAX,
  rememberEnds,
} from '../../../../../../operator/reconcile/broker-group/core/ended-runs.ts';
import {
  isHung,
  planEvacuation,
  type EvacuationPod,
  type HungInput,
} from '../../../../../../operator/reconcile/broker-group/core/evacuation.ts';
import {
  nameServerSet,
  SETTLE_MS,
} from '../../../../../../operator/reconcile/broker-group/core/name-server-set.ts';
import { planRoleLabels } from '../../../../../../operator/reconcile/broker-group/core/role-labels.ts';

describe('ends of runs', () => {
  const container = (stateMessage?: string, lastStateMessage?: string) => ({
    ...{ name: 'broker', stateMessage, lastStateMessage },
  });

  it('are those that the kubelet hands out with the end of the container, and no others', () => {
    expect(endedRunsOf([container('b\n', 'a')], 'broker')).toEqual(['a', 'b']);
    expect(endedRunsOf([{ ...container('b'), name: 'sidecar' }], 'broker')).toEqual([]);
    expect(endedRunsOf([container(), container('')], 'broker')).toEqual([]);
    expect(endedRunsOf([container('out of memory!')], 'broker')).toEqual([]);
    expect(endedRunsOf([container('a\nstack trace')], 'broker')).toEqual(['a']);
  });

  it('are remembered, the newest of them', () => {
    const known = Array.from({ length: ENDED_RUNS_MAX }, (_, index) => `r${index}`);
    expect(rememberEnds(known, ['r3'])).toBe(known);
    expect(rememberEnds(known, ['new']).at(-1)).toBe('new');
    expect(rememberEnds(known, ['new'])).toHaveLength(ENDED_RUNS_MAX);
  });
});

describe('role labels', () => {
  const pods = [
    { name: 'a', role: 'master' },
    { name: 'b', role: 'slave' },
    { name: 'c', role: undefined },
  ];

  it('give the role before they take it away, so that the Service always leads somewhere', () => {
    expect(planRoleLabels({ phase: 'promoting', master: 'b' }, pods)).toEqual([
      { pod: 'b', role: 'master' },
      { pod: 'a', role: 'slave' },
      { pod: 'c', role: 'slave' },
    ]);
  });

  it('stay while nobody is elected', () => {
    const changes = planRoleLabels({ phase: 'revoking', master: 'a' }, pods);
    expect(changes).toEqual([{ pod: 'c', role: 'slave' }]);
  });

  it('settle: what was changed is not changed again', () => {
    const phase = fc.constantFrom(
      'new',
      'stable',
      'revoking',
      'promoting',
      'handing-over',
      'fenced',
    );
    const role = fc.constantFrom('master', 'slave', undefined);
    fc.assert(
      fc.property(phase, fc.constantFrom('a', 'b', undefined), role, role, (p, master, a, b) => {
        const before = [
          { name: 'a', role: a as string | undefined },
          { name: 'b', role: b },
        ];
        const changes = planRoleLabels({ phase: p, master }, before);
        const after = before.map((pod) => ({
          ...pod,
          role: changes.find((change) => change.pod === pod.name)?.role ?? pod.role,
        }));
        expect(planRoleLabels({ phase: p, master }, after)).toEqual([]);
      }),
    );
  });
});

describe('a master whose pod or node goes', () => {
  const pod = (name: string, facts: Partial<EvacuationPod> = {}): EvacuationPod => ({
    ...{
      name,
      uid: name,
      isTerminating: false,
      isNodeCordoned: false,
      isReady: true,
      isRunning: true,
    },
    ...facts,
  });
  const group = { phase: 'stable', master: 'a', syncStateSet: ['a', 'b', 'c'], fencedMembers: [] };

  it.each([
    ['nothing happens', [pod('a'), pod('b')], 'stay'],
    ['a slave goes', [pod('a'), pod('b', { isTerminating: true })], 'stay'],
    ['its pod ends', [pod('a', { isTerminating: true }), pod('b')], 'b'],
    ['its node is cordoned', [pod('a', { isNodeCordoned: true }), pod('b')], 'b'],
    [
      'a member on a node that stays is chosen',
      [pod('a', { isNodeCordoned: true }), pod('b', { isNodeCordoned: true }), pod('c')],
      'c',
    ],
    [
      'all nodes are cordoned',
      [pod('a', { isNodeCordoned: true }), pod('b', { isNodeCordoned: true })],
      'nobody',
    ],
    [
      'nobody else is ready',
      [pod('a', { isTerminating: true }), pod('b', { isReady: false })],
      'nobody',
    ],
    ['nobody else is in sync', [pod('a', { isTerminating: true }), pod('d')], 'nobody'],
  ])('%s', (_case, pods, expected) => {
    const plan = planEvacuation(group, pods);
    expect(plan.kind === 'switch-over' ? plan.target : plan.kind).toBe(expected);
  });

  it('is left alone while a change is under way', () => {
    const pods = [pod('a', { isTerminating: true }), pod('b')];
    expect(planEvacuation({ ...group, phase: 'handing-over' }, pods).kind).toBe('stay');
  });

  const hung: HungInput = {
    ...{ phase: 'stable', master: 'b', oldMaster: 'a', cause: 'silent', sinceMs: 5_000 },
    ...{ pod: pod('a'), isPodOlder: true, isAnswering: false },
  };

  it('is ended when it hangs, and only then', () => {
    expect(isHung(hung)).toBe(true);
    const others: Partial<HungInput>[] = [
      ...[{ phase: 'revoking' }, { cause: 'process-ended' }, { isAnswering: true }, { sinceMs: 0 }],
      ...[{ isPodOlder: false }, { pod: undefined }, { master: 'a' }],
      { pod: pod('a', { isRunning: false }) },
    ];
    for (const facts of others) expect(isHung({ ...hung, ...facts })).toBe(false);
  });
});

describe('NameServers that count', () => {
  const ready = (ordinal: number, readyForMs?: number) => ({ ordinal, readyForMs });

  it('are all at first', () => {
    expect(nameServerSet(undefined, 3, [ready(0)])).toEqual([0, 1, 2]);
  });

  it('come when they have been ready for a while', () => {
    expect(nameServerSet([0], 3, [ready(0, 9e9), ready(1, SETTLE_MS), ready(2, 5)])).toEqual([
      0, 1,
    ]);
  });

  it('go when their pods are gone, and stay while they are only away', () => {
    expect(nameServerSet([0, 1, 2], 1, [ready(0, 1), ready(2)])).toEqual([0, 2]);
    expect(nameServerSet([0, 1, 2], 3, [ready(0, 1)])).toEqual([0, 1, 2]);
  });
});
