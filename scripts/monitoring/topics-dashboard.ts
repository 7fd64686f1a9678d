import { BAD_FROM_1, type Dashboard } from './dashboard-definition.ts';
import { OF_TOPIC } from './dashboard-variables.ts';
import { CHOSEN, RATE } from './selectors.ts';

const OF_TOPICS = `${CHOSEN}, topic=~"$topic"`;
const OF_GROUPS = `${OF_TOPICS}, consumer_group=~"$group"`;
const PAIR = 'cluster, topic, consumer_group';
const pair = '{{consumer_group}} / {{topic}}';

/** Master and slaves of a broker group report the same backlog: it counts once. */
const standing = (metric: string): string =>
  `sum by (${PAIR}) (max by (${PAIR}, node_id) (${metric}{${OF_GROUPS}}))`;
const oldest = (metric: string): string => `max by (${PAIR}) (${metric}{${OF_GROUPS}})`;
const rate = (metric: string, by: string, of: string): string =>
  `sum by (${by}) (rate(${metric}{${of}}[${RATE}]))`;

export const TOPICS_DASHBOARD: Dashboard = {
  uid: 'orbitmq-topics',
  title: 'OrbitMQ: topics and consumer lag',
  description: 'Who sends what, who is behind, and by how much.',
  variables: OF_TOPIC,
  rows: [
    {
      title: 'Now',
      panels: [
        {
          title: 'Backlog',
          description:
            'Messages that consumer groups have not acknowledged, those in work included.',
          kind: 'figure',
          unit: 'short',
          queries: [
            { expr: `sum(${standing('rocketmq_consumer_lag_messages')})`, legend: 'messages' },
          ],
        },
        {
          title: 'Oldest message not acknowledged',
          description: 'Over all groups chosen.',
          kind: 'figure',
          unit: 'ms',
          queries: [{ expr: `max(${oldest('rocketmq_consumer_lag_latency')})`, legend: 'age' }],
        },
        {
          title: 'In work',
          description: 'Handed out and not yet acknowledged.',
          kind: 'figure',
          unit: 'short',
          queries: [
            { expr: `sum(${standing('rocketmq_consumer_inflight_messages')})`, legend: 'messages' },
          ],
        },
        {
          title: 'Dead letters in the last hour',
          description: 'Messages that failed as often as their group allows.',
          kind: 'figure',
          unit: 'short',
          colors: BAD_FROM_1,
          queries: [
            {
              expr: `sum(increase(rocketmq_send_to_dlq_messages_total{${OF_GROUPS}}[1h])) or vector(0)`,
              legend: 'messages',
            },
          ],
        },
        {
          title: 'Topics',
          description: 'The most of any broker.',
          kind: 'figure',
          unit: 'short',
          queries: [{ expr: `max(rocketmq_topic_number{${CHOSEN}})`, legend: 'topics' }],
        },
        {
          title: 'Consumer groups',
          description: 'The most of any broker.',
          kind: 'figure',
          unit: 'short',
          queries: [{ expr: `max(rocketmq_consumer_group_number{${CHOSEN}})`, legend: 'groups' }],
        },
      ],
    },
    {
      title: 'Topics',
      panels: [
        {
          title: 'Messages in',
          description: 'Stored, the ten busiest topics.',
          unit: 'ops',
          queries: [
            {
              expr: `topk(10, ${rate('rocketmq_messages_in_total', 'cluster, topic', OF_TOPICS)})`,
              legend: '{{topic}}',
            },
          ],
        },
        {
          title: 'Bytes in',
          description: 'Bodies, the ten busiest topics: what fills the disk.',
          unit: 'Bps',
          queries: [
            {
              expr: `topk(10, ${rate('rocketmq_throughput_in_total', 'cluster, topic', OF_TOPICS)})`,
              legend: '{{topic}}',
            },
          ],
        },
        {
          title: 'Message size, average',
          description: 'Of the body.',
          unit: 'bytes',
          queries: [
            {
              expr: `${rate('rocketmq_message_size_sum', 'cluster, topic', OF_TOPICS)} / ${rate('rocketmq_message_size_count', 'cluster, topic', OF_TOPICS)}`,
              legend: '{{topic}}',
            },
          ],
        },
        {
          title: 'Messages out',
          description: 'Handed out, first deliveries and repeated ones.',
          unit: 'ops',
          queries: [{ expr: rate('rocketmq_messages_out_total', PAIR, OF_GROUPS), legend: pair }],
        },
      ],
    },
    {
      title: 'Consumer groups',
      panels: [
        {
          title: 'Backlog',
          description: 'Not acknowledged. A line that only rises needs more or faster consumers.',
          unit: 'short',
          queries: [{ expr: standing('rocketmq_consumer_lag_messages'), legend: pair }],
        },
        {
          title: 'Age of the oldest message not acknowledged',
          description: 'How far behind the group is, in time.',
          unit: 'ms',
          queries: [{ expr: oldest('rocketmq_consumer_lag_latency'), legend: pair }],
        },
        {
          title: 'Ready',
          description: 'Could be handed out now: nobody asks for them.',
          unit: 'short',
          queries: [{ expr: standing('rocketmq_consumer_ready_messages'), legend: pair }],
        },
        {
          title: 'Waiting time of the oldest ready message',
          description: 'Consumers ask too rarely when this grows.',
          unit: 'ms',
          queries: [{ expr: oldest('rocketmq_consumer_queueing_latency'), legend: pair }],
        },
        {
          title: 'In work',
          description: 'Handed out and not acknowledged. A flat top: consumers hang.',
          unit: 'short',
          queries: [{ expr: standing('rocketmq_consumer_inflight_messages'), legend: pair }],
        },
        {
          title: 'Deliveries that were repeated',
          description: 'Attempts that ended without acknowledgement and led to another one.',
          unit: 'ops',
          queries: [
            {
              expr: `${rate('rocketmq_pop_revive_retry_messages_total', PAIR, OF_GROUPS)} or vector(0)`,
              legend: pair,
            },
          ],
        },
        {
          title: 'Dead letters',
          description: 'Moved to %DLQ%GROUP.',
          unit: 'ops',
          queries: [
            {
              expr: `${rate('rocketmq_send_to_dlq_messages_total', PAIR, OF_GROUPS)} or vector(0)`,
              legend: pair,
            },
          ],
        },
        {
          title: 'Consumers',
          description: 'Connected, by kind.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (cluster, consumer_group, consume_mode) (rocketmq_consumer_connections{${CHOSEN}, consumer_group=~"$group"}) or vector(0)`,
              legend: '{{consumer_group}} {{consume_mode}}',
            },
          ],
        },
        {
          title: 'Producers',
          description: 'Connected, by language and version of the client.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (cluster, language, version) (rocketmq_producer_connections{${CHOSEN}}) or vector(0)`,
              legend: '{{language}} {{version}}',
            },
          ],
        },
        {
          title: 'Receives that wait',
          description: 'Consumers that have asked and get the next message at once.',
          unit: 'short',
          queries: [
            {
              expr: `sum by (cluster, node_id) (orbitmq_waiting_receives{${CHOSEN}})`,
              legend: '{{node_id}}',
            },
          ],
        },
      ],
    },
  ],
};
