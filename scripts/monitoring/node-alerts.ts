import type { AlertGroup } from './alert-definition.ts';
import { BROKER_GROUP, JOBS } from './selectors.ts';

/** Answers for which the server is to blame, as clients of the MessagingService get them. */
const SERVER_FAULTS = [
  ...['INTERNAL_ERROR', 'INTERNAL_SERVER_ERROR', 'HA_NOT_AVAILABLE', 'PROXY_TIMEOUT'],
  ...['MASTER_PERSISTENCE_TIMEOUT', 'SLAVE_PERSISTENCE_TIMEOUT'],
].join('|');

const answered = (selector: string): string =>
  `sum by (namespace, cluster) (rate(rocketmq_rpc_latency_count${selector}[5m]))`;

const NODE = '{{ $labels.node_type }} {{ $labels.node_id }} ({{ $labels.instance }})';
const DAY_S = 86_400;

/** Processes: whether they run, answer and are known. */
export const NODE_ALERTS: AlertGroup = {
  name: 'orbitmq-nodes',
  title: 'Nodes',
  alerts: [
    {
      name: 'OrbitMQNameServerDown',
      severity: 'warning',
      expr: `up{job="${JOBS.namesrv}"} == 0`,
      for: '1m',
      summary: 'NameServer {{ $labels.instance }} is down',
      description: 'Prometheus has not been able to scrape the NameServer for 1 m.',
      impact:
        'None while a majority of the NameServers runs; clients use the others. With one NameServer only, clients find no routes.',
      steps: [
        'Events and log of its pod: `kubectl describe pod`, `kubectl logs --previous`.',
        'It keeps nothing on disk: deleting the pod is safe. For one heartbeat expiry a new one does not vote.',
      ],
    },
    {
      name: 'OrbitMQNameServerMajorityLost',
      severity: 'critical',
      expr: 'avg by (namespace, cluster) (orbitmq_broker_registered) <= 0.5',
      for: '1m',
      summary: 'Brokers of cluster {{ $labels.cluster }} have lost half or more of the NameServers',
      description:
        'Only {{ $value | humanizePercentage }} of the registrations of brokers at NameServers are in force.',
      impact:
        'A master that hangs is not noticed, so there is no failover for it. With asynchronous replication masters acknowledge only what all members of the in-sync set confirm. Clients find routes as long as one NameServer answers.',
      steps: [
        'Bring NameServers back (OrbitMQNameServerDown); brokers register again within seconds.',
        'If they run: DNS and network between brokers and NameServers; the log of the broker names the NameServer and the reason.',
        'Do nodes and NameServers have the same peer secret?',
      ],
    },
    {
      name: 'OrbitMQBrokerNotRegistered',
      severity: 'warning',
      expr: `min by (${BROKER_GROUP}, namesrv) (orbitmq_broker_registered) == 0`,
      for: '5m',
      summary:
        'A member of broker group {{ $labels.node_id }} is not registered at {{ $labels.namesrv }}',
      description: 'For 5 m. A member that no NameServer hears cannot be elected.',
      impact: 'None while it is registered at a majority.',
      steps: ['As for OrbitMQNameServerMajorityLost.'],
    },
    {
      name: 'OrbitMQBrokerDown',
      severity: 'warning',
      expr: `up{job="${JOBS.broker}"} == 0`,
      for: '1m',
      summary: 'Broker {{ $labels.instance }} is down',
      description: 'Prometheus has not been able to scrape the member for 1 m.',
      impact:
        'If it was the master, another member has taken over (else OrbitMQNoMaster fires). The group stands one loss less.',
      steps: [
        'Events and log of its pod: `kubectl describe pod`, `kubectl logs --previous`. Exit codes are in the reference of errors.',
        'Its volume has the log; keep it. A member without it copies everything from the master.',
      ],
    },
    {
      name: 'OrbitMQRestarts',
      severity: 'warning',
      expr: 'changes(process_start_time_seconds{node_type=~"broker|namesrv|standalone|operator|controller"}[30m]) > 2',
      for: '0m',
      summary: `${NODE} has started {{ $value }} times within 30 minutes`,
      description: 'It ends again and again.',
      impact: 'Each start of a master is a failover; each start of a slave takes it out of sync.',
      steps: [
        'The last line of the previous log has code and hint: `kubectl logs --previous`. Exit codes are in the reference of errors.',
        'Killed for memory (`OOMKilled`)? Raise the memory limit, or lower `cacheBytes` and the other options that name their memory.',
        'Killed by its liveness probe? See OrbitMQEventLoopBusy.',
      ],
    },
    {
      name: 'OrbitMQEventLoopBusy',
      severity: 'warning',
      expr: 'nodejs_eventloop_lag_p99_seconds{node_type=~"broker|namesrv|standalone|operator|controller"} > 0.2',
      for: '5m',
      summary: `${NODE} answers late: {{ $value | humanizeDuration }}`,
      description: 'The 99th percentile of the delay of the event loop is above 0.2 s.',
      impact:
        'Every client of the node waits so long. From 3 s on C++ clients drop their connection; heartbeats come late, which may cost a master its role.',
      steps: [
        'CPU throttled? Compare `rate(process_cpu_seconds_total[1m])` with the CPU limit. A node uses one core well and two at most: do not set a limit below 2, or none.',
        'Does the disk hang? Panel "Flush latency".',
        'Very many topics and groups make scrapes expensive: lower `--metrics-max-series` or scrape less often.',
      ],
    },
    {
      name: 'OrbitMQRequestsFailing',
      severity: 'critical',
      expr: `${answered(`{response_code=~"${SERVER_FAULTS}"}`)} / ${answered('')} > 0.01`,
      for: '5m',
      summary:
        '{{ $value | humanizePercentage }} of the requests to cluster {{ $labels.cluster }} fail',
      description: 'More than 1 % of the answers have been faults of the server for 5 m.',
      impact: 'Clients see errors. Sends are repeated by most clients and stored once.',
      steps: [
        'Which rpc and which code: dashboard "Cluster", panel "Failed requests".',
        '`HA_NOT_AVAILABLE`: OrbitMQNoMaster, OrbitMQStoreNotWritable, or fewer members in sync than `minInSyncReplicas`.',
        '`…_PERSISTENCE_TIMEOUT`: a disk or a slave is slow, see OrbitMQSlowFlush and OrbitMQReplicationLag.',
        'Look up the word in brackets of the message in the reference of errors.',
      ],
    },
    {
      name: 'OrbitMQTooManyRequests',
      severity: 'warning',
      expr: `${answered('{response_code="TOO_MANY_REQUESTS"}')} > 1`,
      for: '5m',
      summary:
        'Cluster {{ $labels.cluster }} turns requests away: {{ $value | humanize }} a second',
      description: 'More work comes in than is admitted at once.',
      impact: 'Clients back off; sends take longer or fail.',
      steps: [
        'One client in a loop? Panel "Requests" by rpc.',
        'A slow disk makes the queue: OrbitMQSlowFlush.',
        'Add a broker group and spread the topics over it.',
      ],
    },
    {
      name: 'OrbitMQCertificateExpires',
      severity: 'warning',
      expr: `orbitmq_tls_certificate_expiry_timestamp_seconds - time() < ${14 * DAY_S}`,
      for: '1h',
      summary: `The certificate of ${NODE} ends in {{ $value | humanizeDuration }}`,
      description: 'It should have been replaced by now.',
      impact:
        'From then on clients that check certificates cannot connect, nor can other nodes if peers speak TLS.',
      steps: [
        'A certificate of your own: renew the Secret that the BrokerCluster names. The operator sees it within 10 minutes and replaces the pods one by one.',
        'A certificate of the operator: it is renewed 60 days before its end, so look at the log of the operator, and whether the BrokerCluster is paused.',
        'Without Kubernetes: a node reads its certificate when it starts.',
      ],
    },
    {
      name: 'OrbitMQFewFileDescriptors',
      severity: 'warning',
      expr: 'process_open_fds{node_type=~"broker|namesrv|standalone|operator|controller"} / process_max_fds > 0.8',
      for: '5m',
      summary: `${NODE} uses {{ $value | humanizePercentage }} of its file descriptors`,
      description: 'Each connection takes one, each file of the log one.',
      impact: 'When none is left, new connections are refused.',
      steps: [
        'How many connections? Panel "Connections"; clients that do not close theirs?',
        'Raise the limit of the container runtime, or lower `--max-connections`.',
      ],
    },
  ],
};
