/**
 * For each alert series with which it fires and series with which it does not, in the notation of promtool: `1x10` is 1 and ten
 * times 1, `0+5x10` rises by 5, `_` is missing. One value a minute.
 */
export interface AlertCase {
  readonly alert: string;
  readonly fires: Scene;
  readonly calm: Scene;
  /** Labels of the alert besides name and severity. */
  readonly labels: Readonly<Record<string, string>>;
}

interface Scene {
  readonly series: Readonly<Record<string, string>>;
  /** Minutes. */
  readonly at: number;
}

const CLUSTER = 'namespace="shop", cluster="orders"';
const BROKER = `${CLUSTER}, node_type="broker", node_id="broker-0"`;
const MASTER = `${BROKER}, instance="10.0.0.1:5557", job="orbitmq-broker"`;
const SLAVE = `${BROKER}, instance="10.0.0.2:5557", job="orbitmq-broker"`;
const CONTROLLER = `${CLUSTER}, node_type="operator", node_id="operator", group="broker-0", instance="10.0.0.9:5557"`;
const STANDBY = CONTROLLER.replace('10.0.0.9', '10.0.0.8');
const CONSUMER = 'topic="orders", consumer_group="billing", is_retry="false", is_system="false"';

const OF_CLUSTER = { namespace: 'shop', cluster: 'orders' };
const OF_BROKER = { ...OF_CLUSTER, node_id: 'broker-0' };
const OF_MASTER = {
  ...OF_BROKER,
  ...{ node_type: 'broker', instance: '10.0.0.1:5557', job: 'orbitmq-broker' },
};
const OF_GROUP = { ...OF_CLUSTER, group: 'broker-0' };
const OF_CONSUMER = { ...OF_CLUSTER, topic: 'orders', consumer_group: 'billing' };

const role = (of: string): string => `orbitmq_member_role{role="master", ${of}}`;
const lag = (of: string, metric: string): string => `${metric}{${CONSUMER}, ${of}}`;
const rpc = (code: string): string =>
  `rocketmq_rpc_latency_count{request_code="SendMessage", response_code="${code}", ${MASTER}}`;

const OPERATOR =
  'namespace="orbitmq", cluster="DefaultCluster", node_type="operator", instance="10.0.0.9:5557"';
const WAITING = OPERATOR.replace('10.0.0.9', '10.0.0.8');
const turns = (result: string): string =>
  `orbitmq_reconciles_total{controller="brokercluster", result="${result}", ${OPERATOR}}`;
const calls = (code: string): string =>
  `orbitmq_kube_calls_total{verb="get", resource="pods", code="${code}", ${OPERATOR}}`;

const GIB = 2 ** 30;

export const ALERT_CASES: readonly AlertCase[] = [
  {
    alert: 'OrbitMQNoMaster',
    labels: OF_BROKER,
    fires: { series: { [role(MASTER)]: '1x3 0x10', [role(SLAVE)]: '0x20' }, at: 6 },
    // A failover: for one scrape nobody is master.
    calm: { series: { [role(MASTER)]: '1x3 0 0x10', [role(SLAVE)]: '0x4 1x10' }, at: 6 },
  },
  {
    alert: 'OrbitMQFailoverBlocked',
    labels: OF_GROUP,
    fires: { series: { [`orbitmq_group_blocked{${CONTROLLER}}`]: '0x2 1x10' }, at: 6 },
    calm: { series: { [`orbitmq_group_blocked{${CONTROLLER}}`]: '0 1 0x10' }, at: 6 },
  },
  {
    alert: 'OrbitMQAckedDataAtRisk',
    labels: OF_GROUP,
    fires: {
      series: {
        [`orbitmq_group_in_sync_members{${CONTROLLER}}`]: '2x2 1x10',
        [`orbitmq_group_members{${CONTROLLER}}`]: '2x20',
      },
      at: 8,
    },
    // A group of one member has never promised more; a second replica of the operator says the same.
    calm: {
      series: {
        [`orbitmq_group_in_sync_members{${CONTROLLER}}`]: '1x20',
        [`orbitmq_group_members{${CONTROLLER}}`]: '1x20',
        [`orbitmq_group_members{${STANDBY}}`]: '1x20',
      },
      at: 8,
    },
  },
  {
    alert: 'OrbitMQInSyncSetIncomplete',
    labels: OF_GROUP,
    fires: {
      series: {
        [`orbitmq_group_in_sync_members{${CONTROLLER}}`]: '2x40',
        [`orbitmq_group_members{${CONTROLLER}}`]: '3x40',
      },
      at: 20,
    },
    // A rolling update takes members out of the set, each for a while.
    calm: {
      series: {
        [`orbitmq_group_in_sync_members{${CONTROLLER}}`]: '3x5 2x5 3x2 2x5 3x20',
        [`orbitmq_group_members{${CONTROLLER}}`]: '3x40',
      },
      at: 20,
    },
  },
  {
    alert: 'OrbitMQReplicationLag',
    labels: { ...OF_BROKER, member: 'orders-broker-0-1' },
    fires: {
      series: {
        [`orbitmq_replication_lag_bytes{member="orders-broker-0-1", ${MASTER}}`]: `${GIB}x20`,
      },
      at: 10,
    },
    calm: {
      series: {
        [`orbitmq_replication_lag_bytes{member="orders-broker-0-1", ${MASTER}}`]: `${GIB} 0x20`,
      },
      at: 10,
    },
  },
  {
    alert: 'OrbitMQSlaveOutOfSync',
    labels: { ...OF_BROKER, member: 'orders-broker-0-1' },
    fires: {
      series: {
        [`orbitmq_replication_lag_seconds{member="orders-broker-0-1", ${MASTER}}`]: '0+60x20',
      },
      at: 15,
    },
    calm: {
      series: {
        [`orbitmq_replication_lag_seconds{member="orders-broker-0-1", ${MASTER}}`]: '0+60x4 0x20',
      },
      at: 15,
    },
  },
  {
    alert: 'OrbitMQDeposedMember',
    labels: OF_CLUSTER,
    fires: { series: { [`orbitmq_namesrv_members{role="deposed", ${CLUSTER}}`]: '1x20' }, at: 10 },
    calm: { series: { [`orbitmq_namesrv_members{role="deposed", ${CLUSTER}}`]: '1 0x20' }, at: 10 },
  },
  {
    alert: 'OrbitMQFrequentFailovers',
    labels: OF_GROUP,
    fires: {
      series: { [`orbitmq_failovers_total{cause="silent", ${CONTROLLER}}`]: '0+1x10 10x60' },
      at: 30,
    },
    // Switchovers are wanted.
    calm: {
      series: {
        [`orbitmq_failovers_total{cause="switchover", ${CONTROLLER}}`]: '0+1x10 10x60',
        [`orbitmq_failovers_total{cause="silent", ${CONTROLLER}}`]: '1x20 2x60',
      },
      at: 30,
    },
  },
  {
    alert: 'OrbitMQDiskFilling',
    labels: OF_MASTER,
    fires: {
      series: {
        [`orbitmq_disk_free_bytes{${MASTER}}`]: `${20 * GIB}-${GIB / 8}x120`,
        [`orbitmq_disk_total_bytes{${MASTER}}`]: `${100 * GIB}x120`,
      },
      at: 100,
    },
    // Fills as fast, and is half empty: retention will see to it.
    calm: {
      series: {
        [`orbitmq_disk_free_bytes{${MASTER}}`]: `${60 * GIB}-${GIB / 8}x120`,
        [`orbitmq_disk_total_bytes{${MASTER}}`]: `${100 * GIB}x120`,
      },
      at: 100,
    },
  },
  {
    alert: 'OrbitMQDiskAlmostFull',
    labels: OF_MASTER,
    fires: {
      series: {
        [`orbitmq_disk_free_bytes{${MASTER}}`]: `${11 * GIB}x10`,
        [`orbitmq_disk_total_bytes{${MASTER}}`]: `${100 * GIB}x10`,
      },
      at: 5,
    },
    calm: {
      series: {
        [`orbitmq_disk_free_bytes{${MASTER}}`]: `${16 * GIB}x10`,
        [`orbitmq_disk_total_bytes{${MASTER}}`]: `${100 * GIB}x10`,
      },
      at: 5,
    },
  },
  {
    alert: 'OrbitMQStoreNotWritable',
    labels: OF_BROKER,
    fires: {
      series: {
        [`orbitmq_store_writable{${MASTER}}`]: '0x10',
        [`orbitmq_store_writable{${SLAVE}}`]: '0x10',
        [role(MASTER)]: '1x10',
        [role(SLAVE)]: '0x10',
      },
      at: 5,
    },
    // Without a master nobody is writable, and another alert says why.
    calm: {
      series: {
        [`orbitmq_store_writable{${MASTER}}`]: '0x10',
        [`orbitmq_store_writable{${SLAVE}}`]: '0x10',
        [role(MASTER)]: '0x10',
        [role(SLAVE)]: '0x10',
      },
      at: 5,
    },
  },
  {
    alert: 'OrbitMQLogFailures',
    labels: OF_MASTER,
    fires: { series: { [`orbitmq_store_log_failures_total{${MASTER}}`]: '0x5 1x20' }, at: 10 },
    calm: { series: { [`orbitmq_store_log_failures_total{${MASTER}}`]: '1x30' }, at: 20 },
  },
  {
    alert: 'OrbitMQSlowFlush',
    labels: { ...OF_BROKER, instance: '10.0.0.1:5557' },
    fires: {
      series: {
        [`orbitmq_store_flush_latency_seconds_bucket{le="0.5", ${MASTER}}`]: '0+10x40',
        [`orbitmq_store_flush_latency_seconds_bucket{le="1", ${MASTER}}`]: '0+100x40',
        [`orbitmq_store_flush_latency_seconds_bucket{le="+Inf", ${MASTER}}`]: '0+100x40',
      },
      at: 25,
    },
    calm: {
      series: {
        [`orbitmq_store_flush_latency_seconds_bucket{le="0.5", ${MASTER}}`]: '0+100x40',
        [`orbitmq_store_flush_latency_seconds_bucket{le="1", ${MASTER}}`]: '0+100x40',
        [`orbitmq_store_flush_latency_seconds_bucket{le="+Inf", ${MASTER}}`]: '0+100x40',
      },
      at: 25,
    },
  },
  {
    alert: 'OrbitMQConsumerLagGrowing',
    labels: OF_CONSUMER,
    fires: {
      series: {
        [lag(MASTER, 'rocketmq_consumer_lag_messages')]: '0+100x60',
        [lag(SLAVE, 'rocketmq_consumer_lag_messages')]: '0+100x60',
        [lag(MASTER, 'rocketmq_consumer_lag_latency')]: '0+60000x60',
      },
      at: 40,
    },
    // As old, and the consumers are catching up.
    calm: {
      series: {
        [lag(MASTER, 'rocketmq_consumer_lag_messages')]: '9000-100x60',
        [lag(SLAVE, 'rocketmq_consumer_lag_messages')]: '9000-100x60',
        [lag(MASTER, 'rocketmq_consumer_lag_latency')]: '0+60000x60',
      },
      at: 40,
    },
  },
  {
    alert: 'OrbitMQConsumerStuck',
    labels: OF_CONSUMER,
    fires: {
      series: {
        [lag(MASTER, 'rocketmq_consumer_ready_messages')]: '5x60',
        [lag(MASTER, 'rocketmq_messages_out_total')]: '100x60',
      },
      at: 30,
    },
    calm: {
      series: {
        [lag(MASTER, 'rocketmq_consumer_ready_messages')]: '5x60',
        [lag(MASTER, 'rocketmq_messages_out_total')]: '100+10x60',
      },
      at: 30,
    },
  },
  {
    alert: 'OrbitMQDeadLetters',
    labels: OF_CONSUMER,
    // The series begins with the first dead letter: no increase would show it.
    fires: {
      series: { [lag(MASTER, 'rocketmq_send_to_dlq_messages_total')]: '_x20 1x20' },
      at: 25,
    },
    calm: { series: { [lag(MASTER, 'rocketmq_send_to_dlq_messages_total')]: '1x60' }, at: 40 },
  },
  {
    alert: 'OrbitMQSubscriptionInconsistent',
    labels: OF_CONSUMER,
    fires: {
      series: {
        [`orbitmq_subscription_inconsistent{topic="orders", consumer_group="billing", ${MASTER}}`]:
          '1x20',
      },
      at: 10,
    },
    calm: {
      series: {
        [`orbitmq_subscription_inconsistent{topic="orders", consumer_group="billing", ${MASTER}}`]:
          '1x3 _x20',
      },
      at: 15,
    },
  },
  {
    alert: 'OrbitMQNameServerDown',
    labels: { job: 'orbitmq-namesrv', instance: '10.0.0.5:5557', namespace: 'shop' },
    fires: {
      series: {
        'up{job="orbitmq-namesrv", instance="10.0.0.5:5557", namespace="shop"}': '1 0x10',
      },
      at: 5,
    },
    calm: {
      series: { 'up{job="orbitmq-broker", instance="10.0.0.5:5557", namespace="shop"}': '0x10' },
      at: 5,
    },
  },
  {
    alert: 'OrbitMQNameServerMajorityLost',
    labels: OF_CLUSTER,
    fires: {
      series: {
        [`orbitmq_broker_registered{namesrv="10.0.0.5:8081", ${MASTER}}`]: '0x10',
        [`orbitmq_broker_registered{namesrv="10.0.0.6:8081", ${MASTER}}`]: '0x10',
        [`orbitmq_broker_registered{namesrv="10.0.0.7:8081", ${MASTER}}`]: '1x10',
      },
      at: 5,
    },
    calm: {
      series: {
        [`orbitmq_broker_registered{namesrv="10.0.0.5:8081", ${MASTER}}`]: '0x10',
        [`orbitmq_broker_registered{namesrv="10.0.0.6:8081", ${MASTER}}`]: '1x10',
        [`orbitmq_broker_registered{namesrv="10.0.0.7:8081", ${MASTER}}`]: '1x10',
      },
      at: 5,
    },
  },
  {
    alert: 'OrbitMQBrokerNotRegistered',
    labels: { ...OF_BROKER, namesrv: '10.0.0.5:8081' },
    fires: {
      series: { [`orbitmq_broker_registered{namesrv="10.0.0.5:8081", ${SLAVE}}`]: '0x20' },
      at: 10,
    },
    calm: {
      series: { [`orbitmq_broker_registered{namesrv="10.0.0.5:8081", ${SLAVE}}`]: '0x3 1x20' },
      at: 10,
    },
  },
  {
    alert: 'OrbitMQBrokerDown',
    labels: { job: 'orbitmq-broker', instance: '10.0.0.1:5557', namespace: 'shop' },
    fires: {
      series: { 'up{job="orbitmq-broker", instance="10.0.0.1:5557", namespace="shop"}': '1 0x10' },
      at: 5,
    },
    calm: {
      series: { 'up{job="orbitmq-broker", instance="10.0.0.1:5557", namespace="shop"}': '0 1x10' },
      at: 5,
    },
  },
  {
    alert: 'OrbitMQRestarts',
    labels: OF_MASTER,
    fires: { series: { [`process_start_time_seconds{${MASTER}}`]: '1 2 3 4x30' }, at: 10 },
    calm: { series: { [`process_start_time_seconds{${MASTER}}`]: '1x5 2x30' }, at: 10 },
  },
  {
    alert: 'OrbitMQEventLoopBusy',
    labels: OF_MASTER,
    fires: { series: { [`nodejs_eventloop_lag_p99_seconds{${MASTER}}`]: '0.3x20' }, at: 10 },
    calm: { series: { [`nodejs_eventloop_lag_p99_seconds{${MASTER}}`]: '0.3 0.02x20' }, at: 10 },
  },
  {
    alert: 'OrbitMQRequestsFailing',
    labels: OF_CLUSTER,
    fires: { series: { [rpc('OK')]: '0+900x20', [rpc('HA_NOT_AVAILABLE')]: '0+30x20' }, at: 15 },
    // Mistakes of clients are theirs.
    calm: { series: { [rpc('OK')]: '0+900x20', [rpc('TOPIC_NOT_FOUND')]: '0+900x20' }, at: 15 },
  },
  {
    alert: 'OrbitMQTooManyRequests',
    labels: OF_CLUSTER,
    fires: { series: { [rpc('TOO_MANY_REQUESTS')]: '0+600x20' }, at: 15 },
    calm: { series: { [rpc('TOO_MANY_REQUESTS')]: '0+6x20' }, at: 15 },
  },
  {
    alert: 'OrbitMQCertificateExpires',
    labels: OF_MASTER,
    // Time begins at 0 here: it ends after ten days, and after twenty.
    fires: {
      series: { [`orbitmq_tls_certificate_expiry_timestamp_seconds{${MASTER}}`]: '864000x120' },
      at: 90,
    },
    calm: {
      series: { [`orbitmq_tls_certificate_expiry_timestamp_seconds{${MASTER}}`]: '1728000x120' },
      at: 90,
    },
  },
  {
    alert: 'OrbitMQFewFileDescriptors',
    labels: OF_MASTER,
    fires: {
      series: {
        [`process_open_fds{${MASTER}}`]: '900x20',
        [`process_max_fds{${MASTER}}`]: '1024x20',
      },
      at: 10,
    },
    calm: {
      series: {
        [`process_open_fds{${MASTER}}`]: '90x20',
        [`process_max_fds{${MASTER}}`]: '1024x20',
      },
      at: 10,
    },
  },
  {
    alert: 'OrbitMQOperatorDown',
    labels: { namespace: 'orbitmq' },
    fires: {
      series: {
        'up{job="orbitmq-operator", instance="10.0.0.9:5557", namespace="orbitmq"}': '1 0x10',
        'up{job="orbitmq-operator", instance="10.0.0.8:5557", namespace="orbitmq"}': '1 0x10',
      },
      at: 6,
    },
    calm: {
      series: {
        'up{job="orbitmq-operator", instance="10.0.0.9:5557", namespace="orbitmq"}': '1 0x10',
        'up{job="orbitmq-operator", instance="10.0.0.8:5557", namespace="orbitmq"}': '1x11',
      },
      at: 6,
    },
  },
  {
    alert: 'OrbitMQOperatorHasNoLeader',
    labels: { namespace: 'orbitmq', lease: 'orbitmq-operator' },
    fires: {
      series: {
        [`orbitmq_leader{lease="orbitmq-operator", ${OPERATOR}}`]: '1 0x10',
        [`orbitmq_leader{lease="orbitmq-operator", ${WAITING}}`]: '0x11',
      },
      at: 6,
    },
    calm: {
      series: {
        [`orbitmq_leader{lease="orbitmq-operator", ${OPERATOR}}`]: '1 0x10',
        [`orbitmq_leader{lease="orbitmq-operator", ${WAITING}}`]: '0 0 1x10',
      },
      at: 6,
    },
  },
  {
    alert: 'OrbitMQOperatorErrors',
    labels: { namespace: 'orbitmq', controller: 'brokercluster' },
    fires: { series: { [turns('failed')]: '0+8x40', [turns('success')]: '0+2x40' }, at: 35 },
    calm: { series: { [turns('failed')]: '0+2x40', [turns('success')]: '0+8x40' }, at: 35 },
  },
  {
    alert: 'OrbitMQOperatorStalled',
    labels: { namespace: 'orbitmq', controller: 'topic' },
    fires: {
      series: {
        [`orbitmq_reconcile_in_progress_since_seconds{controller="topic", ${OPERATOR}}`]: '60x40',
      },
      at: 20,
    },
    // Nothing is in progress, which is 0, and not 1970.
    calm: {
      series: {
        [`orbitmq_reconcile_in_progress_since_seconds{controller="topic", ${OPERATOR}}`]: '0x40',
      },
      at: 20,
    },
  },
  {
    alert: 'OrbitMQOperatorRunaway',
    labels: { namespace: 'orbitmq', resource: 'services' },
    fires: {
      series: {
        [`orbitmq_kube_applied_total{resource="services", cause="drifted", ${OPERATOR}}`]:
          '0+10x60',
      },
      at: 40,
    },
    calm: {
      series: {
        [`orbitmq_kube_applied_total{resource="services", cause="missing", ${OPERATOR}}`]:
          '0+10x60',
        [`orbitmq_kube_applied_total{resource="services", cause="drifted", ${OPERATOR}}`]: '5x60',
      },
      at: 40,
    },
  },
  {
    alert: 'OrbitMQOperatorBlind',
    labels: { namespace: 'orbitmq', resource: 'pods' },
    fires: {
      series: {
        [`orbitmq_kube_last_event_age_seconds{resource="pods", ${OPERATOR}}`]: '0+60x40',
      },
      at: 30,
    },
    calm: {
      series: { [`orbitmq_kube_last_event_age_seconds{resource="pods", ${OPERATOR}}`]: '60x40' },
      at: 30,
    },
  },
  {
    alert: 'OrbitMQOperatorCallsFail',
    labels: { namespace: 'orbitmq' },
    fires: { series: { [calls('503')]: '0+30x40', [calls('200')]: '0+60x40' }, at: 25 },
    // Conflicts and missing objects are answers.
    calm: { series: { [calls('409')]: '0+30x40', [calls('404')]: '0+60x40' }, at: 25 },
  },
];
