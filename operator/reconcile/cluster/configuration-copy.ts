import type { ConsumerGroupConfig } from '../../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../../common/model/topic.ts';
import type { BrokerContent, DirectoryBroker } from '../admin/cluster-directory.ts';
import { ANNOTATIONS, clusterKey } from '../names.ts';
import { OWN_RESOURCES } from '../own-resources.ts';
import { changeTo } from '../topic/core/topic-plan.ts';
import type { GroupView } from './cluster-view.ts';
import type { ChildrenTurn } from './group-children.ts';

/** What a broker makes for itself: dead-letter topics and the like. */
const OWN_PREFIX = '%';

/**
 * Gives new broker groups the topics and consumer groups that the others have, once: afterwards whoever changes something
 * changes it everywhere. A group that comes back with an old volume is brought up to date by it too. Returns how many groups
 * still wait for it, since somebody could not be asked.
 */
export async function configureNewGroups(turn: ChildrenTurn): Promise<number> {
  const { ports, view } = turn;
  const fresh = view.groups.filter(
    ({ group, record }) =>
      group !== undefined && record?.phase === 'stable' && !isConfigured(group),
  );
  if (fresh.length === 0) return 0;
  const key = clusterKey(view.namespace, view.name);
  const brokers = ports.access.brokers(key);
  const content = await ports.access.directory(key)?.look(brokers);
  if (content === undefined) return fresh.length;
  const configured = view.groups.filter(({ group }) => group !== undefined && isConfigured(group));
  const sources = content.filter(
    ({ brokerName, isReadOnly }) =>
      !isReadOnly && configured.some((group) => group.brokerName === brokerName),
  );
  let waiting = fresh.length;
  for (const group of fresh) {
    const broker = brokers.find(({ brokerName }) => brokerName === group.brokerName);
    const present = content.find(({ brokerName }) => brokerName === group.brokerName);
    if (broker === undefined || present?.topics === undefined) continue;
    if (configured.length > 0 && sources.every(({ topics }) => topics === undefined)) continue;
    await copy(broker, present, sources);
    await markConfigured(turn, group);
    waiting -= 1;
  }
  return waiting;
}

async function copy(
  { admin }: DirectoryBroker,
  present: BrokerContent,
  sources: readonly BrokerContent[],
): Promise<void> {
  for (const topic of union(sources.map(({ topics }) => topics))) {
    const known = present.topics?.get(topic.name);
    if (known === undefined) await admin.createTopic(topic);
    else {
      const change = changeTo(topic, known);
      if (change !== undefined) await admin.updateTopic(topic.name, change);
    }
  }
  for (const group of union(sources.map(({ groups }) => groups))) {
    if (present.groups?.has(group.name) !== true) await admin.createGroup(group);
  }
}

function union<Config extends TopicConfig | ConsumerGroupConfig>(
  maps: readonly (ReadonlyMap<string, Config> | undefined)[],
): readonly Config[] {
  const all = new Map<string, Config>();
  for (const map of maps) {
    for (const [name, config] of map ?? []) {
      if (!name.startsWith(OWN_PREFIX) && !all.has(name)) all.set(name, config);
    }
  }
  return [...all.values()];
}

async function markConfigured(
  { ports, view, signal }: ChildrenTurn,
  { group }: GroupView,
): Promise<void> {
  if (group === undefined) return;
  const { name } = group.metadata;
  const patch = { metadata: { annotations: { [ANNOTATIONS.hasConfiguration]: 'true' } } };
  const at = { namespace: view.namespace, name };
  await ports.api.mergePatch(OWN_RESOURCES.brokerGroups, at, patch, { signal });
}

function isConfigured({ metadata }: NonNullable<GroupView['group']>): boolean {
  return metadata.annotations?.[ANNOTATIONS.hasConfiguration] === 'true';
}
