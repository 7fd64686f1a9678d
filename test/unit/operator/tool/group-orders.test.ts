import { beforeEach, describe, expect, it } from '@jest/globals';
import { epoch } from '../../../../common/model/offsets.ts';
import { isMqError } from '../../../../common/errors/mq-error.ts';
import type { GroupRecord } from '../../../../operator/failover/core/group-record.ts';
import { recordToJson } from '../../../../operator/failover/record-json.ts';
import type { KubeEvent } from '../../../../operator/kube/resource.ts';
import { ANNOTATIONS } from '../../../../operator/reconcile/names.ts';
import { OWN_RESOURCES } from '../../../../operator/reconcile/own-resources.ts';
import { setFence, setPause, switchOver } from '../../../../operator/tool/group-orders.ts';
import { FakeKube } from '../../../support/fake-kube.ts';
import {
  clusterObject,
  groupObject,
  MEMBERS,
  stableRecord,
  transition,
} from '../../../support/group-objects.ts';
import { settle } from '../../../support/kube-ports.ts';
import { ManualTime } from '../../../support/manual-time.ts';

const AT = { namespace: 'n', name: 'c-broker-0' };
const LOOK_MS = 500;

describe('orders to a broker group', () => {
  let kube: FakeKube;
  let time: ManualTime;
  let interrupt: AbortController;

  beforeEach(() => {
    kube = new FakeKube();
    time = new ManualTime();
    interrupt = new AbortController();
  });

  const ports = () => ({
    ...{ kube, clock: time, timers: time, timeoutMs: 10_000, signal: interrupt.signal },
  });
  const group = () => kube.cache(OWN_RESOURCES.brokerGroups).get('n', 'c-broker-0')!;
  const annotation = (name: keyof typeof ANNOTATIONS): string | undefined =>
    group().metadata.annotations?.[ANNOTATIONS[name]];

  /** What the operator stores. */
  function store(record: GroupRecord): void {
    const status = JSON.parse(recordToJson(record)) as object;
    kube.put({ ...group(), status } as ReturnType<typeof groupObject>);
  }

  const takenUp = (name: keyof typeof ANNOTATIONS) =>
    kube.mergePatch(OWN_RESOURCES.brokerGroups, AT, {
      metadata: { annotations: { [ANNOTATIONS[name]]: null } },
    });

  /** How it ended, as one word and its fields. */
  async function outcome<Value>(work: Promise<Value>): Promise<unknown> {
    try {
      return await work;
    } catch (error) {
      if (!isMqError(error)) throw error;
      return [error.code, error.message];
    }
  }

  /** The next looks. */
  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += LOOK_MS) {
      await settle();
      time.advance(LOOK_MS);
    }
    await settle();
  }

  function refusal(count: number): KubeEvent {
    return {
      ...{ apiVersion: 'v1', kind: 'Event', metadata: { name: 'e', namespace: 'n' } },
      ...{ involvedObject: { kind: 'BrokerGroup', name: 'c-broker-0' } },
      ...{ reason: 'SwitchoverFailed', message: 'nobody could take over', count },
    } as unknown as KubeEvent;
  }

  describe('switchover', () => {
    it('asks by the annotation and tells what came of it', async () => {
      kube.put(groupObject(stableRecord()));
      const asked = switchOver(group(), '', ports());
      await pass(LOOK_MS);
      expect(annotation('switchover')).toBe('any');
      store(
        stableRecord({ transitions: [transition()], master: { name: MEMBERS[1], runId: 'r' } }),
      );
      await takenUp('switchover');
      await pass(LOOK_MS);
      expect(await asked).toEqual({ kind: 'done', transition: transition() });
    });

    it('asks for nothing when the member is the master already', async () => {
      kube.put(groupObject(stableRecord()));
      const asked = await switchOver(group(), MEMBERS[0], ports());
      expect([asked, kube.writes]).toEqual([{ kind: 'unchanged', master: MEMBERS[0] }, []]);
    });

    it('tells why the operator refused, from an event that was not there before', async () => {
      kube.put(groupObject(stableRecord()));
      kube.put(refusal(1));
      const asked = outcome(switchOver(group(), '', ports()));
      await pass(LOOK_MS);
      await takenUp('switchover');
      await pass(LOOK_MS);
      kube.put(refusal(2));
      await pass(2 * LOOK_MS);
      expect(await asked).toEqual([
        'kube-request-refused',
        'switchover of c-broker-0: nobody could take over',
      ]);
    });

    it('is refused when the master could not hand over and went on', async () => {
      kube.put(groupObject(stableRecord()));
      const asked = outcome(switchOver(group(), MEMBERS[1], ports()));
      await pass(LOOK_MS);
      const failed = transition({ newEpoch: epoch(3), reason: 'the slave did not catch up' });
      store(stableRecord({ transitions: [failed] }));
      await takenUp('switchover');
      await pass(LOOK_MS);
      expect(await asked).toEqual([
        'kube-request-refused',
        'switchover of c-broker-0: the slave did not catch up',
      ]);
    });

    it('is taken back when no operator takes it up', async () => {
      kube.put(groupObject(stableRecord()));
      const asked = outcome(switchOver(group(), '', ports()));
      await pass(11_000);
      const [code, message] = (await asked) as [string, string];
      expect([code, annotation('switchover')]).toEqual(['kube-request-unfinished', undefined]);
      expect(message).toContain('it is taken back');
    });

    it('is taken back when the person no longer waits', async () => {
      kube.put(groupObject(stableRecord()));
      const asked = outcome(switchOver(group(), '', ports()));
      await pass(LOOK_MS);
      interrupt.abort();
      await settle();
      expect((await asked) as string[]).toContain('kube-request-left');
      expect(annotation('switchover')).toBeUndefined();
    });

    it('is not asked of a group that never had a master', async () => {
      kube.put(groupObject());
      const asked = (await outcome(switchOver(group(), '', ports()))) as string[];
      expect([asked[0], kube.writes]).toEqual(['kube-request-refused', []]);
    });
  });

  describe('fence', () => {
    it('adds a member to those that are fenced, and waits until another one is master', async () => {
      kube.put(groupObject(stableRecord()));
      const asked = setFence({ group: group(), member: MEMBERS[0] }, true, ports());
      await pass(LOOK_MS);
      expect(annotation('fence')).toBe(MEMBERS[0]);
      store(stableRecord({ fencedMembers: [MEMBERS[0]] }));
      await pass(LOOK_MS);
      const master = { name: MEMBERS[1], runId: 'r' };
      store(stableRecord({ fencedMembers: [MEMBERS[0]], master }));
      await pass(LOOK_MS);
      expect(await asked).toEqual({
        ...{ group: 'c-broker-0', fencedMembers: [MEMBERS[0]], isGroupFenced: false },
        master: MEMBERS[1],
      });
    });

    it('keeps what else is fenced when one is unfenced', async () => {
      kube.put(groupObject(stableRecord({ fencedMembers: ['a', MEMBERS[1]] })));
      const annotations = { [ANNOTATIONS.fence]: `a, ${MEMBERS[1]}` };
      await kube.mergePatch(OWN_RESOURCES.brokerGroups, AT, { metadata: { annotations } });
      const asked = setFence({ group: group(), member: MEMBERS[1] }, false, ports());
      await pass(LOOK_MS);
      expect(annotation('fence')).toBe('a');
      store(stableRecord({ fencedMembers: ['a'] }));
      await pass(LOOK_MS);
      expect((await asked).fencedMembers).toEqual(['a']);
    });

    it('of a whole group waits until nobody is master, and removes the annotation in the end', async () => {
      kube.put(groupObject(stableRecord()));
      const fenced = setFence({ group: group(), member: undefined }, true, ports());
      await pass(LOOK_MS);
      expect(annotation('fence')).toBe('*');
      store(stableRecord({ phase: 'fenced' }));
      await pass(LOOK_MS);
      expect(await fenced).toMatchObject({ isGroupFenced: true, master: '' });
      const unfenced = setFence({ group: group(), member: undefined }, false, ports());
      await pass(LOOK_MS);
      expect(annotation('fence')).toBeUndefined();
      store(stableRecord());
      await pass(LOOK_MS);
      expect(await unfenced).toMatchObject({ isGroupFenced: false, master: MEMBERS[0] });
    });

    it('asks again when somebody else changes the group at the same time', async () => {
      kube.put(groupObject(stableRecord()));
      let conflicts = 2;
      kube.failure = ({ verb }) => (verb === 'patch' && conflicts-- > 0 ? 'conflict' : undefined);
      const asked = setFence({ group: group(), member: MEMBERS[1] }, true, ports());
      await pass(LOOK_MS);
      store(stableRecord({ fencedMembers: [MEMBERS[1]] }));
      await pass(LOOK_MS);
      expect((await asked).fencedMembers).toEqual([MEMBERS[1]]);
    });
  });

  describe('pause', () => {
    const cluster = () => kube.cache(OWN_RESOURCES.brokerClusters).get('n', 'c')!;
    const isPaused = (status: 'True' | 'False'): void => {
      const condition = { type: 'Paused', status, reason: 'Paused', message: '' };
      const conditions = [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }];
      kube.put({ ...cluster(), status: { conditions } });
    };

    it('waits until the operator says that the cluster is paused', async () => {
      kube.put(clusterObject());
      const asked = setPause(cluster(), true, ports());
      await pass(LOOK_MS);
      expect(cluster().metadata.annotations).toEqual({ [ANNOTATIONS.pause]: 'true' });
      isPaused('True');
      await pass(LOOK_MS);
      await asked;
      const resumed = setPause(cluster(), false, ports());
      await pass(LOOK_MS);
      expect(cluster().metadata.annotations).toEqual({});
      isPaused('False');
      await pass(LOOK_MS);
      await resumed;
    });

    it('does not resume what its spec pauses', async () => {
      const { spec } = clusterObject();
      kube.put(clusterObject('c', { spec: { ...spec, paused: true } }));
      const asked = (await outcome(setPause(cluster(), false, ports()))) as string[];
      expect(asked).toEqual(['kube-request-refused', 'resume c: its spec.paused is true']);
      expect(kube.writes).toEqual([]);
    });
  });
});
