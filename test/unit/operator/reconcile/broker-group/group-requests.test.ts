/** What people, drained nodes and hung masters make the reconciler of a group ask of its failover. */
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { MemberStatus } from '../../../../../common/model/broker-group.ts';
import { epoch } from '../../../../../common/model/offsets.ts';
import { timingsFor } from '../../../../../operator/failover/controller-timings.ts';
import type { GroupRecord } from '../../../../../operator/failover/core/group-record.ts';
import {
  UNSEEN,
  type MemberObservation,
} from '../../../../../operator/failover/core/observation.ts';
import type { GroupFailover } from '../../../../../operator/failover/group-failover.ts';
import { RESOURCES, type Pod } from '../../../../../operator/kube/resource.ts';
import { BrokerGroupReconciler } from '../../../../../operator/reconcile/broker-group/broker-group-reconciler.ts';
import { groupSpecOf } from '../../../../../operator/reconcile/broker-group/cluster-failover-spec.ts';
import { recordIn } from '../../../../../operator/reconcile/broker-group/kubernetes-group-store.ts';
import { ANNOTATIONS } from '../../../../../operator/reconcile/names.ts';
import { OWN_RESOURCES } from '../../../../../operator/reconcile/own-resources.ts';
import { CollectingLogger } from '../../../../support/collecting-logger.ts';
import { FakeKube } from '../../../../support/fake-kube.ts';
import {
  groupObject,
  MEMBERS,
  podObject,
  stableRecord,
  transition,
} from '../../../../support/group-objects.ts';
import { ManualTime } from '../../../../support/manual-time.ts';
import { memberStatus } from '../../../../support/member-status.ts';

const CONTEXT = { signal: new AbortController().signal, failures: 0 };
const [MASTER, SLAVE] = MEMBERS;

/** A failover that keeps what it is asked to store, and sees what the test says. */
class FakeFailover {
  readonly stored: GroupRecord[] = [];
  readonly seen = new Map<string, MemberObservation>();
  readonly #object: () => ReturnType<typeof groupObject>;

  constructor(object: () => ReturnType<typeof groupObject>) {
    this.#object = object;
    for (const name of MEMBERS) this.answers(name);
  }

  answers(name: string, changes: Partial<MemberStatus> = {}): void {
    const status = memberStatus({
      ...{ memberName: name, brokerName: 'broker-0', lastEpoch: epoch(3), acceptedEpoch: epoch(3) },
      ...{ role: name === MASTER ? 'master' : 'follower', isWritable: name === MASTER },
      ...changes,
    });
    this.seen.set(name, { ...UNSEEN, status, answeredAgoMs: 0, isFresh: true });
  }

  silent(name: string): void {
    this.seen.set(name, { ...UNSEEN, hasFailed: true });
  }

  get group(): GroupFailover {
    return {
      brokerName: 'broker-0',
      read: () => {
        const record = recordIn(this.#object());
        return Promise.resolve(record && { record, version: '' });
      },
      refresh: () => Promise.resolve(),
      observe: () => ({
        ...{ spec: groupSpecOf(this.#object().spec), members: this.seen, nameServers: [] },
        ...{ phaseAgeMs: 0, handOver: undefined, promotionRefusal: undefined },
        ...{ storedAtMs: 0, acceptedAtMs: undefined },
      }),
      store: (_before: unknown, record: GroupRecord) => {
        this.stored.push(record);
        return Promise.resolve(true);
      },
    } as unknown as GroupFailover;
  }
}

describe('requests to the failover of a group', () => {
  let kube: FakeKube;
  let time: ManualTime;
  let failover: FakeFailover;
  let told: string[];

  const group = () => kube.cache(OWN_RESOURCES.brokerGroups).get('n', 'c-broker-0')!;
  const pod = (name: string) => kube.cache(RESOURCES.pods).get('n', name);

  beforeEach(() => {
    kube = new FakeKube();
    time = new ManualTime();
    failover = new FakeFailover(group);
    told = [];
  });

  function reconciler({
    isLookedAfter = true,
    endsHungMasters = true,
  } = {}): BrokerGroupReconciler {
    return new BrokerGroupReconciler({
      ...{ clock: time, logger: new CollectingLogger(), api: kube, timings: timingsFor(1_000) },
      groups: kube.cache(OWN_RESOURCES.brokerGroups),
      pods: kube.cache(RESOURCES.pods),
      nodes: kube.cache(RESOURCES.nodes),
      failovers: {
        group: () => (isLookedAfter ? failover.group : undefined),
        store: () => undefined,
      },
      story: { tell: (_about, reason, message) => void told.push(`${reason}: ${message}`) },
      endsHungMasters,
    });
  }

  const turn = (care = reconciler()) => care.turn('n/c-broker-0', CONTEXT);
  const annotate = (annotations: Readonly<Record<string, string>>): unknown =>
    kube.put({ ...group(), metadata: { ...group().metadata, annotations } });

  function putPod(
    name: string,
    metadata: Partial<Pod['metadata']> = {},
    nodeName = 'node-1',
  ): void {
    const made = podObject(name, {
      spec: { containers: [], nodeName },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [{ name: 'broker', restartCount: 0, state: { running: {} } }],
      },
    } as unknown as Partial<Pod>);
    kube.put({ ...made, metadata: { ...made.metadata, uid: `uid-of-${name}`, ...metadata } });
  }

  function settled(record = stableRecord()): void {
    kube.put(groupObject(record));
    for (const name of MEMBERS) putPod(name);
  }

  describe('of people', () => {
    it('lead to a switchover to the member that is named, and lose their annotation', async () => {
      settled();
      annotate({ [ANNOTATIONS.switchover]: SLAVE });
      await turn();
      expect(failover.stored).toMatchObject([
        { phase: 'handing-over', transition: { target: SLAVE } },
      ]);
      expect(group().metadata.annotations).toEqual({});
    });

    it('are answered with the reason when nobody could take over', async () => {
      settled();
      failover.silent(SLAVE);
      annotate({ [ANNOTATIONS.switchover]: 'any' });
      await turn();
      const why = 'SwitchoverFailed: no other member of the in-sync set could take over';
      expect([told.includes(why), failover.stored, group().metadata.annotations]).toEqual([
        ...[true, [], {}],
      ]);
    });

    it('wait while a master is changing, and while the cluster is not looked after', async () => {
      const open = { ...transition(), target: '', onFailure: 'resume', phaseAtMs: 0 };
      settled(stableRecord({ phase: 'handing-over', transition: open as never }));
      annotate({ [ANNOTATIONS.switchover]: 'any' });
      await turn();
      settled();
      annotate({ [ANNOTATIONS.switchover]: 'any' });
      await turn(reconciler({ isLookedAfter: false }));
      expect(failover.stored).toEqual([]);
      expect(group().metadata.annotations?.[ANNOTATIONS.switchover]).toBe('any');
    });

    it.each<[string, Partial<GroupRecord>]>([
      [SLAVE, { fencedMembers: [SLAVE] }],
      ['*', { phase: 'fenced' }],
    ])('fence %s', async (names, stored) => {
      settled();
      annotate({ [ANNOTATIONS.fence]: names });
      await turn();
      expect(failover.stored).toMatchObject([stored]);
    });

    it('unfence what is no longer named', async () => {
      settled(stableRecord({ fencedMembers: [SLAVE] }));
      await turn();
      expect(failover.stored).toMatchObject([{ fencedMembers: [] }]);
    });
  });

  describe('for a master whose pod goes', () => {
    const ending = { deletionTimestamp: '2026-01-01T00:00:00Z' };

    it('make a member take over whose pod stays, and are looked at again at once', async () => {
      settled();
      putPod(MASTER, ending);
      expect(await turn()).toEqual({ requeueAfterMs: 300 });
      expect(failover.stored).toMatchObject([{ transition: { target: SLAVE } }]);
      expect(told).toContainEqual(expect.stringMatching(/^DrainingNode: the pod .* is ending/));
    });

    it('are made when its node is cordoned and the other one is not', async () => {
      settled();
      putPod(SLAVE, {}, 'node-2');
      kube.put({
        ...{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } },
        spec: { unschedulable: true },
      } as never);
      await turn();
      expect(told).toContainEqual(expect.stringMatching(/^DrainingNode: the node .* is cordoned/));
    });

    it('say once that nobody can take over', async () => {
      settled(stableRecord({ syncStateSet: [MASTER] }));
      putPod(MASTER, ending);
      const care = reconciler();
      await turn(care);
      await turn(care);
      const said = told.filter((line) => line.includes('no other member could take over'));
      expect([said.length, failover.stored]).toEqual([1, []]);
    });
  });

  describe('for a master that was deposed since it was silent', () => {
    const deposed = (): GroupRecord =>
      stableRecord({
        master: { name: SLAVE, runId: 'run-0' },
        transitions: [
          transition({ cause: 'silent', startedAtMs: time.nowMs() - 5_000, durationMs: 100 }),
        ],
      });

    it.each([
      ['hangs still: its pod goes', { isSilent: true, endsHungMasters: true }, false],
      ['answers again: it stays', { isSilent: false, endsHungMasters: true }, true],
      ['hangs, and that is accepted', { isSilent: true, endsHungMasters: false }, true],
    ])('and %s', async (_what, { isSilent, endsHungMasters }, isThere) => {
      settled(deposed());
      putPod(MASTER, { creationTimestamp: '2020-01-01T00:00:00Z' });
      if (isSilent) failover.silent(MASTER);
      await turn(reconciler({ endsHungMasters }));
      expect(pod(MASTER) !== undefined).toBe(isThere);
      expect(told.some((line) => line.includes('was deposed and hangs'))).toBe(!isThere);
    });
  });
});
