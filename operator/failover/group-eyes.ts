import type { Clock } from '../../common/environment/clock.ts';
import type { EpochRevocation } from '../../common/model/witness.ts';
import type { ControllerTimings } from './controller-timings.ts';
import type { GroupRecord } from './core/group-record.ts';
import type { GroupSpec } from './core/group-spec.ts';
import {
  UNSEEN,
  type GroupObservation,
  type HandOverSeen,
  type MemberObservation,
  type NameServerObservation,
  type RevocationSeen,
} from './core/observation.ts';
import { masterStatus } from './core/set-change.ts';
import type { MemberWatch } from './member-watch.ts';
import type { NameServerWatch } from './name-server-watch.ts';
import type { StoredGroup } from './group-store.ts';

/** What one run of a NameServer has promised for one epoch. */
interface Promised {
  readonly runId: string;
  readonly epoch: number;
  /** Since when no lower epoch has been granted anything, on our monotonic clock. */
  readonly quietSinceMs: number;
  readonly confirmedMs: number;
}

/** Nothing is concluded from what a NameServer said longer ago than this many intervals, or than a member may be silent. */
const HEARD_INTERVALS_MAX = 4;

/** Puts together what a controller has seen of one group. Times become ages here: the core knows no clock. */
export class GroupEyes {
  readonly #clock: Clock;
  readonly #heardAgeMaxMs: number;
  readonly #sequence: () => number;
  readonly #promised = new Map<string, Promised>();
  /** Epoch and phase that the record was last read in, and when that was first so. */
  #phase = { key: '', sinceMs: 0, sequence: 0, atMs: 0 };
  #acceptedAtMs: number | undefined;
  #handOver: { readonly key: string; readonly seen: HandOverSeen } | undefined;
  #refusal: { readonly key: string; readonly reason: string } | undefined;

  constructor(
    clock: Clock,
    { intervalMs, reachableMs }: Pick<ControllerTimings, 'intervalMs' | 'reachableMs'>,
    sequence: () => number,
  ) {
    this.#clock = clock;
    this.#sequence = sequence;
    this.#heardAgeMaxMs = Math.max(HEARD_INTERVALS_MAX * intervalMs, reachableMs);
  }

  /** The record was read: questions that are sent from now on are answered by what came after it. */
  recordSeen(stored: StoredGroup | undefined): void {
    const key = stored === undefined ? 'none' : phaseKey(stored.record);
    if (key === this.#phase.key) return;
    this.#phase = {
      key,
      sinceMs: this.#clock.monotonicMs(),
      sequence: this.#sequence(),
      atMs: this.#clock.nowMs(),
    };
    this.#acceptedAtMs = undefined;
  }

  revocationSeen(address: string, asked: number, answer: EpochRevocation): void {
    if (!answer.isAccepted || answer.epoch < asked) return;
    const nowMs = this.#clock.monotonicMs();
    const known = this.#promised.get(address);
    // A NameServer that never heard such a master in this run has granted it nothing for as long as it has run.
    const quietSinceMs = nowMs - (answer.silentMs ?? answer.upMs);
    const isSame = known?.runId === answer.nameServerRunId && known.epoch === asked;
    this.#promised.set(address, {
      runId: answer.nameServerRunId,
      epoch: asked,
      quietSinceMs: isSame ? Math.min(known.quietSinceMs, quietSinceMs) : quietSinceMs,
      confirmedMs: nowMs,
    });
  }

  handOverSeen(record: GroupRecord, seen: HandOverSeen): void {
    this.#handOver = { key: handOverKey(record), seen };
  }

  promotionRefused(record: GroupRecord, reason: string): void {
    this.#refusal = { key: phaseKey(record), reason };
  }

  observe(
    stored: StoredGroup | undefined,
    spec: GroupSpec,
    members: ReadonlyMap<string, MemberWatch>,
    nameServers: readonly NameServerWatch[],
  ): GroupObservation {
    const record = stored?.record;
    const nowMs = this.#clock.monotonicMs();
    const seen = new Map<string, MemberObservation>();
    for (const [name, watch] of members) seen.set(name, this.#memberSeen(watch, nowMs));
    const observation: GroupObservation = {
      spec,
      members: seen,
      nameServers: nameServers.map((watch) => this.#nameServerSeen(watch, nowMs)),
      phaseAgeMs: nowMs - this.#phase.sinceMs,
      handOver: record && this.#handOverOf(record),
      promotionRefusal: record && this.#refusalOf(record),
      storedAtMs: this.#phase.atMs,
      acceptedAtMs: this.#acceptedAtMs,
    };
    return { ...observation, acceptedAtMs: this.#acceptance(record, observation) };
  }

  #memberSeen(watch: MemberWatch, nowMs: number): MemberObservation {
    const { answer, answeredMs, hasFailed, endedRuns } = watch;
    if (answer === undefined) return { ...UNSEEN, hasFailed, endedRuns };
    return {
      status: answer.status,
      answeredAgoMs: nowMs - answeredMs,
      isFresh: answer.sequence > this.#phase.sequence,
      hasFailed,
      endedRuns,
    };
  }

  #nameServerSeen(watch: NameServerWatch, nowMs: number): NameServerObservation {
    const { client, answer } = watch;
    const { address } = client;
    const isRecent = answer !== undefined && nowMs - answer.answeredMs <= this.#heardAgeMaxMs;
    return {
      address,
      heard: isRecent ? answer.heard : undefined,
      isFresh: answer !== undefined && answer.sequence > this.#phase.sequence,
      revocation: this.#revocationOf(watch, nowMs),
    };
  }

  /**
   * A promise ends with the run that made it. A NameServer that started anew grants nothing for a full expiry, so that what the
   * last run promised holds for that long after it was last heard of.
   */
  #revocationOf({ client, answer }: NameServerWatch, nowMs: number): RevocationSeen | undefined {
    const promised = this.#promised.get(client.address);
    if (promised === undefined || answer === undefined) return undefined;
    const { runId, epoch, quietSinceMs, confirmedMs } = promised;
    const isSameRun = answer.heard.nameServerRunId === runId;
    // The answer may be older than the promise: then it says nothing of a new run.
    if (!isSameRun && answer.askedMs > confirmedMs) return undefined;
    const expiryMs = answer.heard.heartbeatExpiryMs;
    const lastSeenMs = isSameRun ? Math.max(confirmedMs, answer.askedMs) : confirmedMs;
    if (nowMs - lastSeenMs > expiryMs) return undefined;
    return { epoch, quietMs: nowMs - quietSinceMs, expiryMs };
  }

  #handOverOf(record: GroupRecord): HandOverSeen | undefined {
    return this.#handOver?.key === handOverKey(record) ? this.#handOver.seen : undefined;
  }

  #refusalOf(record: GroupRecord): string | undefined {
    return this.#refusal?.key === phaseKey(record) ? this.#refusal.reason : undefined;
  }

  #acceptance(record: GroupRecord | undefined, observation: GroupObservation): number | undefined {
    if (record?.phase === 'promoting' && masterStatus(record, observation) !== undefined) {
      this.#acceptedAtMs ??= this.#clock.nowMs();
    }
    return this.#acceptedAtMs;
  }
}

function phaseKey({ epoch, phase }: GroupRecord): string {
  return `${epoch} ${phase}`;
}

function handOverKey({ epoch, transition }: GroupRecord): string {
  return `${epoch} ${transition?.target ?? ''} ${transition?.startedAtMs ?? 0}`;
}
