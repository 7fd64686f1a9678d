import type { AlertGroup } from './alert-definition.ts';
import { BROKER_GROUP, CONTROLLED_GROUP } from './selectors.ts';

/** Two batches windows of the default replication window: a slave that far behind is not just late. */
const LAG_BYTES = 64 * 2 ** 20;

const OF_GROUP = 'of cluster {{ $labels.cluster }}';

/** Who is master, and whether what was acknowledged is safe. */
export const REPLICATION_ALERTS: AlertGroup = {
  name: 'orbitmq-replication',
  title: 'Replication and failover',
  alerts: [
    {
      name: 'OrbitMQNoMaster',
      severity: 'critical',
      expr: `max by (${BROKER_GROUP}) (orbitmq_member_role{role="master"}) == 0`,
      for: '30s',
      summary: `Broker group {{ $labels.node_id }} ${OF_GROUP} has no master`,
      description:
        'No member of the broker group has been its master for 30 s. A failover takes a few seconds, so something is in its way.',
      impact:
        'Sends to the queues of this group fail with `HA_NOT_AVAILABLE`; clients use other groups if there are any. Nothing is received from it.',
      steps: [
        'Ask what is in the way: the condition `FailoverPossible` of the BrokerCluster (`kubectl orbitmq explain-failover GROUP`), or `orbitmq cluster explain GROUP` outside Kubernetes.',
        'Is an operator running and the leader? `kubectl get pods -l app.kubernetes.io/component=operator`, and OrbitMQOperatorDown below. Without one nobody is elected.',
        'Are the members of the in-sync set running? Only they can be elected. Bring one of them back; its volume matters more than its pod.',
        'Did a majority of the NameServers run for longer than the heartbeat expiry? Without them a hung master is not noticed.',
        'If the whole in-sync set is lost for good, `uncleanElection: true` lets another member take over. What only the lost members had is gone; see the last transition in the status of the BrokerGroup for how much.',
      ],
    },
    {
      name: 'OrbitMQFailoverBlocked',
      severity: 'critical',
      expr: `max by (${CONTROLLED_GROUP}) (orbitmq_group_blocked) == 1`,
      for: '1m',
      summary: 'Something stands in the way of a master for broker group {{ $labels.group }}',
      description:
        'The failover controller has been unable for 1 m to give broker group {{ $labels.group }} a master that serves, or to replace one that should be replaced.',
      impact:
        'The group may still serve, if its master only lost touch with the controller. If the master fails now, nobody takes over.',
      steps: [
        'Read the reason: `status.blocked` of the BrokerGroup, `kubectl orbitmq explain-failover GROUP`, or `orbitmq cluster explain GROUP` outside Kubernetes.',
        '"does not answer": look at the pod that it names, and at the network between it and the operator.',
        '"fenced": somebody set the annotation `orbitmq.io/fence`; remove it when the reason is gone.',
        'Too few NameServers: see OrbitMQNameServerMajorityLost.',
      ],
    },
    {
      name: 'OrbitMQAckedDataAtRisk',
      severity: 'critical',
      expr: `max by (${CONTROLLED_GROUP}) (orbitmq_group_in_sync_members) == 1 and max by (${CONTROLLED_GROUP}) (orbitmq_group_members) > 1`,
      for: '2m',
      summary: 'Only one member of broker group {{ $labels.group }} has all acknowledged messages',
      description:
        'The in-sync set of broker group {{ $labels.group }} has been its master alone for 2 m, though it should have slaves.',
      impact:
        'Messages are taken and delivered (unless `minInSyncReplicas` is 2 or more: then sends are refused), but the loss of this one disk would lose what was acknowledged, and no other member can be elected.',
      steps: [
        'Do not delete or restart the master, its volume or its node.',
        'Bring the slaves back: `kubectl get pods -l orbitmq.io/group=GROUP`; look at the log and events of those that are not ready.',
        'A slave that runs and does not catch up: see OrbitMQReplicationLag.',
        'To refuse sends rather than run this risk, set `minInSyncReplicas: 2`.',
      ],
    },
    {
      name: 'OrbitMQInSyncSetIncomplete',
      severity: 'warning',
      expr: `max by (${CONTROLLED_GROUP}) (orbitmq_group_in_sync_members) < max by (${CONTROLLED_GROUP}) (orbitmq_group_members)`,
      for: '15m',
      summary: 'A member of broker group {{ $labels.group }} has been out of sync for 15 m',
      description:
        'Only {{ $value }} members of broker group {{ $labels.group }} are in sync. A member that is out of sync cannot be elected.',
      impact: 'None yet; the group stands fewer losses than it should.',
      steps: [
        'Which one? `kubectl get brokergroup GROUP -o jsonpath={.status.syncStateSet}`, or `orbitmq cluster status`.',
        'Does its pod run, has its disk room (OrbitMQDiskAlmostFull), is its log whole (OrbitMQLogFailures)?',
        'A slave with a large backlog to copy takes its time: the panel "Replication lag" must fall.',
      ],
    },
    {
      name: 'OrbitMQReplicationLag',
      severity: 'warning',
      expr: `max by (${BROKER_GROUP}, member) (orbitmq_replication_lag_bytes) > ${LAG_BYTES}`,
      for: '5m',
      summary: 'Slave {{ $labels.member }} is {{ $value | humanize1024 }}B behind its master',
      description:
        'Slave {{ $labels.member }} of broker group {{ $labels.node_id }} has been more than 64 MiB behind for 5 m.',
      impact:
        'With asynchronous replication, a failover to it would lose that much. With synchronous replication it is out of the in-sync set and cannot be elected.',
      steps: [
        'After a restart or a new volume this is normal until it has caught up; it must fall.',
        'Compare its disk with that of the master: panel "Flush latency". A slower disk cannot keep up for long.',
        'Look at the network between the two pods, and at CPU throttling of the slave.',
      ],
    },
    {
      name: 'OrbitMQSlaveOutOfSync',
      severity: 'warning',
      expr: `max by (${BROKER_GROUP}, member) (orbitmq_replication_lag_seconds) > 60`,
      for: '5m',
      summary: 'Slave {{ $labels.member }} has not been level with its master for over a minute',
      description:
        'The master of broker group {{ $labels.node_id }} last saw slave {{ $labels.member }} caught up {{ $value | humanizeDuration }} ago.',
      impact: 'As for OrbitMQReplicationLag: it cannot be elected without loss.',
      steps: [
        'Does the slave run and is it connected? Its log says "following" with the address of its master.',
        'Otherwise as for OrbitMQReplicationLag.',
      ],
    },
    {
      name: 'OrbitMQDeposedMember',
      severity: 'warning',
      expr: 'max by (namespace, cluster) (orbitmq_namesrv_members{role="deposed"}) > 0',
      for: '5m',
      summary:
        'A former master of cluster {{ $labels.cluster }} has not followed its successor for 5 m',
      description:
        'A NameServer hears a member that still speaks as master of an epoch that is over.',
      impact: 'It acknowledges nothing, and it is missing as a slave.',
      steps: [
        'Find it: `orbitmq cluster status`, or the status of the BrokerGroups. Its own metric `orbitmq_member_epoch` is behind.',
        'Can the operator reach it? If it is cut off from the operator only, repair the network; it follows by itself.',
        'Otherwise restart its pod: a restarted member never comes back as master.',
      ],
    },
    {
      name: 'OrbitMQFrequentFailovers',
      severity: 'warning',
      expr: `sum by (${CONTROLLED_GROUP}) (increase(orbitmq_failovers_total{cause!~"first-election|switchover"}[1h])) > 3`,
      for: '0m',
      summary:
        'Broker group {{ $labels.group }} changed its master {{ $value | humanize }} times within an hour',
      description: 'Failovers that nobody asked for, more than 3 in one hour.',
      impact: 'Each one refuses sends for a moment and cuts connections.',
      steps: [
        'Read `status.transitions` of the BrokerGroup: each has its cause, reason and the time of each phase.',
        'Heartbeats that come late: CPU throttling, long garbage collection (OrbitMQEventLoopBusy), an overloaded node, a disk that hangs.',
        'Heartbeat expiry too short for this machine: raise `heartbeat.expiry` of the BrokerCluster.',
      ],
    },
  ],
};
