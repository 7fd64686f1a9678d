import { parseDuration } from '../../../common/options/bytes-and-durations.ts';
import type { ConsumerGroupConfig } from '../../../common/model/consumer-group.ts';
import { DEFAULT_CONSUMER_BACKOFF, type Backoff } from '../../../common/model/retry-policy.ts';
import type { ConsumerGroup } from '../../api/consumer-group-schema.ts';
import type { ManagedKind, ManagedStep } from '../admin/managed-kind.ts';
import { OWN_RESOURCES } from '../own-resources.ts';
import { planConsumerGroup, type GroupStep } from './core/consumer-group-plan.ts';

const nameOf = ({ spec, metadata }: ConsumerGroup): string => spec.name ?? metadata.name;

/** The consumer group that a resource asks for. */
function wantedGroup(object: ConsumerGroup): ConsumerGroupConfig {
  const { maxAttempts, ordered, startPosition, paused, backoff } = object.spec;
  return {
    ...{ name: nameOf(object), maxAttempts, ordered, startPosition, paused },
    backoff: backoffOf(backoff),
  };
}

export const CONSUMER_GROUP_KIND: ManagedKind<ConsumerGroup> = {
  resource: OWN_RESOURCES.consumerGroups,
  noun: 'consumer group',
  nameOf,
  plan: (object, content) => {
    const wanted = wantedGroup(object);
    const { steps, settled, unknown } = planConsumerGroup(
      wanted,
      content.map(({ brokerName, isReadOnly, groups }) => ({
        ...{ brokerName, isReadOnly, isKnown: groups !== undefined },
        group: groups?.get(wanted.name),
      })),
    );
    const managed = steps.map((step) => managedStep(step, wanted));
    return { steps: managed, settled, unknown, impossible: '' };
  },
  isThere: (object, content) => content.some(({ groups }) => groups?.has(nameOf(object)) === true),
  remove: async (object, { brokerName, admin }, directory) => {
    await admin.deleteGroup(nameOf(object));
    await directory.groupChanged(brokerName, nameOf(object), undefined);
  },
  facts: (object, settled) => ({ groupName: nameOf(object), groups: settled }),
};

function managedStep(step: GroupStep, wanted: ConsumerGroupConfig): ManagedStep {
  const { kind, brokerName } = step;
  return {
    kind,
    brokerName,
    perform: async ({ admin }, directory) => {
      if (step.kind === 'create') await admin.createGroup(step.group);
      else await admin.updateGroup(wanted, step.change);
      await directory.groupChanged(brokerName, wanted.name, wanted);
    },
  };
}

function backoffOf(backoff: ConsumerGroup['spec']['backoff']): Backoff {
  const { exponential, customized } = backoff ?? {};
  if (customized !== undefined) {
    return { kind: 'customized', stepsMs: customized.map((step) => parseDuration(step) ?? 0) };
  }
  if (exponential === undefined) return DEFAULT_CONSUMER_BACKOFF;
  return {
    kind: 'exponential',
    initialMs: parseDuration(exponential.initial) ?? 0,
    maxMs: parseDuration(exponential.max) ?? 0,
    multiplier: exponential.multiplier,
  };
}
