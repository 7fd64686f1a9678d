/** What to do at each broker group so that a topic is there as it is wanted. */
import type { Permission, TopicConfig } from '../../../../common/model/topic.ts';

/** What one broker group has of the topic. */
export interface TopicAtBroker {
  readonly brokerName: string;
  /** It could be asked. */
  readonly isKnown: boolean;
  /** The group is on its way out and takes no new messages. */
  readonly isReadOnly: boolean;
  /** Undefined: it does not have it. */
  readonly topic: TopicConfig | undefined;
}

/** Absent fields stay as they are. */
export interface TopicChange {
  readonly type?: TopicConfig['type'];
  readonly queueCount?: number;
  readonly permission?: Permission;
  /** 0: back to the default of the broker. */
  readonly retentionMs?: number;
}

export type TopicStep =
  | { readonly kind: 'create'; readonly brokerName: string; readonly topic: TopicConfig }
  | {
      readonly kind: 'update';
      readonly brokerName: string;
      readonly name: string;
      readonly change: TopicChange;
    };

export interface TopicPlan {
  readonly steps: readonly TopicStep[];
  /** Groups that have it as it is wanted. */
  readonly settled: readonly string[];
  /** Groups that could not be asked. */
  readonly unknown: readonly string[];
  /** Groups that have more queues than are wanted, which cannot be taken away. */
  readonly larger: readonly string[];
}

export function planTopic(wanted: TopicConfig, brokers: readonly TopicAtBroker[]): TopicPlan {
  const known = brokers.filter(({ isKnown }) => isKnown);
  const steps = known.flatMap((broker) => stepAt(wanted, broker) ?? []);
  const busy = new Set(steps.map(({ brokerName }) => brokerName));
  const larger = known
    .filter(({ topic }) => topic !== undefined && topic.queueCount > wanted.queueCount)
    .map(({ brokerName }) => brokerName);
  return {
    steps,
    larger,
    settled: known
      .map(({ brokerName }) => brokerName)
      .filter((name) => !busy.has(name) && !larger.includes(name)),
    unknown: brokers.filter(({ isKnown }) => !isKnown).map(({ brokerName }) => brokerName),
  };
}

/** A group on its way out needs no topic that it does not have. */
function stepAt(
  wanted: TopicConfig,
  { brokerName, topic, isReadOnly }: TopicAtBroker,
): TopicStep | undefined {
  const wish = isReadOnly ? readOnly(wanted) : wanted;
  if (topic === undefined) {
    return isReadOnly ? undefined : { kind: 'create', brokerName, topic: wish };
  }
  const change = changeTo(wish, topic);
  const { name } = wanted;
  return change === undefined ? undefined : { kind: 'update', brokerName, name, change };
}

/** Undefined: nothing is to change. Queues are only ever added. */
export function changeTo(wanted: TopicConfig, present: TopicConfig): TopicChange | undefined {
  const change: TopicChange = {
    ...(wanted.type !== present.type && { type: wanted.type }),
    ...(wanted.queueCount > present.queueCount && { queueCount: wanted.queueCount }),
    ...(wanted.permission !== present.permission && { permission: wanted.permission }),
    ...(wanted.retentionMs !== present.retentionMs && { retentionMs: wanted.retentionMs ?? 0 }),
  };
  return Object.keys(change).length === 0 ? undefined : change;
}

/** The same topic for a group that takes no new messages. */
export function readOnly(topic: TopicConfig): TopicConfig {
  return { ...topic, permission: READ_ONLY[topic.permission] };
}

const READ_ONLY: Readonly<Record<Permission, Permission>> = {
  READ_WRITE: 'READ',
  READ: 'READ',
  WRITE: 'NONE',
  NONE: 'NONE',
};

export function isWritable({ permission }: Pick<TopicConfig, 'permission'>): boolean {
  return permission === 'READ_WRITE' || permission === 'WRITE';
}
