/** Defaults as the API server fills them in: for objects that did not come from it, and for fields that a new schema brought. */
import {
  BROKER_CLUSTER_SPEC,
  type BrokerClusterSpec,
  type WrittenBrokerClusterSpec,
} from './broker-cluster-schema.ts';
import {
  CONSUMER_GROUP_SPEC,
  type ConsumerGroupSpec,
  type WrittenConsumerGroupSpec,
} from './consumer-group-schema.ts';
import type { Field, Fields } from './schema.ts';
import { TOPIC_SPEC, type TopicSpec, type WrittenTopicSpec } from './topic-schema.ts';

export function brokerClusterDefaults(spec: WrittenBrokerClusterSpec): BrokerClusterSpec {
  return withDefaults(BROKER_CLUSTER_SPEC, spec) as BrokerClusterSpec;
}

export function topicDefaults(spec: WrittenTopicSpec): TopicSpec {
  return withDefaults(TOPIC_SPEC, spec) as TopicSpec;
}

export function consumerGroupDefaults(spec: WrittenConsumerGroupSpec): ConsumerGroupSpec {
  return withDefaults(CONSUMER_GROUP_SPEC, spec) as ConsumerGroupSpec;
}

/** What is missing gets its default; what is there stays, known or not. */
export function withDefaults({ kind }: Field, value: unknown): unknown {
  switch (kind.type) {
    case 'object':
    case 'handed-on':
      return isObject(value) ? objectWithDefaults(kind.fields, value) : value;
    case 'map':
      return isObject(value)
        ? Object.fromEntries(
            Object.entries(value).map(([key, item]) => [key, withDefaults(kind.of, item)]),
          )
        : value;
    case 'array':
      return Array.isArray(value) ? value.map((item) => withDefaults(kind.of, item)) : value;
    default:
      return value;
  }
}

function objectWithDefaults(
  fields: Fields,
  value: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const known = Object.entries(fields).flatMap(([name, field]) => {
    const given = value[name] ?? field.default;
    return given === undefined ? [] : [[name, withDefaults(field, given)] as const];
  });
  return { ...value, ...Object.fromEntries(known) };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
