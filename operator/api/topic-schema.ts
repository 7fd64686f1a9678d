import { PERMISSIONS, TOPIC_TYPES } from '../../common/model/topic.ts';
import type { CustomResource } from './object-meta.ts';
import { integer, object, oneOf, text, type ValueOf, type Written } from './schema.ts';
import {
  clusterRefField,
  conditionsField,
  durationText,
  groupsField,
  nameIsFixed,
  observedGenerationField,
  RESOURCE_NAME_PATTERN,
} from './recurring-fields.ts';

/** As in the options of a broker (`maxTopicNameLength`, `defaultQueueCount`). */
const TOPIC_NAME_CHARACTERS_MAX = 127;
const QUEUES_MAX = 1024;

export const TOPIC_SPEC = object(
  'What the topic should be. Whatever somebody changes at the brokers is changed back.',
  {
    clusterRef: clusterRefField,
    name: text(
      'Name of the topic for clients; without it, the name of this resource. It cannot be changed.',
      { optional: true, min: 1, max: TOPIC_NAME_CHARACTERS_MAX, pattern: RESOURCE_NAME_PATTERN },
    ),
    type: oneOf('What kind of messages it takes; MIXED takes all.', TOPIC_TYPES, {
      default: 'NORMAL',
    }),
    queuesPerGroup: integer(
      'Queues on each broker group. More of them let more consumers share the topic. It can grow at any time, and never shrink.',
      {
        default: 8,
        min: 1,
        max: QUEUES_MAX,
        rules: [
          {
            rule: 'self >= oldSelf',
            message:
              'spec.queuesPerGroup cannot shrink: the messages in the queues that go would be lost; make a new topic',
          },
        ],
      },
    ),
    retention: durationText(
      'Age from which its messages may be deleted; without it, what the cluster says.',
      { optional: true },
    ),
    permission: oneOf('What clients may do with it.', PERMISSIONS, { default: 'READ_WRITE' }),
    deletionPolicy: oneOf(
      'What becomes of the topic and its messages when this resource is deleted.',
      ['Delete', 'Retain'],
      { default: 'Retain' },
    ),
  },
  {
    rules: [
      nameIsFixed('clients and messages keep the old name'),
      {
        rule: "!has(self.retention) || (duration(self.retention) >= duration('1s') && duration(self.retention) <= duration('87600h'))",
        message: 'spec.retention must be from 1s to 87600h (ten years)',
        fieldPath: '.retention',
      },
    ],
  },
);

export const TOPIC_STATUS = object(
  'What the operator has seen and done.',
  {
    observedGeneration: observedGenerationField,
    conditions: conditionsField,
    topicName: text('Name of the topic for clients.', { optional: true }),
    queuesPerGroup: integer('Queues that each broker group has now.', { optional: true, min: 0 }),
    groups: groupsField,
  },
  { optional: true },
);

export type TopicSpec = ValueOf<typeof TOPIC_SPEC>;
export type TopicStatus = ValueOf<typeof TOPIC_STATUS>;
export type Topic = CustomResource<TopicSpec, TopicStatus>;
export type WrittenTopicSpec = Written<TopicSpec>;
