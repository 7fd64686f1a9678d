/**
 * A broker: opened by recovery (newest snapshot, then the log from there on, through the same fold as in service), started,
 * and stopped so that the next start is short. What it is made of is put together in broker-parts.ts.
 */
import { assert } from '../common/assert.ts';
import type { DiskLock } from '../common/environment/disk.ts';
import type { NodeOptions } from '../common/options/node-options.ts';
import type { BrokerServices } from './activity/broker-services.ts';
import { buildParts, type BrokerParts, type BrokerPorts } from './broker-parts.ts';
import type { ConfigurationFeed } from './configuration-feed.ts';
import { ReceiptBook } from './consume/receipt-book.ts';
import { meteredLogDisk } from './metered-log-disk.ts';
import { recoverState, type RecoveredState } from './state-recovery.ts';
import type { CommitPipeline } from './state/commit-pipeline.ts';
import type { CommitLog } from './store/commit-log.ts';
import { DiskWatermark } from './store/disk-watermark.ts';
import { withdrawRebuild } from './store/index/rebuild-marker.ts';
import { isDiskError } from './store/store-error.ts';
import { lockStore } from './store/store-lock.ts';

/** How often the disk is looked at. */
const DISK_CHECK_MS = 1_000;

export class Broker {
  readonly services: BrokerServices;
  /** Topics and groups, for whoever keeps a copy of them. */
  readonly configuration: ConfigurationFeed;
  readonly #ports: BrokerPorts;
  readonly #recovered: RecoveredState;
  readonly #lock: DiskLock;
  readonly #watermark: DiskWatermark;
  readonly #parts: BrokerParts;
  /** Snapshots that replace those from before a rebuild of the index are being taken. */
  #covering: Promise<void> | undefined;
  #isDeposed = false;

  private constructor(
    ports: BrokerPorts,
    recovered: RecoveredState,
    lock: DiskLock,
    watermark: DiskWatermark,
    parts: BrokerParts,
  ) {
    this.#ports = ports;
    this.#recovered = recovered;
    this.#lock = lock;
    this.#watermark = watermark;
    this.#parts = parts;
    this.services = parts.services;
    this.configuration = parts.configuration;
  }

  /** Recovers the data directory and is ready to serve. Throws a StoreError or MqError that says what is in the way. */
  static async open(options: NodeOptions, givenPorts: BrokerPorts): Promise<Broker> {
    const ports: BrokerPorts = { ...givenPorts, metrics: givenPorts.metrics.scope() };
    const { environment, logger } = ports;
    const { disk, random, clock } = environment;
    const lock = await lockStore(disk, options.dataDir);
    let recovered: RecoveredState | undefined;
    try {
      const logDisk = meteredLogDisk(disk, clock, ports.metrics);
      const { membership } = ports;
      const storeLogger = logger.child('store');
      recovered = await recoverState(options, environment, logDisk, storeLogger, membership);
      const receipts = await ReceiptBook.open(options.dataDir, disk, random);
      const watermark = watermarkOf(options, ports);
      const parts = buildParts(options, ports, { recovered, watermark, receipts });
      return new Broker(ports, recovered, lock, watermark, parts);
    } catch (error) {
      const failures = await closeStore(recovered, lock);
      for (const failure of failures)
        logger.warn('the store could not be closed after a failed start', { error: failure });
      throw error;
    }
  }

  /** What an administrator sees of the store. */
  describeStore(): {
    logStartOffset: number;
    logEndOffset: number;
    diskTotalBytes: number;
    diskFreeBytes: number;
  } {
    const { log } = this.#recovered;
    const { totalBytes, usedBytes } = this.#watermark.usage;
    return {
      logStartOffset: log.startOffset,
      logEndOffset: log.endOffset,
      diskTotalBytes: totalBytes,
      diskFreeBytes: totalBytes - usedBytes,
    };
  }

  get recovery(): RecoveredState['report'] {
    return this.#recovered.report;
  }

  get log(): CommitLog {
    return this.#recovered.log;
  }

  /** End of what has taken effect. */
  get foldedOffset(): number {
    return this.#recovered.state.foldedOffset;
  }

  /** It was a master's, and only a new one over the same data can follow. */
  get isDeposed(): boolean {
    return this.#isDeposed;
  }

  get pipeline(): CommitPipeline {
    return this.#parts.pipeline;
  }

  /** Upkeep of the data begins; a member of a group serves only after `serve`. */
  async start(): Promise<void> {
    const { snapshots, retention } = this.#parts;
    await this.#watermark.start();
    const { rebuiltAt } = this.#recovered;
    if (rebuiltAt !== undefined) this.#covering = this.#coverRebuild(rebuiltAt);
    snapshots.start();
    retention.start();
    if (this.#ports.membership === undefined) this.serve();
  }

  /** From now on messages are taken and handed out. Everything in the log has been folded. */
  serve(): void {
    const { state, log } = this.#recovered;
    assert(state.foldedOffset === log.endOffset, 'a broker serves when all of its log has effect');
    const { attempts, receipts } = this.services;
    state.resetReservations([]);
    if (state.receiptKey !== undefined) receipts.useKey(Buffer.from(state.receiptKey, 'base64'));
    state.setListener(this.#parts.serving);
    attempts.adopt();
    this.#parts.housekeeping.start();
  }

  /**
   * Ends serving at once: nothing is taken or handed out any more, and whoever waits is answered that the outcome is not known.
   * The log still writes what it has; `stop` follows.
   */
  depose(reason: string): void {
    this.#isDeposed = true;
    this.#parts.pipeline.close(reason);
    this.services.health.stop();
    this.services.receiver.close();
    this.#parts.housekeeping.stop();
    this.services.attempts.close();
  }

  /**
   * Whoever opens the data next folds what came after the last snapshot: when that is much, a new one is written first. It is
   * waited for `limitMs` at most.
   */
  async shortenNextOpen(limitMs: number): Promise<void> {
    const { options, environment } = this.services;
    const { snapshots } = this.#parts;
    if (snapshots.lagBytes < options.snapshotIntervalBytes * QUICK_OPEN_PART) return;
    const late = new Promise<void>((resolve) => environment.timers.after(limitMs, resolve));
    await Promise.race([snapshots.take(), late]);
  }

  /**
   * Answers what waits, writes and syncs what is pending, and leaves a snapshot for a quick start. Rejects when something of that failed; the
   * files are closed and the directory is free for another process all the same.
   */
  async stop({ leavesSnapshot = true } = {}): Promise<void> {
    const { snapshots, retention, housekeeping } = this.#parts;
    const { log } = this.#recovered;
    this.#ports.metrics.end();
    this.services.health.stop();
    this.services.receiver.close();
    housekeeping.stop();
    this.services.attempts.close();
    this.#watermark.stop();
    await retention.stop();
    await snapshots.stop();
    await this.#covering;
    const failures: unknown[] = [];
    try {
      if (log.failure === undefined) {
        await log.sync();
        if (leavesSnapshot) await snapshots.take();
      }
    } catch (error) {
      failures.push(error);
    }
    failures.push(...(await closeStore(this.#recovered, this.#lock)));
    if (failures.length > 0) throw failures[0];
  }

  /** The snapshots from before a rebuild refer to the index as it was: once both are newer, none is asked for any more. */
  async #coverRebuild(offset: number): Promise<void> {
    if (!(await this.#parts.snapshots.cover(offset))) return;
    const { options, environment, logger } = this.services;
    try {
      await withdrawRebuild(options.dataDir, environment.disk);
    } catch (error) {
      if (!isDiskError(error)) throw error;
      logger.warn('the next start builds the queue index anew once more', { error: error.message });
    }
  }
}

/** Of what is folded at most: 8 MiB by default, which takes some hundredths of a second. */
const QUICK_OPEN_PART = 1 / 64;

/** Closes everything, whatever fails; returns what did. */
async function closeStore(
  recovered: Pick<RecoveredState, 'log' | 'index'> | undefined,
  lock: DiskLock,
): Promise<unknown[]> {
  const failures: unknown[] = [];
  const steps = [
    () => recovered?.log.close(),
    () => recovered?.index.close(),
    () => lock.release(),
  ];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  return failures;
}

function watermarkOf(options: NodeOptions, { environment }: BrokerPorts): DiskWatermark {
  return new DiskWatermark(environment.disk, environment.timers, {
    directory: options.dataDir,
    intervalMs: DISK_CHECK_MS,
    watermarks: {
      cleanupRatio: options.diskCleanPercent / 100,
      forcedRatio: options.diskForceCleanPercent / 100,
      fullRatio: options.diskRejectPercent / 100,
    },
  });
}
