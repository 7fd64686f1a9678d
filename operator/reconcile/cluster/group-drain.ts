import type { BrokerContent, DirectoryBroker } from '../admin/cluster-directory.ts';
import { ANNOTATIONS, clusterKey } from '../names.ts';
import { OWN_RESOURCES } from '../own-resources.ts';
import { isWritable, readOnly } from '../topic/core/topic-plan.ts';
import type { GroupView } from './cluster-view.ts';
import { isDrained, planDrain, type DrainPlan, type DrainProgress } from './core/drain-plan.ts';
import { removeGroup, type ChildrenTurn } from './group-children.ts';

/** How often a group was found empty in a row, by UID of its BrokerGroup. */
export type QuietLooks = Map<string, number>;

const UNKNOWN: DrainProgress = { lag: undefined, writableTopics: undefined };
/** Consumer groups asked at once. */
const ASKED_AT_ONCE = 8;

/** Looks after a broker group that the spec does not want. */
export async function drainGroup(
  turn: ChildrenTurn,
  view: GroupView,
  quiet: QuietLooks,
): Promise<DrainPlan> {
  const { group } = view;
  // Its record goes last: without one it is on its way out already, and that was said.
  if (group === undefined) {
    await removeGroup(turn, view);
    return GONE;
  }
  const plan = await planOf(turn, view, group, quiet);
  await follow(turn, view, plan, quiet);
  return plan;
}

const GONE: DrainPlan = {
  ...{ state: 'removing', sinceMs: undefined, untilMs: undefined, isReadOnly: true },
  ...{ message: 'it is going', isForced: false },
};

async function planOf(
  turn: ChildrenTurn,
  view: GroupView,
  { metadata }: NonNullable<GroupView['group']>,
  quiet: QuietLooks,
): Promise<DrainPlan> {
  const { clock, settings } = turn.ports;
  const { uid = '' } = metadata;
  const since = metadata.annotations?.[ANNOTATIONS.drainingSince];
  const isUnused = (view.record?.epoch ?? 0) === 0;
  const progress = since === undefined || isUnused ? UNKNOWN : await drainStep(turn, view);
  const quietLooks = isDrained(progress) ? (quiet.get(uid) ?? 0) + 1 : 0;
  quiet.set(uid, quietLooks);
  return planDrain({
    ...{ isWanted: false, isUnused, progress, quietLooks },
    sinceMs: since === undefined ? undefined : Date.parse(since),
    nowMs: clock.nowMs(),
    timeoutMs: settings.drainTimeoutMs,
  });
}

async function follow(
  turn: ChildrenTurn,
  view: GroupView,
  plan: DrainPlan,
  quiet: QuietLooks,
): Promise<void> {
  const { ports, cluster } = turn;
  const { group, brokerName } = view;
  const { uid = '', annotations } = group?.metadata ?? {};
  if (plan.state === 'removing') {
    quiet.delete(uid);
    await removeGroup(turn, view);
    ports.story.tell(cluster, 'GroupRemoved', `${brokerName} is removed: ${plan.message}`);
    return;
  }
  if (annotations?.[ANNOTATIONS.drainingSince] !== undefined) return;
  await annotate(turn, view, new Date(ports.clock.nowMs()).toISOString());
  const until = new Date(plan.untilMs ?? 0).toISOString();
  const message = `${brokerName} takes no new messages; consumers have until ${until}`;
  ports.story.tell(cluster, 'GroupDraining', message);
}

/** The spec wants it after all: topics take messages there again. */
export async function keepGroup(turn: ChildrenTurn, view: GroupView): Promise<void> {
  const { group, brokerName } = view;
  if (group?.metadata.annotations?.[ANNOTATIONS.drainingSince] === undefined) return;
  if (!(await openTopics(turn, brokerName))) return;
  await annotate(turn, view, null);
  turn.ports.story.tell(turn.cluster, 'Updated', `${brokerName} is not removed after all`);
}

/** Gives topics the permission that they have on the other broker groups. False: it could not be asked. */
async function openTopics({ ports, view }: ChildrenTurn, brokerName: string): Promise<boolean> {
  const key = clusterKey(view.namespace, view.name);
  const brokers = ports.access.brokers(key);
  const content = (await ports.access.directory(key)?.look(brokers)) ?? [];
  const broker = brokers.find((one) => one.brokerName === brokerName);
  const own = content.find((one) => one.brokerName === brokerName);
  if (broker === undefined || own?.topics === undefined) return false;
  const others = content.filter((one) => one.brokerName !== brokerName && !one.isReadOnly);
  for (const [name, topic] of own.topics) {
    const elsewhere = others.flatMap(({ topics }) => topics?.get(name) ?? [])[0];
    if (elsewhere === undefined || elsewhere.permission === topic.permission) continue;
    await broker.admin.updateTopic(name, { permission: elsewhere.permission });
  }
  return true;
}

/** Takes the right to write away from what has it, and counts what is left. */
async function drainStep(turn: ChildrenTurn, { brokerName }: GroupView): Promise<DrainProgress> {
  const key = clusterKey(turn.view.namespace, turn.view.name);
  const broker = turn.ports.access
    .brokers(key)
    .find((candidate) => candidate.brokerName === brokerName);
  const directory = turn.ports.access.directory(key);
  if (broker === undefined || directory === undefined) return UNKNOWN;
  const [content] = (await directory.look([broker])).filter((one) => one.brokerName === brokerName);
  if (content?.topics === undefined || content.groups === undefined) return UNKNOWN;
  try {
    const writableTopics = await closeTopics(broker, content);
    const lag = await lagIn(broker, [...content.groups.keys()]);
    return { lag, writableTopics };
  } catch (error) {
    turn.ports.logger.warn('a group that is drained could not be asked', { brokerName, error });
    return UNKNOWN;
  }
}

/** How many took messages until now. */
async function closeTopics({ admin }: DirectoryBroker, { topics }: BrokerContent): Promise<number> {
  const open = [...(topics?.values() ?? [])].filter(isWritable);
  for (const topic of open) {
    await admin.updateTopic(topic.name, { permission: readOnly(topic).permission });
  }
  return open.length;
}

async function lagIn({ admin }: DirectoryBroker, groups: readonly string[]): Promise<number> {
  let sum = 0;
  for (let first = 0; first < groups.length; first += ASKED_AT_ONCE) {
    const asked = groups.slice(first, first + ASKED_AT_ONCE).map((group) => admin.lagOf(group));
    sum += (await Promise.all(asked)).reduce((total, lag) => total + lag, 0);
  }
  return sum;
}

async function annotate(
  { ports, view, signal }: ChildrenTurn,
  { group }: GroupView,
  value: string | null,
): Promise<void> {
  if (group === undefined) return;
  const { name } = group.metadata;
  const patch = { metadata: { annotations: { [ANNOTATIONS.drainingSince]: value } } };
  const at = { namespace: view.namespace, name };
  await ports.api.mergePatch(OWN_RESOURCES.brokerGroups, at, patch, { signal });
}
