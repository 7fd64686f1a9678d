import type { AlertGroup } from './alert-definition.ts';
import { backlog, CONSUMPTION } from './selectors.ts';

const WHAT = 'Consumer group {{ $labels.consumer_group }} on topic {{ $labels.topic }}';

const READY = backlog('rocketmq_consumer_ready_messages');
const LAG = backlog('rocketmq_consumer_lag_messages');
const LAG_BEFORE = backlog('rocketmq_consumer_lag_messages offset 15m');
const LATENCY_MS = `max by (${CONSUMPTION}) (rocketmq_consumer_lag_latency)`;
const DEAD = `sum by (${CONSUMPTION}) (rocketmq_send_to_dlq_messages_total)`;

/** Consumers that do not keep up, or do not agree. */
export const CONSUMPTION_ALERTS: AlertGroup = {
  name: 'orbitmq-consumption',
  title: 'Consumption',
  alerts: [
    {
      name: 'OrbitMQConsumerLagGrowing',
      severity: 'warning',
      expr: `${LAG} > ${LAG_BEFORE} and ${LATENCY_MS} > 600000`,
      for: '10m',
      summary: `${WHAT} falls behind: {{ $value | humanize }} messages`,
      description:
        'The oldest message that is not acknowledged is older than 10 minutes, and the backlog has been growing.',
      impact:
        'Messages are processed late; those that reach the end of the retention are lost to the group.',
      steps: [
        'Add consumers. More than one per queue helps too: messages are shared out one by one, except those of one message group.',
        'Look at the processing time of the consumers themselves.',
        'Do messages come back again and again? Panel "Deliveries that were repeated".',
        'In FIFO topics: one message group with very many messages has one consumer at a time.',
      ],
    },
    {
      name: 'OrbitMQConsumerStuck',
      severity: 'warning',
      expr: `${READY} > 0 unless on (${CONSUMPTION}) sum by (${CONSUMPTION}) (rate(rocketmq_messages_out_total[10m])) > 0`,
      for: '10m',
      summary: `${WHAT} receives nothing, and {{ $value | humanize }} messages wait`,
      description: 'Messages could be handed out, and none has been for 10 minutes.',
      impact: 'Nobody processes these messages.',
      steps: [
        'Are consumers connected? `orbitmq group describe GROUP`, panel "Consumers".',
        'A group that is not used any more: delete it, it keeps the alert alive.',
        'Is the group paused (`paused` of the ConsumerGroup), or has the topic no read permission?',
        'All messages in work and none acknowledged: the consumers hang, or they have stopped without closing; what they hold comes back after the invisible time.',
      ],
    },
    {
      name: 'OrbitMQDeadLetters',
      severity: 'warning',
      expr: `sum by (${CONSUMPTION}) (increase(rocketmq_send_to_dlq_messages_total[15m])) > 0 or (${DEAD} > 0 unless on (${CONSUMPTION}) ${DEAD.replace('_total', '_total offset 15m')})`,
      for: '0m',
      summary: `${WHAT} has given up messages`,
      description:
        'Messages have failed as often as the group allows, and were moved to the dead-letter topic %DLQ%{{ $labels.consumer_group }}.',
      impact: 'These messages are not processed unless somebody sends them again.',
      steps: [
        "Look at them: `orbitmq receive '%DLQ%GROUP' --peek`. Their properties name the topic that they came from.",
        'Repair the consumer; the log of the application says why it refused them.',
        "Send them again: receive them with a group of their own (`orbitmq receive '%DLQ%GROUP' --group repair --follow --body`) and send what is still wanted.",
      ],
    },
    {
      name: 'OrbitMQSubscriptionInconsistent',
      severity: 'warning',
      expr: 'max by (namespace, cluster, topic, consumer_group) (orbitmq_subscription_inconsistent) == 1',
      for: '5m',
      summary: `${WHAT}: its members subscribe differently`,
      description:
        'Members of one consumer group must have the same topics and filters. Some have not, for 5 minutes.',
      impact: 'A message may go to a member that filters it out, and is lost to the group.',
      steps: [
        'During a rollout of the consumers with a new subscription this is normal; it must end.',
        'Which members? `orbitmq group describe GROUP`. Give each kind of consumer a group of its own.',
      ],
    },
  ],
};
