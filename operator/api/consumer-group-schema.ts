import { START_POSITIONS } from '../../common/model/consumer-group.ts';
import { DEFAULT_MAX_ATTEMPTS } from '../../common/model/retry-policy.ts';
import type { CustomResource } from './object-meta.ts';
import {
  decimal,
  flag,
  integer,
  list,
  object,
  oneOf,
  text,
  type ValueOf,
  type Written,
} from './schema.ts';
import {
  clusterRefField,
  conditionsField,
  durationText,
  groupsField,
  nameIsFixed,
  observedGenerationField,
  RESOURCE_NAME_PATTERN,
} from './recurring-fields.ts';

/** As in the options of a broker (`maxGroupNameLength`). */
const GROUP_NAME_CHARACTERS_MAX = 255;
const ATTEMPTS_MAX = 1000;
const STEPS_MAX = 64;

const exponentialField = object(
  'Each wait is the one before times the multiplier.',
  {
    initial: durationText('Wait after the first attempt.', { default: '1s' }),
    max: durationText('Longest wait.', { default: '2h' }),
    multiplier: decimal('By what a wait grows.', { default: 2, min: 1, max: 100 }),
  },
  {
    optional: true,
    rules: [
      {
        rule: 'duration(self.initial) <= duration(self.max)',
        message: 'spec.backoff.exponential.initial must not exceed max: waits only grow',
        fieldPath: '.initial',
      },
    ],
  },
);

const customizedField = list('Waits one by one; the last one repeats.', durationText('', {}), {
  optional: true,
  min: 1,
  max: STEPS_MAX,
});

export const CONSUMER_GROUP_SPEC = object(
  'What the consumer group should be. Whatever somebody changes at the brokers is changed back.',
  {
    clusterRef: clusterRefField,
    name: text(
      'Name of the group for clients; without it, the name of this resource. It cannot be changed.',
      { optional: true, min: 1, max: GROUP_NAME_CHARACTERS_MAX, pattern: RESOURCE_NAME_PATTERN },
    ),
    maxAttempts: integer(
      'Deliveries of a message before it goes to the dead-letter topic of the group.',
      { default: DEFAULT_MAX_ATTEMPTS, min: 1, max: ATTEMPTS_MAX },
    ),
    ordered: flag('Whether messages of one message group are delivered one after the other.', {
      default: false,
    }),
    backoff: object(
      "How long to wait before the next attempt, one of the two; without it, RocketMQ's table from 1s to 2h.",
      { exponential: exponentialField, customized: customizedField },
      {
        optional: true,
        rules: [
          {
            rule: 'has(self.exponential) != has(self.customized)',
            message: 'spec.backoff must have either exponential or customized: a wait has one rule',
          },
        ],
      },
    ),
    startPosition: oneOf(
      'Where it begins on a topic that it has never consumed: at messages sent from now on, or at the oldest kept.',
      START_POSITIONS,
      { default: 'latest' },
    ),
    paused: flag('A paused group receives nothing; its position is kept.', { default: false }),
    deletionPolicy: oneOf(
      'What becomes of the group and its position when this resource is deleted.',
      ['Delete', 'Retain'],
      { default: 'Retain' },
    ),
  },
  {
    rules: [nameIsFixed('the position belongs to the old name')],
  },
);

export const CONSUMER_GROUP_STATUS = object(
  'What the operator has seen and done.',
  {
    observedGeneration: observedGenerationField,
    conditions: conditionsField,
    groupName: text('Name of the group for clients.', { optional: true }),
    groups: groupsField,
  },
  { optional: true },
);

export type ConsumerGroupSpec = ValueOf<typeof CONSUMER_GROUP_SPEC>;
export type ConsumerGroupStatus = ValueOf<typeof CONSUMER_GROUP_STATUS>;
export type ConsumerGroup = CustomResource<ConsumerGroupSpec, ConsumerGroupStatus>;
export type WrittenConsumerGroupSpec = Written<ConsumerGroupSpec>;
