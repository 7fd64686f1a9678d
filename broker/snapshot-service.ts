import type { Environment } from '../common/environment/environment.ts';
import type { TimerHandle } from '../common/environment/timers.ts';
import type { Logger } from '../common/log/logger.ts';
import { physicalOffset } from '../common/model/offsets.ts';
import type { BrokerState } from './state/broker-state.ts';
import { captureState, SECTION, type Section } from './state/state-snapshot.ts';
import type { CommitLog } from './store/commit-log.ts';
import type { SnapshotStore } from './store/snapshot/snapshot-store.ts';

export interface SnapshotServicePorts {
  readonly state: BrokerState;
  readonly log: CommitLog;
  readonly snapshots: SnapshotStore;
  readonly environment: Environment;
  readonly logger: Logger;
}

export interface SnapshotServiceOptions {
  /** Log written since the last snapshot that makes a new one due. */
  readonly snapshotIntervalBytes: number;
  /** Time since the last snapshot that makes a new one due, if anything was written. */
  readonly snapshotIntervalMs: number;
}

/** How often it is looked whether a snapshot is due. */
const CHECK_MS = 1_000;

/** Writes the folded state to disk now and then, so that a restart folds the last stretch of the log instead of all of it. */
export class SnapshotService {
  readonly #ports: SnapshotServicePorts;
  readonly #options: SnapshotServiceOptions;
  /** Begin of the newest and of the one before; retention must leave the log from the older one on. */
  #begins: [number, number];
  #lastMs: number;
  #lastDurationMs = 0;
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(
    ports: SnapshotServicePorts,
    options: SnapshotServiceOptions,
    begins: readonly [number, number],
  ) {
    this.#ports = ports;
    this.#options = options;
    this.#begins = [...begins];
    this.#lastMs = ports.environment.clock.monotonicMs();
  }

  /** Below this the log is in both snapshots that are kept. */
  get coveredOffset(): number {
    return Math.min(...this.#begins);
  }

  get lastDurationMs(): number {
    return this.#lastDurationMs;
  }

  /** Bytes of log that a restart would fold now. */
  get lagBytes(): number {
    return this.#ports.state.foldedOffset - this.#begins[0];
  }

  start(): void {
    this.#timer = this.#ports.environment.timers.after(CHECK_MS, () => {
      void this.#check();
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** Takes one now, unless one is being taken: then waits for that. A failure is logged and changes nothing. */
  take(): Promise<void> {
    this.#running ??= this.#take()
      .catch((error: unknown) => {
        this.#ports.logger.warn('no snapshot could be written; a restart will take longer', {
          error,
        });
      })
      .finally(() => {
        this.#running = undefined;
        this.#lastMs = this.#ports.environment.clock.monotonicMs();
      });
    return this.#running;
  }

  /** Takes what is missing until both kept snapshots begin at or above `offset`; false when one could not be written. */
  async cover(offset: number): Promise<boolean> {
    for (let taken = 0; taken < 2 && this.coveredOffset < offset; taken++) await this.take();
    return this.coveredOffset >= offset;
  }

  async #check(): Promise<void> {
    const { snapshotIntervalBytes, snapshotIntervalMs } = this.#options;
    const elapsedMs = this.#ports.environment.clock.monotonicMs() - this.#lastMs;
    const isDue =
      this.lagBytes >= snapshotIntervalBytes ||
      (this.lagBytes > 0 && elapsedMs >= snapshotIntervalMs);
    if (isDue && this.#ports.log.failure === undefined) await this.take();
    if (!this.#isStopped) this.start();
  }

  async #take(): Promise<void> {
    const { state, log, snapshots, environment, logger } = this.#ports;
    const startedMs = environment.clock.monotonicMs();
    const begin = state.foldedOffset;
    const writer = await snapshots.create(physicalOffset(begin));
    try {
      for (const section of captureState(state, () => indexSections(state))) {
        await writer.section(section.kind, section.payload);
      }
      const end = state.foldedOffset;
      // A snapshot must never know more than the log and the index that it is loaded with.
      await log.sync();
      await state.index.sync();
      const { pruneFailure } = await writer.publish(physicalOffset(end));
      if (pruneFailure !== undefined)
        logger.warn('old snapshots could not be removed yet', { error: pruneFailure.message });
    } catch (error) {
      await writer.abort();
      throw error;
    }
    this.#begins = [begin, this.#begins[0]];
    this.#lastDurationMs = environment.clock.monotonicMs() - startedMs;
    logger.debug('snapshot written', { begin, durationMs: Math.round(this.#lastDurationMs) });
  }
}

function* indexSections(state: BrokerState): Generator<Section> {
  for (const payload of state.index.capture(() => state.foldedOffset))
    yield { kind: SECTION.index, payload };
}
