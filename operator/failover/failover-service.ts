import type { Clock } from '../../common/environment/clock.ts';
import type { Timers } from '../../common/environment/timers.ts';
import { isMqError, MqError } from '../../common/errors/mq-error.ts';
import { toStatus } from '../../common/errors/status.ts';
import type {
  FailoverExplanation,
  GroupReport,
  TransitionReport,
} from '../../common/model/failover-report.ts';
import type { ServiceMethod, ServiceTable } from '../../common/rpc/service-table.ts';
import * as codec from '../../common/wire/controller-codec.ts';
import type { ControllerTimings } from './controller-timings.ts';
import { explainGroup } from './core/explain.ts';
import { newRecord, type GroupRecord } from './core/group-record.ts';
import {
  requestGroupFence,
  requestMemberFence,
  requestSwitchover,
  type RequestOutcome,
} from './core/request.ts';
import type { FailoverController } from './failover-controller.ts';
import type { GroupFailover } from './group-failover.ts';
import { reportGroup } from './group-report.ts';
import type { StoredGroup } from './group-store.ts';

export interface ServicePorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly timings: ControllerTimings;
  /** Told what is our bug. */
  onUnexpected(where: string, error: unknown): void;
}

/** Another controller, or our own loop, may be faster each time; it has only a few changes to make. */
const ATTEMPTS_MAX = 20;
/** Between two looks at how far a switchover is. */
const LOOK_MS = 20;
/** A switchover and a failover after it. */
const SWITCHOVER_MAX_MS = 15_000;

/** orbitmq.v1.FailoverController: what an administrator asks and orders. */
export class FailoverService {
  readonly #controller: FailoverController;
  readonly #ports: ServicePorts;

  constructor(controller: FailoverController, ports: ServicePorts) {
    this.#controller = controller;
    this.#ports = ports;
  }

  table(): ServiceTable {
    const { listGroups, switchover, fence, explain } = codec.CONTROLLER_PATHS;
    return {
      [listGroups]: this.#method(listGroups, codec.encodeGroups, (bytes) =>
        this.#listGroups(codec.decodeListGroups(bytes)),
      ),
      [switchover]: this.#method(switchover, codec.encodeSwitchoverAnswer, (bytes) =>
        this.#switchover(codec.decodeSwitchover(bytes)),
      ),
      [fence]: this.#method(fence, codec.encodeFenceAnswer, (bytes) =>
        this.#fence(codec.decodeFence(bytes)),
      ),
      [explain]: this.#method(explain, codec.encodeExplanation, (bytes) =>
        this.#explain(codec.decodeExplain(bytes)),
      ),
    };
  }

  /** What the handler throws becomes the Status of the answer. */
  #method<Value>(
    where: string,
    encode: (answer: codec.Answered<Value>) => Uint8Array,
    handle: (bytes: Buffer) => Promise<Value>,
  ): ServiceMethod {
    const answer = async (bytes: Buffer): Promise<codec.Answered<Value>> => {
      try {
        return { ok: true, value: await handle(bytes) };
      } catch (error) {
        if (!isMqError(error)) this.#ports.onUnexpected(where, error);
        return { ok: false, status: toStatus(error) };
      }
    };
    return { kind: 'unary', handle: async (bytes) => encode(await answer(bytes)) };
  }

  async #listGroups(names: readonly string[]): Promise<readonly GroupReport[]> {
    const groups =
      names.length === 0 ? this.#controller.groups : names.map((name) => this.#group(name));
    return Promise.all(groups.map((group) => this.#report(group)));
  }

  async #report(group: GroupFailover): Promise<GroupReport> {
    const stored = await group.read();
    return reportGroup(stored?.record, group.observe(stored), this.#ports.timings);
  }

  async #explain(brokerName: string): Promise<FailoverExplanation> {
    const group = this.#group(brokerName);
    const stored = await group.read();
    await group.refresh();
    const observation = group.observe(stored);
    const record = stored?.record ?? newRecord(observation.spec);
    return explainGroup(record, observation, this.#ports.timings);
  }

  async #fence(request: ReturnType<typeof codec.decodeFence>): Promise<GroupReport> {
    const { brokerName, memberName, isFenced } = request;
    const group = this.#group(brokerName);
    const what = memberName === '' ? 'the group' : memberName;
    const why = `an administrator ${isFenced ? 'fences' : 'unfences'} ${what}`;
    await this.#change(group, why, ({ record }) =>
      memberName === ''
        ? requestGroupFence(record, isFenced, this.#ports.clock.nowMs())
        : requestMemberFence(record, memberName, isFenced),
    );
    return this.#report(group);
  }

  async #switchover(request: ReturnType<typeof codec.decodeSwitchover>): Promise<TransitionReport> {
    const { brokerName, targetMember } = request;
    const group = this.#group(brokerName);
    await group.refresh();
    const { timings, clock } = this.#ports;
    const why = 'an administrator asks for a switchover';
    const record = await this.#change(group, why, (stored) => {
      const seen = group.observe(stored);
      return requestSwitchover(stored.record, seen, timings, targetMember, clock.nowMs());
    });
    if (record.transition === undefined) return unchanged(record, clock.nowMs());
    return this.#finished(group, record.transition.startedAtMs);
  }

  /** Waits for the transition that began at this time. */
  async #finished(group: GroupFailover, startedAtMs: number): Promise<TransitionReport> {
    const { clock, timers } = this.#ports;
    const untilMs = clock.monotonicMs() + SWITCHOVER_MAX_MS;
    const { brokerName } = group;
    for (;;) {
      const record = (await group.read())?.record;
      const done = record?.transitions.find((transition) => transition.startedAtMs === startedAtMs);
      if (done !== undefined) {
        if (done.newEpoch > done.oldEpoch) return done;
        throw new MqError('failover-refused', { group: brokerName, reason: done.reason });
      }
      if (clock.monotonicMs() >= untilMs) {
        const reason = `the switchover is not done after ${SWITCHOVER_MAX_MS} ms`;
        throw new MqError('failover-unfinished', { group: brokerName, reason });
      }
      await new Promise<void>((resolve) => timers.after(LOOK_MS, resolve));
    }
  }

  /** Stores what the request makes of the record as it is now; what is so already is not stored. */
  async #change(
    group: GroupFailover,
    why: string,
    request: (stored: StoredGroup) => RequestOutcome,
  ): Promise<GroupRecord> {
    const { brokerName } = group;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const stored = await group.read();
      if (stored === undefined) {
        throw new MqError('failover-refused', { group: brokerName, reason: 'it is not known yet' });
      }
      const outcome = request(stored);
      if (outcome.kind === 'done') return { ...stored.record, transition: undefined };
      if (outcome.kind === 'refused') {
        throw new MqError('failover-refused', { group: brokerName, reason: outcome.reason });
      }
      if (await group.store(stored, outcome.record, why)) return outcome.record;
    }
    const reason = 'its record changes all the time';
    throw new MqError('failover-unfinished', { group: brokerName, reason });
  }

  #group(brokerName: string): GroupFailover {
    const group = this.#controller.group(brokerName);
    if (group === undefined) throw new MqError('broker-group-unknown', { group: brokerName });
    return group;
  }
}

/** The target is the master already. */
function unchanged({ epoch, master }: GroupRecord, nowMs: number): TransitionReport {
  const name = master?.name ?? '';
  return {
    reason: `${name} is the master already`,
    ...{ oldEpoch: epoch, newEpoch: epoch, oldMaster: name, newMaster: name },
    ...{ startedAtMs: nowMs, durationMs: 0, phases: [] },
    ...{ logEndOffset: 0, isUnclean: false, lostBytesMax: 0 },
  };
}
