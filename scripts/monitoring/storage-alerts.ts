import type { AlertGroup } from './alert-definition.ts';
import { BROKER_GROUP } from './selectors.ts';

const WHERE = 'of broker group {{ $labels.node_id }} ({{ $labels.instance }})';

/** Disks: full, slow, failing. The broker deletes expired log from 75 % on, any log from 85 %, and refuses sends from 90 %. */
export const STORAGE_ALERTS: AlertGroup = {
  name: 'orbitmq-storage',
  title: 'Storage',
  alerts: [
    {
      name: 'OrbitMQDiskFilling',
      severity: 'warning',
      expr: 'orbitmq_disk_free_bytes / orbitmq_disk_total_bytes < 0.25 and predict_linear(orbitmq_disk_free_bytes[1h], 6 * 3600) < 0',
      for: '10m',
      summary: `The disk ${WHERE} will be full within 6 hours`,
      description:
        'More than 75 % is used, so expired messages are being deleted already, and at the rate of the last hour the disk fills within 6 hours.',
      impact:
        'From 85 % on the oldest messages are deleted before their retention is over, consumed or not; from 90 % on sends are refused.',
      steps: [
        'Grow the volumes: `storage.size` of the BrokerCluster; no restart is needed where the StorageClass allows expansion.',
        'Or keep less: `retention` of the cluster, or of the topic that writes most (dashboard "Topics and consumer lag").',
        'Is something else on the disk? `orbitmq_disk_total_bytes - orbitmq_disk_free_bytes` against `rocketmq_storage_size`.',
        'Add a broker group to spread new messages over more disks.',
      ],
    },
    {
      name: 'OrbitMQDiskAlmostFull',
      severity: 'critical',
      expr: 'orbitmq_disk_free_bytes / orbitmq_disk_total_bytes < 0.12',
      for: '1m',
      summary: `The disk ${WHERE} has {{ $value | humanizePercentage }} left`,
      description:
        'Deleting the oldest messages (from 85 % on) has not helped. From 90 % on the broker refuses sends.',
      impact:
        'Messages are deleted before their retention is over; soon sends fail with `disk-full`.',
      steps: ['As for OrbitMQDiskFilling, now.'],
    },
    {
      name: 'OrbitMQStoreNotWritable',
      severity: 'critical',
      expr: `max by (${BROKER_GROUP}) (orbitmq_store_writable) == 0 unless on (${BROKER_GROUP}) max by (${BROKER_GROUP}) (orbitmq_member_role{role="master"}) == 0`,
      for: '1m',
      summary:
        'Broker group {{ $labels.node_id }} of cluster {{ $labels.cluster }} takes no messages',
      description:
        'The group has a master, and its store refuses writes: the disk is full or has failed.',
      impact: 'Sends to this group fail; what is stored can still be received.',
      steps: [
        'The log of the master says which: `disk-full` or `log-failed`.',
        'Disk full: see OrbitMQDiskFilling. Writes are taken again by themselves when there is room.',
        'Disk failed: see OrbitMQLogFailures. With a slave in sync the master hands over by itself.',
      ],
    },
    {
      name: 'OrbitMQLogFailures',
      severity: 'critical',
      expr: 'increase(orbitmq_store_log_failures_total[10m]) > 0',
      for: '0m',
      summary: `Writes to the log ${WHERE} fail`,
      description:
        'A write or a flush of the log has failed within the last 10 minutes. What was not durable was not acknowledged.',
      impact:
        'A master steps down when a slave is in sync; otherwise it refuses sends until the disk works again.',
      steps: [
        'Look for I/O errors of the node (`dmesg`) and of the volume.',
        'Move the member to another disk: drain its node, or delete its claim and its pod, when another member is in sync; it copies the log anew.',
        'Check the log of a member that does not run with `orbitmq store verify`.',
      ],
    },
    {
      name: 'OrbitMQSlowFlush',
      severity: 'warning',
      expr: `histogram_quantile(0.99, sum by (${BROKER_GROUP}, instance, le) (rate(orbitmq_store_flush_latency_seconds_bucket[5m]))) > 0.5`,
      for: '10m',
      summary: `One flush in a hundred ${WHERE} takes longer than half a second`,
      description: '99th percentile of one fdatasync of the log: {{ $value | humanizeDuration }}.',
      impact:
        'With synchronous flush each send waits for it; beyond 5 s sends end with `flush-timeout`.',
      steps: [
        'What else writes to this disk? Give brokers disks of their own.',
        'Network volumes have limits for operations and bytes per second; look at the metrics of the provider.',
        'With several members in sync, `flush: async` relies on replication instead of the disk.',
      ],
    },
  ],
};
