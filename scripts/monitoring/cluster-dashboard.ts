import { BAD_FROM_1, GOOD_FROM_1, type Dashboard } from './dashboard-definition.ts';
import { OF_CLUSTER } from './dashboard-variables.ts';
import { BROKER_GROUP, CHOSEN, RATE } from './selectors.ts';

const rate = (metric: string, by: string, more = ''): string =>
  `sum by (${by}) (rate(${metric}{${CHOSEN}${more}}[${RATE}]))`;

/** Of the instances of all roles; one that is down has no series. */
const member = '{{node_type}} {{node_id}} {{instance}}';

export const CLUSTER_DASHBOARD: Dashboard = {
  uid: 'orbitmq-cluster',
  title: 'OrbitMQ: cluster',
  description: 'Is it well, what goes through it, and what of its machines it uses.',
  variables: OF_CLUSTER,
  rows: [
    {
      title: 'Health',
      panels: [
        {
          title: 'Broker groups with a master',
          description: 'Groups that have one, of those that any member speaks for.',
          kind: 'figure',
          unit: 'short',
          colors: GOOD_FROM_1,
          queries: [
            {
              expr: `sum(max by (${BROKER_GROUP}) (orbitmq_member_role{role="master", ${CHOSEN}}))`,
              legend: 'with a master',
            },
          ],
        },
        {
          title: 'Groups without a master',
          description: 'Their queues take and give nothing until one is elected.',
          kind: 'figure',
          unit: 'short',
          colors: BAD_FROM_1,
          queries: [
            {
              expr: `count(max by (${BROKER_GROUP}) (orbitmq_member_role{role="master", ${CHOSEN}})) - sum(max by (${BROKER_GROUP}) (orbitmq_member_role{role="master", ${CHOSEN}}))`,
              legend: 'without',
            },
          ],
        },
        {
          title: 'NameServers',
          description: 'That run and answer.',
          kind: 'figure',
          unit: 'short',
          colors: GOOD_FROM_1,
          queries: [
            {
              expr: `count(orbitmq_build_info{node_type="namesrv", ${CHOSEN}})`,
              legend: 'NameServers',
            },
          ],
        },
        {
          title: 'Messages in',
          description: 'Messages that brokers store, all topics.',
          kind: 'figure',
          unit: 'ops',
          queries: [
            { expr: `sum(rate(rocketmq_messages_in_total{${CHOSEN}}[${RATE}]))`, legend: 'in' },
          ],
        },
        {
          title: 'Messages out',
          description: 'Messages that brokers hand out, repeated ones included.',
          kind: 'figure',
          unit: 'ops',
          queries: [
            { expr: `sum(rate(rocketmq_messages_out_total{${CHOSEN}}[${RATE}]))`, legend: 'out' },
          ],
        },
        {
          title: 'Fullest disk',
          description: 'Expired messages go from 75 %, any from 85 %, sends are refused from 90 %.',
          kind: 'figure',
          unit: 'percentunit',
          colors: [
            { from: null, color: 'green' },
            { from: 0.75, color: 'orange' },
            { from: 0.85, color: 'red' },
          ],
          queries: [
            {
              expr: `max(1 - orbitmq_disk_free_bytes{${CHOSEN}} / orbitmq_disk_total_bytes{${CHOSEN}})`,
              legend: 'used',
            },
          ],
        },
      ],
    },
    {
      title: 'Traffic',
      panels: [
        {
          title: 'Messages in by broker group',
          description: 'One line much below the others: clients do not reach that group.',
          unit: 'ops',
          queries: [
            { expr: rate('rocketmq_messages_in_total', 'cluster, node_id'), legend: '{{node_id}}' },
          ],
        },
        {
          title: 'Messages out by broker group',
          description: 'Handed out to consumers, repeated deliveries included.',
          unit: 'ops',
          queries: [
            {
              expr: rate('rocketmq_messages_out_total', 'cluster, node_id'),
              legend: '{{node_id}}',
            },
          ],
        },
        {
          title: 'Bytes',
          description: 'Of bodies only.',
          unit: 'Bps',
          queries: [
            { expr: rate('rocketmq_throughput_in_total', 'cluster'), legend: 'in {{cluster}}' },
            { expr: rate('rocketmq_throughput_out_total', 'cluster'), legend: 'out {{cluster}}' },
          ],
        },
        {
          title: 'Requests',
          description: 'By rpc, at NameServers and brokers: what is forwarded counts at both.',
          unit: 'ops',
          queries: [
            {
              expr: rate('rocketmq_rpc_latency_count', 'request_code'),
              legend: '{{request_code}}',
            },
          ],
        },
        {
          title: 'Request latency, 99th percentile',
          description:
            'Without receives, which wait for messages. Buckets end at 3 s. Sends wait for disk and slaves.',
          unit: 'ms',
          queries: [
            {
              expr: `histogram_quantile(0.99, ${rate('rocketmq_rpc_latency_bucket', 'request_code, le', ', is_long_polling="false"')})`,
              legend: '{{request_code}}',
            },
          ],
        },
        {
          title: 'Failed requests',
          description: 'By rpc and code. The code is in the reference of errors.',
          unit: 'ops',
          queries: [
            {
              expr: `${rate('rocketmq_rpc_latency_count', 'request_code, response_code', ', result="failed"')} or vector(0)`,
              legend: '{{request_code}} {{response_code}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Storage',
      panels: [
        {
          title: 'Disk used',
          description: 'Of the disk of the data directory, by whoever uses it.',
          unit: 'percentunit',
          queries: [
            {
              expr: `1 - orbitmq_disk_free_bytes{${CHOSEN}} / orbitmq_disk_total_bytes{${CHOSEN}}`,
              legend: '{{node_id}} {{instance}}',
            },
          ],
        },
        {
          title: 'Log size',
          description: 'What is kept now; it is deleted in whole files.',
          unit: 'bytes',
          queries: [
            { expr: `rocketmq_storage_size{${CHOSEN}}`, legend: '{{node_id}} {{instance}}' },
          ],
        },
        {
          title: 'Flush latency, 99th percentile',
          description: 'One fdatasync of the log. With synchronous flush every send waits for one.',
          unit: 's',
          queries: [
            {
              expr: `histogram_quantile(0.99, ${rate('orbitmq_store_flush_latency_seconds_bucket', 'node_id, instance, le')})`,
              legend: '{{node_id}} {{instance}}',
            },
          ],
        },
        {
          title: 'Bytes per write',
          description: 'Larger batches: many senders share one flush.',
          unit: 'bytes',
          queries: [
            {
              expr: `${rate('orbitmq_store_batch_bytes_sum', 'node_id, instance')} / ${rate('orbitmq_store_batch_bytes_count', 'node_id, instance')}`,
              legend: '{{node_id}} {{instance}}',
            },
          ],
        },
        {
          title: 'Age of the oldest message',
          description: 'Grows up to the retention, then stays.',
          unit: 'ms',
          queries: [
            {
              expr: `rocketmq_storage_message_reserve_time{${CHOSEN}}`,
              legend: '{{node_id}} {{instance}}',
            },
          ],
        },
        {
          title: 'Log that a restart would replay',
          description: 'Bytes since the last snapshot.',
          unit: 'bytes',
          queries: [
            { expr: `orbitmq_snapshot_lag_bytes{${CHOSEN}}`, legend: '{{node_id}} {{instance}}' },
          ],
        },
      ],
    },
    {
      title: 'Processes',
      panels: [
        {
          title: 'CPU',
          description: 'Cores. A node uses one well and two at most.',
          unit: 'short',
          queries: [
            { expr: `rate(process_cpu_seconds_total{${CHOSEN}}[${RATE}])`, legend: member },
          ],
        },
        {
          title: 'Memory',
          description: 'Resident.',
          unit: 'bytes',
          queries: [{ expr: `process_resident_memory_bytes{${CHOSEN}}`, legend: member }],
        },
        {
          title: 'Event-loop delay, 99th percentile',
          description: 'Everybody waits so long. Above 0.05 s it is felt, above 0.2 s it is bad.',
          unit: 's',
          queries: [{ expr: `nodejs_eventloop_lag_p99_seconds{${CHOSEN}}`, legend: member }],
        },
        {
          title: 'Connections',
          description: 'Open, of clients and of other nodes.',
          unit: 'short',
          queries: [{ expr: `orbitmq_connections{${CHOSEN}}`, legend: member }],
        },
        {
          title: 'Work admitted',
          description: 'Bytes of requests in work; at the limit, requests are turned away.',
          unit: 'bytes',
          queries: [{ expr: `orbitmq_admission_bytes{${CHOSEN}}`, legend: member }],
        },
        {
          title: 'Versions',
          description: 'More than one during a rolling update only.',
          kind: 'table',
          unit: 'short',
          queries: [
            {
              expr: `count by (cluster, node_type, version) (orbitmq_build_info{${CHOSEN}})`,
              legend: '',
            },
          ],
        },
      ],
    },
  ],
};
