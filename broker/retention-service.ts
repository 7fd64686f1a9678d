import type { Environment } from '../common/environment/environment.ts';
import type { TimerHandle } from '../common/environment/timers.ts';
import { isMqError } from '../common/errors/mq-error.ts';
import type { Logger } from '../common/log/logger.ts';
import { physicalOffset } from '../common/model/offsets.ts';
import type { BrokerState } from './state/broker-state.ts';
import type { ReferenceCarrier } from './state/reference-carrier.ts';
import type { CommitLog } from './store/commit-log.ts';
import {
  planFollowing,
  planRetention,
  type SegmentDeletion,
} from './store/core/retention-policy.ts';
import type { DiskWatermark } from './store/disk-watermark.ts';
import type { IndexDamage } from './store/index/index-damage.ts';
import type { SnapshotService } from './snapshot-service.ts';

export interface RetentionServicePorts {
  readonly state: BrokerState;
  readonly log: CommitLog;
  readonly watermark: DiskWatermark;
  readonly snapshots: SnapshotService;
  readonly carrier: ReferenceCarrier;
  readonly environment: Environment;
  readonly logger: Logger;
  /** Where the master's log begins, on a slave: it keeps no more, and carries nothing itself. Undefined on a master. */
  keepFrom(): number | undefined;
  onIndexDamaged(damage: IndexDamage): void;
  /** Called for each deletion; for metrics. */
  onDeleted(reason: string, bytes: number): void;
}

export interface RetentionServiceOptions {
  readonly retentionMs: number;
  /** 0 = no limit. */
  readonly retentionBytes: number;
  readonly retentionIntervalMs: number;
}

/**
 * Deletes whole segments that nobody has to keep. Order: carry what is still referred to, make snapshots that do not need
 * the segment, raise the queues' first offsets, delete.
 */
export class RetentionService {
  readonly #ports: RetentionServicePorts;
  readonly #options: RetentionServiceOptions;
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(ports: RetentionServicePorts, options: RetentionServiceOptions) {
    this.#ports = ports;
    this.#options = options;
    ports.watermark.onChange(({ state }) => {
      if (state !== 'ok') void this.run();
    });
  }

  start(): void {
    this.#timer = this.#ports.environment.timers.after(this.#options.retentionIntervalMs, () => {
      void this.run().then(() => {
        if (!this.#isStopped) this.start();
      });
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** One round; the next one goes on where something was in the way. */
  run(): Promise<void> {
    this.#running ??= this.#run()
      .catch((error: unknown) => {
        const reason = isMqError(error) ? error.message : error;
        this.#ports.logger.warn('retention could not finish its round', { error: reason });
      })
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  async #run(): Promise<void> {
    const { state, log, carrier, watermark } = this.#ports;
    const plan = this.#plan();
    const last = plan.at(-1);
    if (last === undefined || this.#isStopped) return;
    const end = physicalOffset(last.endOffset);
    const isMaster = this.#ports.keepFrom() === undefined;
    if (isMaster) await carrier.carryBelow(end);
    // Either of the kept snapshots may be the one that a restart uses.
    if (!(await this.#ports.snapshots.cover(end)) || log.durableOffset < end) return;
    // From here on nobody begins a message below the end; what was begun or buried meanwhile is carried now.
    state.retiredBelow = end;
    while (isMaster && (await carrier.carryBelow(end)) > 0);
    // The copies must not be lost at a power failure that the deletion survives.
    await log.sync();
    const damage = await state.index.deleteBefore(end);
    if (typeof damage !== 'number') {
      this.#ports.onIndexDamaged(damage);
      return;
    }
    carrier.forgetFinished();
    await log.deleteSegmentsBefore(end);
    this.#report(plan);
    await watermark.refresh();
  }

  #plan(): SegmentDeletion[] {
    const { state, log, environment, watermark } = this.#ports;
    const keepFrom = this.#ports.keepFrom();
    if (keepFrom !== undefined)
      return planFollowing(
        log.segments(),
        Math.min(keepFrom, state.foldedOffset, log.durableOffset),
      );
    return planRetention(log.segments(), {
      nowMs: environment.clock.nowMs(),
      retentionMs: this.#longestRetentionMs(),
      retentionBytes: this.#options.retentionBytes,
      mustFreeBytes: watermark.usage.mustFreeBytes,
      keepFrom: Math.min(state.foldedOffset, log.durableOffset),
    });
  }

  /** Topics share segments, so a segment stays as long as the topic with the longest retention wants it. */
  #longestRetentionMs(): number {
    let longestMs = this.#options.retentionMs;
    for (const topic of this.#ports.state.topics.all()) {
      longestMs = Math.max(longestMs, topic.config.retentionMs ?? 0);
    }
    return longestMs;
  }

  #report(plan: readonly SegmentDeletion[]): void {
    for (const { reason, startOffset, endOffset } of plan)
      this.#ports.onDeleted(reason, endOffset - startOffset);
    const bytes = plan.reduce(
      (sum, { startOffset, endOffset }) => sum + endOffset - startOffset,
      0,
    );
    const reason = [...new Set(plan.map((deletion) => deletion.reason))].join(', ');
    this.#ports.logger.info('old segments deleted', { segments: plan.length, bytes, reason });
  }
}
