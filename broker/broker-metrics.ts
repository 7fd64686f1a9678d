import type { Metrics } from '../common/metrics/metrics.ts';
import { DLQ_PREFIX } from '../common/model/topic.ts';
import type { BrokerServices } from './activity/broker-services.ts';
import type { GroupTopic } from './state/group-table.ts';
import type { CommitPipeline } from './state/commit-pipeline.ts';
import type { LagSampler } from './lag-sampler.ts';
import type { SnapshotService } from './snapshot-service.ts';
import type { CommitLog } from './store/commit-log.ts';
import type { DiskWatermark } from './store/disk-watermark.ts';
import type { QueueIndex } from './store/index/queue-index.ts';

export interface BrokerMetricsSources {
  readonly log: CommitLog;
  readonly index: QueueIndex;
  readonly pipeline: CommitPipeline;
  readonly lag: LagSampler;
  readonly snapshots: SnapshotService;
  readonly watermark: DiskWatermark;
}

const LOCAL_DISK = { storage_type: 'local', storage_medium: 'disk' } as const;
const READ = 4;
const WRITE = 2;

/** Everything about a broker that is read when somebody scrapes; what is counted as it happens is in traffic.ts. */
export function registerBrokerMetrics(
  metrics: Metrics,
  services: BrokerServices,
  sources: BrokerMetricsSources,
): void {
  registerStoreMetrics(metrics, services, sources);
  registerClientMetrics(metrics, services);
  registerLagMetrics(metrics, services, sources.lag);
  metrics.collectValue('topicNumber', () => services.state.topics.count);
  metrics.collectValue('consumerGroupNumber', () => services.state.groups.count);
  metrics.collectValue('brokerPermission', () => READ + (services.health.isWritable ? WRITE : 0));
  metrics.collectValue('idempotenceIds', () => services.state.idempotence.count);
  metrics.collectValue('popReviveLag', () => services.attempts.overdueCount);
  metrics.collectValue('popReviveLatency', () => services.attempts.overdueMs);
  metrics.collectValue('waitingReceives', () => services.consumption.waitingCount);
  metrics.collectValue('popCheckpointBufferSize', () => services.attempts.count);
}

function registerStoreMetrics(
  metrics: Metrics,
  services: BrokerServices,
  sources: BrokerMetricsSources,
): void {
  const { log, index, pipeline, snapshots, watermark } = sources;
  metrics.collect('storageSize', () => [[LOCAL_DISK, log.endOffset - log.startOffset]]);
  metrics.collect('storageFlushBehindBytes', () => [
    [LOCAL_DISK, log.endOffset - log.durableOffset],
  ]);
  metrics.collect('storageDispatchBehindBytes', () => [[LOCAL_DISK, pipeline.unfoldedBytes]]);
  metrics.collect('storageMessageReserveTime', () => [[LOCAL_DISK, sources.lag.reserveTimeMs()]]);
  metrics.collectValue('logStartOffset', () => log.startOffset);
  metrics.collectValue('logEndOffset', () => log.endOffset);
  metrics.collectValue('logFailures', () => services.health.logFailures);
  metrics.collectValue('storeWritable', () => Number(services.health.isWritable));
  metrics.collectValue('diskTotalBytes', () => watermark.usage.totalBytes);
  metrics.collectValue(
    'diskFreeBytes',
    () => watermark.usage.totalBytes - watermark.usage.usedBytes,
  );
  metrics.collectValue('indexBufferBytes', () => index.stats().tailBytesUsed);
  metrics.collectValue('snapshotDuration', () => snapshots.lastDurationMs / 1_000);
  metrics.collectValue('snapshotLagBytes', () => snapshots.lagBytes);
}

function registerClientMetrics(
  metrics: Metrics,
  { clients, state, subscriptions }: BrokerServices,
): void {
  metrics.collect('producerConnections', function* () {
    const counts = new Map<string, number>();
    for (const { language, version } of clients.producers()) {
      const key = JSON.stringify({ language, version, protocol_type: 'grpc' });
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    for (const [key, count] of counts) {
      yield [
        JSON.parse(key) as { language: string; version: string; protocol_type: string },
        count,
      ];
    }
  });
  metrics.collect('consumerConnections', function* () {
    const counts = new Map<string, number>();
    for (const { language, version, group, clientType } of clients.consumers()) {
      const labels = [language, version, group, clientType === 'PUSH_CONSUMER' ? 'push' : 'pop'];
      const key = JSON.stringify(labels);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    for (const [key, count] of counts) {
      const [language = '', version = '', consumer_group = '', consume_mode = ''] = JSON.parse(
        key,
      ) as string[];
      yield [
        {
          language,
          version,
          consumer_group,
          consume_mode,
          protocol_type: 'grpc',
          is_system: 'false',
        },
        count,
      ];
    }
  });
  metrics.collect('subscriptionInconsistent', function* () {
    if (subscriptions.inconsistentGroups === 0) return;
    for (const group of state.groups.all()) {
      const consumer_group = group.config.name;
      for (const { topic } of clients.conflicts(consumer_group))
        yield [{ consumer_group, topic }, 1];
    }
  });
}

function registerLagMetrics(metrics: Metrics, { state }: BrokerServices, lag: LagSampler): void {
  const perStanding = (value: (standing: GroupTopic) => number) =>
    function* (): Generator<[ReturnType<typeof standingLabels>, number]> {
      for (const group of state.groups.all()) {
        for (const standing of group.topics.values())
          yield [standingLabels(standing), value(standing)];
      }
    };
  const lagOf = (standing: GroupTopic): number =>
    standing.queues.reduce(
      (sum, queue) => sum + Math.max(0, state.index.endOffset(queue.queueNo) - queue.committed),
      0,
    );
  metrics.collect('consumerLagMessages', perStanding(lagOf));
  metrics.collect(
    'consumerLagLatency',
    perStanding((standing) => lag.lagLatencyMs(standing)),
  );
  metrics.collect(
    'consumerQueueingLatency',
    perStanding((standing) => lag.queueingLatencyMs(standing)),
  );
  metrics.collect('consumerInflightMessages', perStanding(inflightOf));
  metrics.collect(
    'consumerReadyMessages',
    perStanding((standing) => Math.max(0, lagOf(standing) - inflightOf(standing))),
  );
}

function inflightOf(standing: GroupTopic): number {
  return standing.queues.reduce((sum, queue) => sum + queue.pendingCount - queue.readyCount, 0);
}

function standingLabels({ group, topic }: GroupTopic): {
  topic: string;
  consumer_group: string;
  is_retry: string;
  is_system: string;
} {
  const name = topic.config.name;
  return {
    topic: name,
    consumer_group: group.config.name,
    is_retry: 'false',
    is_system: String(name.startsWith(DLQ_PREFIX)),
  };
}
