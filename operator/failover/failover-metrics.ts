import type { Metrics } from '../../common/metrics/metrics.ts';
import type { GroupRecord } from './core/group-record.ts';

/** Age of the last heartbeat of a member, as the NameServers say. */
export interface HeartbeatAge {
  readonly group: string;
  readonly member: string;
  readonly ageMs: number;
}

/** Figures of a controller: what it has done itself, and what is stored as it was last read. */
export class FailoverMetrics {
  readonly #metrics: Metrics;
  readonly #records = new Map<string, GroupRecord>();

  constructor(metrics: Metrics, heartbeatAges: () => readonly HeartbeatAge[]) {
    this.#metrics = metrics;
    metrics.collect('groupEpoch', () =>
      [...this.#records].map(([group, { epoch }]) => [{ group }, epoch]),
    );
    metrics.collect('groupInSync', () =>
      [...this.#records].map(([group, { syncStateSet }]) => [{ group }, syncStateSet.length]),
    );
    metrics.collect('groupMembers', () =>
      [...this.#records].map(([group, { spec }]) => [{ group }, spec.members.length]),
    );
    metrics.collect('groupBlocked', () =>
      [...this.#records].map(([group, { blocked }]) => [{ group }, blocked === '' ? 0 : 1]),
    );
    metrics.collect('memberHeartbeatAge', () =>
      heartbeatAges().map(({ group, member, ageMs }) => [{ group, member }, ageMs / 1_000]),
    );
  }

  seen(group: string, record: GroupRecord | undefined): void {
    if (record !== undefined) this.#records.set(group, record);
  }

  forget(group: string): void {
    this.#records.delete(group);
  }

  /** A change that this controller has stored: no other one counts it. */
  stored(before: GroupRecord | undefined, after: GroupRecord): void {
    this.seen(after.brokerName, after);
    const [last] = after.transitions;
    const isEnd = before?.phase !== 'stable' && after.phase === 'stable';
    if (!isEnd || last === undefined || last.newEpoch === last.oldEpoch) return;
    const { brokerName: group } = after;
    this.#metrics.counter('failovers').cell({ group, cause: last.cause }).add();
    const durations = this.#metrics.histogram('failoverDuration');
    for (const { name, durationMs } of last.phases) {
      durations.cell({ group, phase: name }).observe(durationMs / 1_000);
    }
    durations.cell({ group, phase: 'all' }).observe(last.durationMs / 1_000);
  }
}
