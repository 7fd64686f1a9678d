/** What to do at each broker group so that a consumer group is there as it is wanted. */
import type { ConsumerGroupConfig } from '../../../../common/model/consumer-group.ts';
import type { Backoff } from '../../../../common/model/retry-policy.ts';

export interface GroupAtBroker {
  readonly brokerName: string;
  readonly isKnown: boolean;
  /** The broker group is on its way out. */
  readonly isReadOnly: boolean;
  readonly group: ConsumerGroupConfig | undefined;
}

export type GroupChange = Partial<Omit<ConsumerGroupConfig, 'name'>>;

export type GroupStep =
  | { readonly kind: 'create'; readonly brokerName: string; readonly group: ConsumerGroupConfig }
  | {
      readonly kind: 'update';
      readonly brokerName: string;
      readonly name: string;
      readonly change: GroupChange;
    };

export interface GroupPlan {
  readonly steps: readonly GroupStep[];
  readonly settled: readonly string[];
  readonly unknown: readonly string[];
}

export function planConsumerGroup(
  wanted: ConsumerGroupConfig,
  brokers: readonly GroupAtBroker[],
): GroupPlan {
  const known = brokers.filter(({ isKnown }) => isKnown);
  const steps = known.flatMap((broker) => stepAt(wanted, broker) ?? []);
  const busy = new Set(steps.map(({ brokerName }) => brokerName));
  return {
    steps,
    settled: known.map(({ brokerName }) => brokerName).filter((name) => !busy.has(name)),
    unknown: brokers.filter(({ isKnown }) => !isKnown).map(({ brokerName }) => brokerName),
  };
}

/** Consumers still read what a broker group on its way out has: its settings are kept up, but nothing is made there. */
function stepAt(
  wanted: ConsumerGroupConfig,
  { brokerName, group, isReadOnly }: GroupAtBroker,
): GroupStep | undefined {
  if (group === undefined) {
    return isReadOnly ? undefined : { kind: 'create', brokerName, group: wanted };
  }
  const change = groupChangeTo(wanted, group);
  const { name } = wanted;
  return change === undefined ? undefined : { kind: 'update', brokerName, name, change };
}

/** Undefined: nothing is to change. */
function groupChangeTo(
  wanted: ConsumerGroupConfig,
  present: ConsumerGroupConfig,
): GroupChange | undefined {
  const { maxAttempts, ordered, backoff, startPosition, paused } = wanted;
  const change: GroupChange = {
    ...(maxAttempts !== present.maxAttempts && { maxAttempts }),
    ...(ordered !== present.ordered && { ordered }),
    ...(startPosition !== present.startPosition && { startPosition }),
    ...(paused !== present.paused && { paused }),
    ...(!isSameBackoff(backoff, present.backoff) && { backoff }),
  };
  return Object.keys(change).length === 0 ? undefined : change;
}

function isSameBackoff(a: Backoff, b: Backoff): boolean {
  if (a.kind === 'customized') {
    return (
      b.kind === 'customized' &&
      a.stepsMs.length === b.stepsMs.length &&
      a.stepsMs.every((step, index) => step === b.stepsMs[index])
    );
  }
  return (
    b.kind === 'exponential' &&
    a.initialMs === b.initialMs &&
    a.maxMs === b.maxMs &&
    a.multiplier === b.multiplier
  );
}
