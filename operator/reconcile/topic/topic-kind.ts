import { parseDuration } from '../../../common/options/bytes-and-durations.ts';
import type { TopicConfig } from '../../../common/model/topic.ts';
import type { Topic } from '../../api/topic-schema.ts';
import type { ManagedKind, ManagedStep } from '../admin/managed-kind.ts';
import { OWN_RESOURCES } from '../own-resources.ts';
import { planTopic, type TopicStep } from './core/topic-plan.ts';

const nameOf = ({ spec, metadata }: Topic): string => spec.name ?? metadata.name;

/** The topic that a resource asks for. */
function wantedTopic(object: Topic): TopicConfig {
  const { type, queuesPerGroup: queueCount, permission, retention } = object.spec;
  const retentionMs = retention === undefined ? undefined : durationMs(retention);
  return { name: nameOf(object), type, queueCount, permission, retentionMs };
}

export const TOPIC_KIND: ManagedKind<Topic> = {
  resource: OWN_RESOURCES.topics,
  noun: 'topic',
  nameOf,
  plan: (object, content) => {
    const wanted = wantedTopic(object);
    const { steps, settled, unknown, larger } = planTopic(
      wanted,
      content.map(({ brokerName, isReadOnly, topics }) => ({
        ...{ brokerName, isReadOnly, isKnown: topics !== undefined },
        topic: topics?.get(wanted.name),
      })),
    );
    const where = larger.join(', ');
    const impossible =
      larger.length === 0
        ? ''
        : `${where} has more than ${wanted.queueCount} queues: queues cannot be taken away; set spec.queuesPerGroup to what is there, or delete the topic`;
    return { steps: steps.map((step) => managedStep(step, wanted)), settled, unknown, impossible };
  },
  isThere: (object, content) => content.some(({ topics }) => topics?.has(nameOf(object)) === true),
  remove: async (object, { brokerName, admin }, directory) => {
    await admin.deleteTopic(nameOf(object));
    await directory.topicChanged(brokerName, nameOf(object), undefined);
  },
  facts: (object, settled, content) => {
    const name = nameOf(object);
    const counts = content.flatMap(({ topics }) => topics?.get(name)?.queueCount ?? []);
    return {
      topicName: name,
      ...(counts.length > 0 && { queuesPerGroup: Math.min(...counts) }),
      groups: settled,
    };
  },
};

function managedStep(step: TopicStep, wanted: TopicConfig): ManagedStep {
  const { kind, brokerName } = step;
  return {
    kind,
    brokerName,
    perform: async ({ admin }, directory) => {
      if (step.kind === 'create') {
        await admin.createTopic(step.topic);
        await directory.topicChanged(brokerName, wanted.name, step.topic);
        return;
      }
      await admin.updateTopic(step.name, step.change);
      const { retentionMs = wanted.retentionMs } = step.change;
      const changed = { ...wanted, ...step.change };
      const after = { ...changed, retentionMs: retentionMs === 0 ? undefined : retentionMs };
      await directory.topicChanged(brokerName, wanted.name, after);
    },
  };
}

/** The API server has checked the text. */
function durationMs(text: string): number | undefined {
  return parseDuration(text);
}
