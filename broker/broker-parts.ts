/** Which parts a broker has and how they are wired. No logic. */
import type { Environment } from '../common/environment/environment.ts';
import { statusOf } from '../common/errors/status.ts';
import type { Logger } from '../common/log/logger.ts';
import type { Metrics } from '../common/metrics/metrics.ts';
import type { NodeOptions } from '../common/options/node-options.ts';
import { RateLimitedReport } from '../common/rpc/rate-limited-report.ts';
import type { BrokerServices } from './activity/broker-services.ts';
import { errorStatus } from './activity/error-status.ts';
import { BrokerHealth } from './broker-health.ts';
import type { BrokerMembership } from './broker-membership.ts';
import { registerBrokerMetrics } from './broker-metrics.ts';
import { ConfigurationFeed } from './configuration-feed.ts';
import { ConfirmDeadlines } from './confirm-deadlines.ts';
import { AttemptKeeper } from './consume/attempt-keeper.ts';
import { ClientRegistry } from './consume/client-registry.ts';
import { Consumption } from './consume/consumption.ts';
import { DeadLetters } from './consume/dead-letters.ts';
import { MessageSelector } from './consume/message-selector.ts';
import type { ReceiptBook } from './consume/receipt-book.ts';
import { Receiver } from './consume/receiver.ts';
import { Settler } from './consume/settler.ts';
import { Subscriptions } from './consume/subscriptions.ts';
import { FollowingListener } from './following-listener.ts';
import { Housekeeping } from './housekeeping.ts';
import { LagSampler } from './lag-sampler.ts';
import { RetentionService } from './retention-service.ts';
import { ServingListener } from './serving-listener.ts';
import { SnapshotService } from './snapshot-service.ts';
import type { RecoveredState } from './state-recovery.ts';
import { BacklogReader } from './state/backlog-reader.ts';
import { CommitPipeline } from './state/commit-pipeline.ts';
import { MessageLocator } from './state/message-locator.ts';
import { MessageReader } from './state/message-reader.ts';
import { MessageWriter } from './state/message-writer.ts';
import { ReferenceCarrier } from './state/reference-carrier.ts';
import { TopicAdmin } from './state/topic-admin.ts';
import type { CommitLog } from './store/commit-log.ts';
import type { DiskWatermark } from './store/disk-watermark.ts';
import type { IndexDamage } from './store/index/index-damage.ts';
import { TopicCreation } from './topic-creation.ts';
import { Traffic } from './traffic.ts';

export interface BrokerPorts {
  readonly environment: Environment;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** `host:port` that clients are sent to. */
  readonly advertised: string;
  /** Set for a member of a replicated group. */
  readonly membership?: BrokerMembership;
  /** Outlives this broker, for a member whose data is opened several times. */
  readonly configuration?: ConfigurationFeed;
  /** The queue index cannot be trusted any more: the process must end, and the next start builds it anew. */
  readonly onIndexDamaged: (damage: IndexDamage) => void;
}

/** What has been opened before the parts are put together. */
export interface OpenedStore {
  readonly recovered: RecoveredState;
  readonly watermark: DiskWatermark;
  readonly receipts: ReceiptBook;
}

export interface BrokerParts {
  readonly services: BrokerServices;
  readonly pipeline: CommitPipeline;
  /** To be set when the broker begins to serve; until then the fold only tells who keeps copies of the configuration. */
  readonly serving: ServingListener;
  readonly configuration: ConfigurationFeed;
  readonly snapshots: SnapshotService;
  readonly retention: RetentionService;
  readonly housekeeping: Housekeeping;
}

/** The data side: everything that reads and writes the log and the state folded from it. */
type DataParts = ReturnType<typeof buildData>;

export function buildParts(
  options: NodeOptions,
  ports: BrokerPorts,
  opened: OpenedStore,
): BrokerParts {
  const data = buildData(options, ports, opened);
  const services = buildServices(options, ports, opened, data);
  const { state, log, index } = opened.recovered;
  const { environment, metrics } = ports;
  const configuration = ports.configuration ?? new ConfigurationFeed(state);
  configuration.attach(state);
  const serving = new ServingListener(
    services.consumption,
    services.attempts,
    data.traffic,
    environment.timers,
    configuration,
  );
  state.setListener(new FollowingListener(configuration));
  const { snapshots, retention } = buildUpkeep(options, ports, opened, data);
  const lag = new LagSampler(state, data.locator, data.reader, environment);
  const housekeeping = new Housekeeping(services, lag, () => log.segments()[0]?.firstStoreTimeMs);
  const { pipeline } = data;
  registerBrokerMetrics(metrics, services, {
    log,
    index,
    pipeline,
    lag,
    snapshots,
    watermark: opened.watermark,
  });
  return { services, pipeline, serving, configuration, snapshots, retention, housekeeping };
}

const BACKLOG_REPORT_MS = 10_000;

/** Old records of a master also come from its slaves. */
function backlogReader(
  log: CommitLog,
  { backlog }: BrokerMembership,
  { backlogReadsMax }: NodeOptions,
  { environment, logger }: Pick<BrokerPorts, 'environment' | 'logger'>,
): BacklogReader {
  const limit = new RateLimitedReport(environment.clock, BACKLOG_REPORT_MS);
  return new BacklogReader(log, backlog, backlogReadsMax, ({ file, offset, reason }) => {
    const suppressed = limit.admit();
    if (suppressed === undefined) return;
    const fields = { file, offset, reason, suppressed };
    logger.error('the disk could not give old records; a slave had them', fields);
  });
}

function buildData(
  options: NodeOptions,
  { environment, logger, metrics, membership }: BrokerPorts,
  { recovered }: OpenedStore,
) {
  const { state, log } = recovered;
  const pipeline = new CommitPipeline(log, state, environment.timers, {
    pendingBytes: options.pendingBytes,
    ...(membership === undefined
      ? { confirmOffset: () => log.promisedOffset }
      : {
          confirmOffset: () => Math.min(membership.confirmOffset(), log.writtenOffset),
          mayAnswer: () => membership.mayAnswer(),
          unconfirmedBytes: options.replicationPendingBytes,
        }),
    onUnreadable: (error) => {
      logger.error('the log cannot be read back to bring the state up to date; trying on', {
        error,
      });
    },
  });
  const reader = new MessageReader(
    membership === undefined
      ? log
      : backlogReader(log, membership, options, { environment, logger }),
  );
  const traffic = new Traffic(metrics, environment.clock);
  return {
    pipeline,
    reader,
    traffic,
    locator: new MessageLocator(state, reader),
    writer: new MessageWriter(state, pipeline, reader, environment.clock),
    admin: new TopicAdmin(state, pipeline, options, traffic.creation),
  };
}

function buildServices(
  options: NodeOptions,
  ports: BrokerPorts,
  opened: OpenedStore,
  data: DataParts,
): BrokerServices {
  const { environment, logger, advertised, membership } = ports;
  const { recovered, receipts } = opened;
  const { state } = recovered;
  const { pipeline, reader, locator, admin, traffic } = data;
  const consumption = new Consumption();
  const clients = new ClientRegistry(environment.clock, options.clientExpiryMs);
  const consumeLogger = logger.child('consume');
  const deadLetters = new DeadLetters({
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
    deadLetters,
    logger: consumeLogger,
    isClientAlive: (clientId) => clients.isAlive(clientId),
    wake: (standing) => void consumption.runtime(standing).wake(),
  });
  const health = newHealth(options, ports, opened);
  const selector = new MessageSelector(state, options);
  const mayDeliver = (): boolean => membership === undefined || membership.mayDeliver();
  const creation = new TopicCreation(state, admin, options);
  return {
    ...data,
    options,
    environment,
    logger,
    state,
    clients,
    consumption,
    attempts,
    health,
    receipts,
    subscriptions: new Subscriptions(
      {
        state,
        pipeline,
        topics: admin,
        consumption,
        clients,
        clock: environment.clock,
        logger: consumeLogger,
      },
      options,
    ),
    receiver: new Receiver(
      { state, reader, environment, selector, attempts, consumption, mayDeliver },
      options,
    ),
    settler: new Settler({ state, pipeline, attempts, deadLetters, locator }),
    storeHost: advertised,
    confirmed: confirmation(membership, environment, options),
    autoCreateTopic: (name) => creation.onFirstUse(name),
    status: statusOf,
    toStatus: (where, error) => errorStatus(logger, where, error),
  };
}

function newHealth(
  options: NodeOptions,
  { environment, logger, membership }: BrokerPorts,
  { recovered: { log, index }, watermark }: OpenedStore,
): BrokerHealth {
  return new BrokerHealth({
    log,
    watermark,
    environment,
    logger: logger.child('store'),
    directory: options.dataDir,
    diskRejectPercent: options.diskRejectPercent,
    isIndexSaturated: () => index.isSaturated(),
    groupRefusal: () => membership?.refusal(),
    reopens: membership === undefined,
  });
}

/** A group of one waits for its own disk alone: as long as that takes. */
function confirmation(
  membership: BrokerMembership | undefined,
  environment: Environment,
  { replicationTimeoutMs }: NodeOptions,
): BrokerServices['confirmed'] {
  if (membership === undefined) return (work) => work;
  const deadlines = new ConfirmDeadlines(environment, replicationTimeoutMs);
  return (work) => deadlines.within(work);
}

function buildUpkeep(
  options: NodeOptions,
  { environment, logger, metrics, membership, onIndexDamaged }: BrokerPorts,
  { recovered, watermark }: OpenedStore,
  { pipeline, locator, reader }: DataParts,
): Pick<BrokerParts, 'snapshots' | 'retention'> {
  const { state, log } = recovered;
  const ports = { state, log, environment, logger: logger.child('store') };
  const snapshots = new SnapshotService(
    { ...ports, snapshots: recovered.snapshots },
    options,
    recovered.snapshotBegins,
  );
  const carrier = new ReferenceCarrier({ state, pipeline, locator, reader, environment });
  const retention = new RetentionService(
    {
      ...ports,
      watermark,
      snapshots,
      carrier,
      keepFrom: () => membership?.keepFrom(),
      onIndexDamaged,
      onDeleted: (reason, bytes) => {
        metrics.counter('retentionDeletedBytes').cell({ reason }).add(bytes);
      },
    },
    options,
  );
  return { snapshots, retention };
}
