import { BAD_FROM_1, GOOD_FROM_1, type Dashboard } from './dashboard-definition.ts';
import { OF_CLUSTER } from './dashboard-variables.ts';
import { CHOSEN, CONTROLLED_GROUP } from './selectors.ts';

const GROUP = 'cluster, node_id';
/** What controllers say, by group; the one that leads and the one that waits may both report. */
const controlled = (metric: string): string =>
  `max by (${CONTROLLED_GROUP}) (${metric}{${CHOSEN}})`;

export const REPLICATION_DASHBOARD: Dashboard = {
  uid: 'orbitmq-replication',
  title: 'OrbitMQ: replication and failover',
  description: 'Who is master, who is in sync, how far slaves are, and what failovers took.',
  variables: OF_CLUSTER,
  rows: [
    {
      title: 'Now',
      panels: [
        {
          title: 'Smallest in-sync set',
          description: 'Members that have everything acknowledged. With 1, one disk holds it all.',
          kind: 'figure',
          unit: 'short',
          colors: [
            { from: null, color: 'red' },
            { from: 1, color: 'orange' },
            { from: 2, color: 'green' },
          ],
          queries: [
            { expr: `min(${controlled('orbitmq_group_in_sync_members')})`, legend: 'members' },
          ],
        },
        {
          title: 'Groups that are blocked',
          description: 'Something stands in the way of a master; the BrokerGroup says what.',
          kind: 'figure',
          unit: 'short',
          colors: BAD_FROM_1,
          queries: [{ expr: `sum(${controlled('orbitmq_group_blocked')})`, legend: 'groups' }],
        },
        {
          title: 'Members that a NameServer hears',
          description: 'The most that any NameServer hears.',
          kind: 'figure',
          unit: 'short',
          colors: GOOD_FROM_1,
          queries: [
            {
              expr: `sum(max by (namespace, cluster, role) (orbitmq_namesrv_members{${CHOSEN}}))`,
              legend: 'members',
            },
          ],
        },
        {
          title: 'Largest replication lag',
          description: 'Log that a slave has not acknowledged.',
          kind: 'figure',
          unit: 'bytes',
          queries: [{ expr: `max(orbitmq_replication_lag_bytes{${CHOSEN}})`, legend: 'bytes' }],
        },
        {
          title: 'Failovers in the last day',
          description: 'Changes of master, whatever began them.',
          kind: 'figure',
          unit: 'short',
          queries: [
            {
              expr: `sum(increase(orbitmq_failovers_total{${CHOSEN}, cause!="first-election"}[1d])) or vector(0)`,
              legend: 'failovers',
            },
          ],
        },
        {
          title: 'Requests held at NameServers',
          description: 'They wait for a group that has no master for the moment.',
          kind: 'figure',
          unit: 'short',
          queries: [{ expr: `sum(orbitmq_namesrv_held_requests{${CHOSEN}})`, legend: 'requests' }],
        },
      ],
    },
    {
      title: 'Members',
      panels: [
        {
          title: 'Role',
          description: 'As each member says. One master in each group.',
          kind: 'table',
          unit: 'short',
          queries: [
            {
              expr: `max by (namespace, cluster, node_id, pod, instance, role) (orbitmq_member_role{${CHOSEN}} == 1)`,
              legend: '',
            },
          ],
        },
        {
          title: 'Master',
          description: 'The line ends at one instance and goes on at another: a failover.',
          unit: 'short',
          queries: [
            {
              expr: `orbitmq_member_role{role="master", ${CHOSEN}} == 1`,
              legend: '{{node_id}} {{instance}}',
            },
          ],
        },
        {
          title: 'Epoch',
          description: 'Rises with every change of master. A member that stays below is cut off.',
          unit: 'short',
          queries: [
            { expr: `orbitmq_member_epoch{${CHOSEN}}`, legend: '{{node_id}} {{instance}}' },
          ],
        },
        {
          title: 'Members in sync',
          description: 'As the masters say.',
          unit: 'short',
          queries: [
            {
              expr: `max by (${GROUP}) (orbitmq_replication_in_sync_members{${CHOSEN}})`,
              legend: '{{node_id}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Replication',
      panels: [
        {
          title: 'Replication lag',
          description: 'Bytes that a slave has not acknowledged, as its master sees it.',
          unit: 'bytes',
          queries: [
            { expr: `orbitmq_replication_lag_bytes{${CHOSEN}}`, legend: '{{node_id}} {{member}}' },
          ],
        },
        {
          title: 'Time since a slave was level',
          description: '0 while it is. Beyond --in-sync-timeout it leaves the in-sync set.',
          unit: 's',
          queries: [
            {
              expr: `orbitmq_replication_lag_seconds{${CHOSEN}}`,
              legend: '{{node_id}} {{member}}',
            },
          ],
        },
        {
          title: 'Log not yet confirmed',
          description: 'Between the end of the log and what consumers may see.',
          unit: 'bytes',
          queries: [
            {
              expr: `max by (${GROUP}) (orbitmq_store_log_end_offset_bytes{${CHOSEN}}) - max by (${GROUP}) (orbitmq_replication_confirm_offset_bytes{${CHOSEN}})`,
              legend: '{{node_id}}',
            },
          ],
        },
        {
          title: 'Write lease left',
          description:
            'Matters with asynchronous replication: at 0 the master acknowledges nothing.',
          unit: 's',
          queries: [
            {
              expr: `max by (${GROUP}) (orbitmq_write_lease_left_seconds{${CHOSEN}})`,
              legend: '{{node_id}}',
            },
          ],
        },
      ],
    },
    {
      title: 'Failover',
      panels: [
        {
          title: 'Failovers by cause',
          description: 'Changes of master that were completed.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (cluster, group, cause) (orbitmq_failovers_total{${CHOSEN}})`,
              legend: '{{group}} {{cause}}',
            },
          ],
        },
        {
          title: 'Duration, average by phase',
          description: '"all" is from the last sign of life to the new master.',
          kind: 'table',
          unit: 's',
          queries: [
            {
              expr: `sum by (cluster, group, phase) (orbitmq_failover_duration_seconds_sum{${CHOSEN}}) / sum by (cluster, group, phase) (orbitmq_failover_duration_seconds_count{${CHOSEN}})`,
              legend: '',
            },
          ],
        },
        {
          title: 'Heartbeat age at the NameServers',
          description: 'Beyond the expiry (5 s) a member counts as gone.',
          unit: 's',
          queries: [
            {
              expr: `max by (cluster, broker, member) (orbitmq_namesrv_heartbeat_age_seconds{${CHOSEN}})`,
              legend: '{{broker}} {{member}}',
            },
          ],
        },
        {
          title: 'Heartbeat age at the controller',
          description: 'The smallest over all NameServers: what elections go by.',
          unit: 's',
          queries: [
            {
              expr: `max by (${CONTROLLED_GROUP}, member) (orbitmq_member_heartbeat_age_seconds{${CHOSEN}})`,
              legend: '{{group}} {{member}}',
            },
          ],
        },
        {
          title: 'Registered brokers',
          description: 'Broker groups as NameServers see them: up, unknown, silent, gone.',
          unit: 'short',
          queries: [
            {
              expr: `max by (cluster, state) (orbitmq_namesrv_brokers{${CHOSEN}})`,
              legend: '{{cluster}} {{state}}',
            },
          ],
        },
        {
          title: 'Refused reports of old masters',
          description: 'Somebody who thinks that it is master, and is not.',
          unit: 'ops',
          queries: [
            {
              expr: `sum by (cluster, broker) (rate(orbitmq_namesrv_refused_epochs_total{${CHOSEN}}[$__rate_interval])) or vector(0)`,
              legend: '{{broker}}',
            },
          ],
        },
      ],
    },
  ],
};
