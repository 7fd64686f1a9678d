/**
 * A broker: builds the parts, wires them, starts and stops them. Recovery is the ordinary way to start: newest snapshot,
 * then the log from there on, through the same fold as in service.
 */
import type { Environment } from '../common/environment/environment.ts';
import type { DiskLock } from '../common/environment/disk.ts';
import { statusOf } from '../common/errors/status.ts';
import type { Logger } from '../common/log/logger.ts';
import type { Metrics } from '../common/metrics/metrics.ts';
import type { NodeOptions } from '../common/options/node-options.ts';
import type { BrokerServices } from './activity/broker-services.ts';
import { errorStatus } from './activity/error-status.ts';
import { AttemptKeeper } from './consume/attempt-keeper.ts';
import { ClientRegistry } from './consume/client-registry.ts';
import { Consumption } from './consume/consumption.ts';
import { DeadLetters } from './consume/dead-letters.ts';
import { MessageSelector } from './consume/message-selector.ts';
import { ReceiptBook } from './consume/receipt-book.ts';
import { Receiver } from './consume/receiver.ts';
import { Settler } from './consume/settler.ts';
import { Subscriptions } from './consume/subscriptions.ts';
import { BrokerHealth } from './broker-health.ts';
import { ServingListener } from './serving-listener.ts';
import { Housekeeping } from './housekeeping.ts';
import { registerBrokerMetrics } from './broker-metrics.ts';
import { RetentionService } from './retention-service.ts';
import { SnapshotService } from './snapshot-service.ts';
import { CommitPipeline } from './state/commit-pipeline.ts';
import { MessageLocator } from './state/message-locator.ts';
import { MessageReader } from './state/message-reader.ts';
import { MessageWriter } from './state/message-writer.ts';
import { ReferenceCarrier } from './state/reference-carrier.ts';
import { TopicAdmin } from './state/topic-admin.ts';
import { TopicCreation } from './topic-creation.ts';
import { DiskWatermark } from './store/disk-watermark.ts';
import type { IndexDamage } from './store/index/index-damage.ts';
import { lockStore } from './store/store-lock.ts';
import { recoverState, type RecoveredState } from './state-recovery.ts';
import { Traffic } from './traffic.ts';

export interface BrokerPorts {
  readonly environment: Environment;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** `host:port` that clients are sent to. */
  readonly advertised: string;
  /** The queue index cannot be trusted any more: the process must end, and the next start builds it anew. */
  onIndexDamaged(damage: IndexDamage): void;
}

/** How often the disk is looked at. */
const DISK_CHECK_MS = 1_000;

export class Broker {
  readonly services: BrokerServices;
  readonly #recovered: RecoveredState;
  readonly #lock: DiskLock;
  readonly #watermark: DiskWatermark;
  readonly #snapshots: SnapshotService;
  readonly #retention: RetentionService;
  readonly #housekeeping: Housekeeping;
  readonly #deadLetters: DeadLetters;

  private constructor(options: NodeOptions, ports: BrokerPorts, recovered: RecoveredState, opened: Opened) {
    const { environment, logger, metrics } = ports;
    const { state, log, index } = recovered;
    this.#recovered = recovered;
    this.#lock = opened.lock;
    this.#watermark = opened.watermark;
    const pipeline = new CommitPipeline(log, state, environment.timers, {
      confirmOffset: () => (options.flush === 'sync' ? log.durableOffset : log.writtenOffset),
      pendingBytes: options.pendingBytes,
    });
    const reader = new MessageReader(log);
    const locator = new MessageLocator(state, reader);
    const admin = new TopicAdmin(state, pipeline, options);
    const traffic = new Traffic(metrics);
    const consumption = new Consumption();
    const clients = new ClientRegistry(environment.clock, options.clientExpiryMs);
    const consumeLogger = logger.child('consume');
    this.#deadLetters = new DeadLetters({
      state,
      pipeline,
      locator,
      topics: admin,
      onBuried: (group, topic) => {
        traffic.deadLetter(group, topic);
      },
    });
    const attempts = new AttemptKeeper({
      state,
      pipeline,
      environment,
      logger: consumeLogger,
      deadLetters: this.#deadLetters,
      isClientAlive: (clientId) => clients.isAlive(clientId),
      wake: (standing) => void consumption.runtime(standing).wake(),
    });
    const selector = new MessageSelector(state, options);
    const health = new BrokerHealth({
      log,
      watermark: opened.watermark,
      environment,
      logger: logger.child('store'),
      directory: options.dataDir,
      diskRejectPercent: options.diskRejectPercent,
      isIndexSaturated: () => index.isSaturated(),
    });
    const topicCreation = new TopicCreation(state, admin, options);
    const subscriptionPorts = { state, pipeline, topics: admin, consumption, clients, clock: environment.clock };
    this.services = {
      options,
      environment,
      logger,
      state,
      reader,
      locator,
      admin,
      clients,
      consumption,
      attempts,
      health,
      traffic,
      writer: new MessageWriter(state, pipeline, reader, environment.clock),
      subscriptions: new Subscriptions({ ...subscriptionPorts, logger: consumeLogger }, options),
      receiver: new Receiver({ state, reader, environment, selector, attempts, consumption }, options),
      settler: new Settler({ state, pipeline, attempts, deadLetters: this.#deadLetters }),
      receipts: opened.receipts,
      storeHost: ports.advertised,
      autoCreateTopic: (name) => topicCreation.onFirstUse(name),
      status: statusOf,
      toStatus: (where, error) => errorStatus(logger, where, error),
    };
    state.setListener(new ServingListener(consumption, attempts, traffic, environment.timers));
    const snapshotPorts = { state, log, snapshots: recovered.snapshots, environment, logger: logger.child('store') };
    this.#snapshots = new SnapshotService(snapshotPorts, options, recovered.snapshotBegins);
    const carrier = new ReferenceCarrier({ state, pipeline, locator, reader, environment });
    this.#retention = new RetentionService(
      {
        ...snapshotPorts,
        watermark: opened.watermark,
        snapshots: this.#snapshots,
        carrier,
        onIndexDamaged: ports.onIndexDamaged,
        onDeleted: (reason, bytes) => {
          metrics.counter('retentionDeletedBytes').cell({ reason }).add(bytes);
        },
      },
      options,
    );
    this.#housekeeping = new Housekeeping(this.services);
    registerBrokerMetrics(metrics, this.services, {
      log,
      index,
      pipeline,
      snapshots: this.#snapshots,
      watermark: opened.watermark,
    });
  }

  /** Recovers the data directory and is ready to serve. Throws a StoreError or MqError that says what is in the way. */
  static async open(options: NodeOptions, ports: BrokerPorts): Promise<Broker> {
    const { environment, logger } = ports;
    const { disk, timers, random } = environment;
    const lock = await lockStore(disk, options.dataDir);
    try {
      const recovered = await recoverState(options, environment, logger.child('store'));
      const watermark = new DiskWatermark(disk, timers, {
        directory: options.dataDir,
        intervalMs: DISK_CHECK_MS,
        watermarks: {
          cleanupRatio: options.diskCleanPercent / 100,
          forcedRatio: options.diskForceCleanPercent / 100,
          fullRatio: options.diskRejectPercent / 100,
        },
      });
      const receipts = await ReceiptBook.open(options.dataDir, disk, random);
      return new Broker(options, ports, recovered, { lock, watermark, receipts });
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** What an administrator sees of the store. */
  describeStore(): { logStartOffset: number; logEndOffset: number; diskTotalBytes: number; diskFreeBytes: number } {
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

  async start(): Promise<void> {
    await this.#watermark.start();
    this.services.attempts.adopt();
    this.#snapshots.start();
    this.#retention.start();
    this.#housekeeping.start();
  }

  /** Answers what waits, writes and syncs what is pending, and leaves a snapshot so that the next start is short. */
  async stop(): Promise<void> {
    this.services.health.stop();
    this.services.receiver.close();
    this.#housekeeping.stop();
    this.services.attempts.close();
    this.#watermark.stop();
    await this.#retention.stop();
    await this.#snapshots.stop();
    if (this.#recovered.log.failure === undefined) {
      await this.#recovered.log.sync();
      await this.#snapshots.take();
    }
    await this.#recovered.log.close();
    await this.#recovered.index.close();
    await this.#lock.release();
  }
}

interface Opened {
  readonly lock: DiskLock;
  readonly watermark: DiskWatermark;
  readonly receipts: ReceiptBook;
}
