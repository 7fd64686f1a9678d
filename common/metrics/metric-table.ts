import { KUBE_METRICS } from './kube-metrics.ts';
import {
  counter,
  gauge,
  histogram,
  type MetricDefinition,
  type MetricType,
} from './metric-definition.ts';

const KIB = 1_024;
const MIB = 1_024 * KIB;

const TOPIC = ['topic', 'message_type', 'is_system'] as const;
const GROUP = ['topic', 'consumer_group', 'is_retry', 'is_system'] as const;

/** RocketMQ's own bounds for the time of an rpc. */
const RPC_MS = [1, 3, 5, 7, 10, 100, 1_000, 2_000, 3_000] as const;
const EXECUTION_MS = [10, 100, 1_000, 3_000] as const;
/** From a write that stays in memory to a disk that hangs. */
const DISK_SECONDS = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05],
  ...[0.1, 0.25, 0.5, 1, 5],
] as const;

/** Names and labels of RocketMQ 5, so that its dashboards and alerts work unchanged. */
const ROCKETMQ_METRICS = {
  processorWatermark: gauge('rocketmq_processor_watermark', {
    labels: ['processor'],
    help: 'Requests of one kind in work',
    unit: 'requests',
  }),
  brokerPermission: gauge('rocketmq_broker_permission', {
    help: 'What the broker does now: 4 = reads, 2 = writes, 6 = both',
    unit: 'bits',
  }),
  topicNumber: gauge('rocketmq_topic_number', { help: 'Topics', unit: 'topics' }),
  consumerGroupNumber: gauge('rocketmq_consumer_group_number', {
    help: 'Consumer groups',
    unit: 'groups',
  }),

  messagesIn: counter('rocketmq_messages_in_total', {
    labels: TOPIC,
    help: 'Messages stored',
    unit: 'messages',
  }),
  throughputIn: counter('rocketmq_throughput_in_total', {
    labels: TOPIC,
    help: 'Bytes of bodies stored',
    unit: 'bytes',
  }),
  messagesOut: counter('rocketmq_messages_out_total', {
    labels: GROUP,
    help: 'Messages handed out',
    unit: 'messages',
  }),
  throughputOut: counter('rocketmq_throughput_out_total', {
    labels: GROUP,
    help: 'Bytes of bodies handed out',
    unit: 'bytes',
  }),
  messageSize: histogram('rocketmq_message_size', {
    labels: ['topic', 'message_type'],
    help: 'Size of the body of a stored message',
    unit: 'bytes',
    buckets: [KIB, 4 * KIB, 512 * KIB, MIB, 2 * MIB, 4 * MIB],
  }),
  sendToDlq: counter('rocketmq_send_to_dlq_messages_total', {
    labels: GROUP,
    help: 'Messages moved to a dead-letter topic',
    unit: 'messages',
  }),

  producerConnections: gauge('rocketmq_producer_connections', {
    labels: ['language', 'version', 'protocol_type'],
    help: 'Producers that are connected',
    unit: 'clients',
  }),
  consumerConnections: gauge('rocketmq_consumer_connections', {
    labels: [
      ...(['language', 'version', 'protocol_type'] as const),
      ...(['consumer_group', 'consume_mode', 'is_system'] as const),
    ],
    help: 'Consumers that are connected',
    unit: 'clients',
  }),

  consumerLagMessages: gauge('rocketmq_consumer_lag_messages', {
    labels: GROUP,
    help: 'Messages not yet acknowledged by the group, those in work included',
    unit: 'messages',
  }),
  consumerLagLatency: gauge('rocketmq_consumer_lag_latency', {
    labels: GROUP,
    help: 'Age of the oldest message that the group has not acknowledged',
    unit: 'milliseconds',
    overflow: 'max',
  }),
  consumerInflightMessages: gauge('rocketmq_consumer_inflight_messages', {
    labels: GROUP,
    help: 'Messages handed out and not yet acknowledged',
    unit: 'messages',
  }),
  consumerQueueingLatency: gauge('rocketmq_consumer_queueing_latency', {
    labels: GROUP,
    help: 'Age of the oldest message that could be handed out and has not been',
    unit: 'milliseconds',
    overflow: 'max',
  }),
  consumerReadyMessages: gauge('rocketmq_consumer_ready_messages', {
    labels: GROUP,
    help: 'Messages that could be handed out now',
    unit: 'messages',
  }),

  topicCreateExecutionTime: histogram('rocketmq_topic_create_execution_time', {
    labels: ['invocation_status'],
    help: 'Time to create a topic',
    unit: 'milliseconds',
    buckets: EXECUTION_MS,
  }),
  consumerGroupCreateExecutionTime: histogram('rocketmq_consumer_group_create_execution_time', {
    labels: ['invocation_status'],
    help: 'Time to create a consumer group',
    unit: 'milliseconds',
    buckets: EXECUTION_MS,
  }),

  storageSize: gauge('rocketmq_storage_size', {
    labels: ['storage_type', 'storage_medium'],
    help: 'Size of the log on disk',
    unit: 'bytes',
  }),
  storageFlushBehindBytes: gauge('rocketmq_storage_flush_behind_bytes', {
    labels: ['storage_type', 'storage_medium'],
    help: 'Log that is appended and not yet known to be durable',
    unit: 'bytes',
  }),
  storageDispatchBehindBytes: gauge('rocketmq_storage_dispatch_behind_bytes', {
    labels: ['storage_type', 'storage_medium'],
    help: 'Log that is appended and not yet folded into queues and groups',
    unit: 'bytes',
  }),
  storageMessageReserveTime: gauge('rocketmq_storage_message_reserve_time', {
    labels: ['storage_type', 'storage_medium'],
    help: 'Age of the oldest message in the log',
    unit: 'milliseconds',
  }),

  popReviveLag: gauge('rocketmq_pop_revive_lag', {
    help: 'Deliveries whose invisible time has ended and that are not yet available again',
    unit: 'messages',
  }),
  popReviveLatency: gauge('rocketmq_pop_revive_latency', {
    help: 'How late the most overdue of these deliveries is',
    unit: 'milliseconds',
  }),
  popReviveRetryMessages: counter('rocketmq_pop_revive_retry_messages_total', {
    labels: ['topic', 'consumer_group'],
    help: 'Deliveries that ended without acknowledgement and led to another one',
    unit: 'messages',
  }),
  popCheckpointBufferSize: gauge('rocketmq_pop_checkpoint_buffer_size', {
    help: 'Deliveries in work that are held in memory',
    unit: 'messages',
  }),

  rpcLatency: histogram('rocketmq_rpc_latency', {
    labels: ['protocol_type', 'request_code', 'response_code', 'is_long_polling', 'result'],
    help: 'Time from the last byte of a request to the first byte of its response',
    unit: 'milliseconds',
    buckets: RPC_MS,
  }),
  proxyUp: gauge('rocketmq_proxy_up', {
    labels: ['proxy_mode'],
    help: '1 while the MessagingService takes requests',
    unit: 'boolean',
  }),
};

/** What RocketMQ has no name for. */
const ORBITMQ_METRICS = {
  buildInfo: gauge('orbitmq_build_info', {
    labels: ['version', 'node_version'],
    help: 'Always 1; the labels tell what is running',
    unit: 'boolean',
  }),
  ready: gauge('orbitmq_ready', { help: '1 while /readyz answers 200', unit: 'boolean' }),

  appendLatency: histogram('orbitmq_store_append_latency_seconds', {
    help: 'Time from appending a batch to its end of write',
    unit: 'seconds',
    buckets: DISK_SECONDS,
  }),
  flushLatency: histogram('orbitmq_store_flush_latency_seconds', {
    help: 'Time of one fdatasync of the log',
    unit: 'seconds',
    buckets: DISK_SECONDS,
  }),
  batchBytes: histogram('orbitmq_store_batch_bytes', {
    help: 'Bytes of one write to the log',
    unit: 'bytes',
    buckets: [KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB],
  }),
  logStartOffset: gauge('orbitmq_store_log_start_offset_bytes', {
    help: 'Physical offset of the oldest byte kept',
    unit: 'bytes',
  }),
  logEndOffset: gauge('orbitmq_store_log_end_offset_bytes', {
    help: 'Physical offset of the end of the log',
    unit: 'bytes',
  }),
  logFailures: counter('orbitmq_store_log_failures_total', {
    help: 'Writes or flushes of the log that failed',
    unit: 'failures',
  }),
  storeWritable: gauge('orbitmq_store_writable', {
    help: '1 while the store takes messages; 0 when the disk is full or has failed',
    unit: 'boolean',
  }),
  diskTotalBytes: gauge('orbitmq_disk_total_bytes', {
    help: 'Size of the disk of the data directory',
    unit: 'bytes',
  }),
  diskFreeBytes: gauge('orbitmq_disk_free_bytes', {
    help: 'Space on the disk of the data directory that may still be written',
    unit: 'bytes',
  }),
  retentionDeletedBytes: counter('orbitmq_retention_deleted_bytes_total', {
    labels: ['reason'],
    help: 'Log deleted, by the reason: age, size, disk',
    unit: 'bytes',
  }),
  indexBufferBytes: gauge('orbitmq_index_buffer_bytes', {
    help: 'Memory that the newest index entries take',
    unit: 'bytes',
  }),
  snapshotDuration: gauge('orbitmq_snapshot_duration_seconds', {
    help: 'Time that the last snapshot took',
    unit: 'seconds',
  }),
  snapshotLagBytes: gauge('orbitmq_snapshot_lag_bytes', {
    help: 'Log since the start of the last snapshot: what a restart would replay',
    unit: 'bytes',
  }),
  recoveryDuration: gauge('orbitmq_recovery_duration_seconds', {
    help: 'Time that recovery took at the last start',
    unit: 'seconds',
  }),
  idempotenceIds: gauge('orbitmq_idempotence_ids', {
    help: 'Message ids in the idempotence window',
    unit: 'ids',
  }),
  idempotentSends: counter('orbitmq_idempotent_sends_total', {
    help: 'Sends answered with the receipt of an earlier one',
    unit: 'messages',
  }),

  subscriptionInconsistent: gauge('orbitmq_subscription_inconsistent', {
    labels: ['consumer_group', 'topic'],
    help: '1 where members of a group subscribe differently and so would miss messages',
    unit: 'boolean',
  }),

  nameServerRegistered: gauge('orbitmq_broker_registered', {
    labels: ['namesrv'],
    help: '1 while the broker is registered at the NameServer',
    unit: 'boolean',
  }),
  registeredBrokers: gauge('orbitmq_namesrv_brokers', {
    labels: ['state'],
    help: 'Broker groups that the NameServer remembers, by up, unknown, silent, gone; up are in the routes',
    unit: 'groups',
  }),
  registeredMembers: gauge('orbitmq_namesrv_members', {
    labels: ['role'],
    help: 'Members of broker groups that are heard, by master, slave, deposed; deposed: their epoch is over',
    unit: 'members',
  }),
  refusedEpochs: counter('orbitmq_namesrv_refused_epochs_total', {
    labels: ['broker'],
    help: 'Reports refused because the epoch of their master is over',
    unit: 'reports',
  }),
  namesrvHeldRequests: gauge('orbitmq_namesrv_held_requests', {
    help: 'Requests held until their broker group has a master again',
    unit: 'requests',
  }),
  heartbeatAge: gauge('orbitmq_namesrv_heartbeat_age_seconds', {
    labels: ['broker', 'member'],
    help: 'Time since the member of the broker group was last heard of',
    unit: 'seconds',
    overflow: 'max',
  }),

  memberRole: gauge('orbitmq_member_role', {
    labels: ['role'],
    help: '1 for the role that this member of its broker group has now',
    unit: 'boolean',
  }),
  memberSinceMaster: gauge('orbitmq_member_since_master_seconds', {
    help: 'Time since this member was the master, or since it started when it has not been; 0 while it is',
    unit: 'seconds',
  }),
  memberEpoch: gauge('orbitmq_member_epoch', {
    help: 'Highest epoch that this member has accepted',
    unit: 'epoch',
  }),
  confirmOffset: gauge('orbitmq_replication_confirm_offset_bytes', {
    help: 'Log up to here is as safe as the group promises: what consumers see',
    unit: 'bytes',
  }),
  inSyncMembers: gauge('orbitmq_replication_in_sync_members', {
    help: 'Members of the in-sync set, the master included; 0 on a slave',
    unit: 'members',
  }),
  slaveConnected: gauge('orbitmq_replication_connected', {
    labels: ['member'],
    help: '1 while a slave reads the log, as its master sees it',
    unit: 'boolean',
    overflow: 'max',
  }),
  replicationLagBytes: gauge('orbitmq_replication_lag_bytes', {
    labels: ['member'],
    help: 'Log that a slave has not acknowledged yet, as its master sees it',
    unit: 'bytes',
    overflow: 'max',
  }),
  replicationLagSeconds: gauge('orbitmq_replication_lag_seconds', {
    labels: ['member'],
    help: 'Time since a slave was last caught up, as its master sees it; 0 while it is',
    unit: 'seconds',
    overflow: 'max',
  }),
  writeLeaseLeft: gauge('orbitmq_write_lease_left_seconds', {
    help: 'Time for which the master may still acknowledge without its slaves; 0 without a lease',
    unit: 'seconds',
  }),

  failovers: counter('orbitmq_failovers_total', {
    labels: ['group', 'cause'],
    help: 'Changes of master that this controller has completed, by what began them',
    unit: 'failovers',
  }),
  failoverDuration: histogram('orbitmq_failover_duration_seconds', {
    labels: ['group', 'phase'],
    help: 'Time of each part of a change of master; "all" is from the last sign of life to the new master',
    unit: 'seconds',
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7, 10, 30, 60],
  }),
  groupEpoch: gauge('orbitmq_group_epoch', {
    labels: ['group'],
    help: 'Highest epoch that was given out, as the controller has read it last',
    unit: 'epoch',
  }),
  groupInSync: gauge('orbitmq_group_in_sync_members', {
    labels: ['group'],
    help: 'Members of the stored in-sync set, the master included',
    unit: 'members',
  }),
  groupMembers: gauge('orbitmq_group_members', {
    labels: ['group'],
    help: 'Members that the broker group should have, the master included',
    unit: 'members',
  }),
  groupBlocked: gauge('orbitmq_group_blocked', {
    labels: ['group'],
    help: '1 while something stands in the way of a master; orbitmq cluster explain tells what',
    unit: 'boolean',
  }),
  memberHeartbeatAge: gauge('orbitmq_member_heartbeat_age_seconds', {
    labels: ['group', 'member'],
    help: 'Time since a NameServer heard the member, as the controller sees it: the smallest over all NameServers',
    unit: 'seconds',
    overflow: 'max',
  }),

  connections: gauge('orbitmq_connections', {
    labels: ['security'],
    help: 'Open connections, by tls or plaintext',
    unit: 'connections',
  }),
  connectionsRefused: counter('orbitmq_connections_refused_total', {
    labels: ['reason'],
    help: 'Connections closed before their first request',
    unit: 'connections',
  }),
  certificateExpiry: gauge('orbitmq_tls_certificate_expiry_timestamp_seconds', {
    help: 'When the certificate that clients are shown ends, in seconds since 1970; missing without TLS',
    unit: 'seconds',
  }),
  protocolErrors: counter('orbitmq_protocol_errors_total', {
    labels: ['reason'],
    help: 'Requests and frames that could not be understood',
    unit: 'requests',
  }),
  admissionRequests: gauge('orbitmq_admission_requests', {
    help: 'Requests in work',
    unit: 'requests',
  }),
  admissionBytes: gauge('orbitmq_admission_bytes', {
    help: 'Bytes of the requests in work',
    unit: 'bytes',
  }),
  admissionRefused: counter('orbitmq_admission_refused_total', {
    labels: ['limit'],
    help: 'Requests answered TOO_MANY_REQUESTS, by the limit that was reached',
    unit: 'requests',
  }),
  waitingReceives: gauge('orbitmq_waiting_receives', {
    help: 'Receives that wait for a message',
    unit: 'requests',
  }),
};

export const METRICS = { ...ROCKETMQ_METRICS, ...ORBITMQ_METRICS, ...KUBE_METRICS };

export type MetricKey = keyof typeof METRICS;

/** The labels that a metric of the table has. */
export type LabelOf<Key extends MetricKey> =
  (typeof METRICS)[Key] extends MetricDefinition<infer Label> ? Label : never;

/** Keys of one type, so that a gauge cannot be counted up. */
export type KeyOf<Type extends MetricType> = {
  [Key in MetricKey]: (typeof METRICS)[Key] extends MetricDefinition<string, Type> ? Key : never;
}[MetricKey];
