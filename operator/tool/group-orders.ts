/**
 * What a person orders of a broker group or a cluster: an annotation, and then the wait until the operator has done it or has
 * said why not. Whoever no longer waits takes back what nobody has taken up.
 */
import { MqError } from '../../common/errors/mq-error.ts';
import type { BrokerCluster } from '../api/broker-cluster-schema.ts';
import type { BrokerGroup } from '../api/broker-group-schema.ts';
import type { GroupRecord } from '../failover/core/group-record.ts';
import type { Transition } from '../failover/core/transition.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { isKubeError } from '../kube/kube-error.ts';
import { RESOURCES, type KubeEvent } from '../kube/resource.ts';
import { recordIn } from '../reconcile/broker-group/kubernetes-group-store.ts';
import { ANNOTATIONS } from '../reconcile/names.ts';
import { OWN_RESOURCES } from '../reconcile/own-resources.ts';
import type { ReadApi, Target } from './cluster-lookup.ts';
import { until, type Patience } from './patience.ts';

export interface OrderPorts extends Patience {
  readonly kube: ReadApi & Pick<KubeClient, 'mergePatch'>;
}

/** `unchanged`: it is the master already. */
export type SwitchoverOutcome =
  | { readonly kind: 'done'; readonly transition: Transition }
  | { readonly kind: 'unchanged'; readonly master: string };

export interface FenceOutcome {
  readonly group: string;
  readonly fencedMembers: readonly string[];
  readonly isGroupFenced: boolean;
  /** Empty: there is none. */
  readonly master: string;
}

const EXPLAIN = (group: string): string =>
  `"kubectl orbitmq explain-failover ${group}" tells who could take over.`;
const IS_THERE_AN_OPERATOR =
  'Is an operator running? "kubectl orbitmq logs operator" shows what it does.';
/** The operator tells why it refused by an event, which may come a moment later. */
const EVENT_WAIT_MS = 5_000;
const ANY = 'any';
const WHOLE_GROUP = '*';
const CONFLICTS_MAX = 10;

/** `target` empty: whoever would take over best. */
export async function switchOver(
  group: BrokerGroup,
  target: string,
  ports: OrderPorts,
): Promise<SwitchoverOutcome> {
  const { name } = group.metadata;
  const what = `switchover of ${name}`;
  const before = recordIn(group);
  if (before === undefined) throw refused(what, 'no master was elected yet', IS_THERE_AN_OPERATOR);
  if (target !== '' && before.phase === 'stable' && before.master?.name === target) {
    return { kind: 'unchanged', master: target };
  }
  const earlier = await refusalsOf(ports.kube, group);
  const annotation = { [ANNOTATIONS.switchover]: target === '' ? ANY : target };
  await annotateGroup(ports.kube, group, () => annotation);
  const lastKnown = before.transitions[0]?.startedAtMs;
  const look = async (): Promise<Transition | 'refused' | undefined> => {
    const now = await readGroup(ports.kube, group);
    const record = recordIn(now);
    if (isAsked(now) || record === undefined || record.transition !== undefined) return undefined;
    const [last] = record.transitions;
    return last === undefined || last.startedAtMs === lastKnown ? 'refused' : last;
  };
  const takeBack = (): Promise<string> => takeBackSwitchover(ports.kube, group);
  const seen = await until(what, look, { ...ports, takeBack, advice: IS_THERE_AN_OPERATOR });
  if (seen === 'refused') {
    const why = await whyRefused(group, earlier, ports);
    throw refused(what, why, EXPLAIN(name));
  }
  if (seen.newEpoch > seen.oldEpoch) return { kind: 'done', transition: seen };
  throw refused(what, seen.reason, EXPLAIN(name));
}

/** A member, or the whole group. */
export async function setFence(
  { group, member }: Target,
  isFenced: boolean,
  ports: OrderPorts,
): Promise<FenceOutcome> {
  const name = member ?? WHOLE_GROUP;
  const what = `${isFenced ? 'fence' : 'unfence'} ${member ?? group.metadata.name}`;
  if (recordIn(group) === undefined) {
    throw refused(what, 'no master was elected yet', IS_THERE_AN_OPERATOR);
  }
  await annotateGroup(ports.kube, group, ({ metadata }) => {
    const names = namesIn(metadata.annotations?.[ANNOTATIONS.fence]);
    const others = names.filter((other) => other !== name);
    const wanted = isFenced ? [...others, name] : others;
    return { [ANNOTATIONS.fence]: wanted.length === 0 ? null : wanted.join(',') };
  });
  const look = async (): Promise<FenceOutcome | undefined> => {
    const record = recordIn(await readGroup(ports.kube, group));
    return record !== undefined && isFencedAs(record, member, isFenced)
      ? outcomeOf(group, record)
      : undefined;
  };
  return until(what, look, { ...ports, advice: IS_THERE_AN_OPERATOR });
}

/** While it is paused, nothing of a cluster is changed in Kubernetes; failovers still take place. */
export async function setPause(
  cluster: BrokerCluster,
  isPaused: boolean,
  ports: OrderPorts,
): Promise<void> {
  const { namespace, name } = cluster.metadata;
  const what = `${isPaused ? 'pause' : 'resume'} ${name}`;
  if (!isPaused && cluster.spec.paused) {
    const advice = `Say "paused: false" where the spec of ${name} comes from.`;
    throw refused(what, 'its spec.paused is true', advice);
  }
  const annotations = { [ANNOTATIONS.pause]: isPaused ? 'true' : null };
  const { kube } = ports;
  const at = { namespace, name };
  await kube.mergePatch(OWN_RESOURCES.brokerClusters, at, { metadata: { annotations } });
  const look = async (): Promise<true | undefined> => {
    const now = await kube.find(OWN_RESOURCES.brokerClusters, at);
    const condition = now?.status?.conditions?.find(({ type }) => type === 'Paused');
    return condition?.status === (isPaused ? 'True' : 'False') ? true : undefined;
  };
  await until(what, look, { ...ports, advice: IS_THERE_AN_OPERATOR });
}

const refused = (what: string, reason: string, advice: string): MqError =>
  new MqError('kube-request-refused', { what, reason, advice });

async function readGroup(kube: ReadApi, { metadata }: BrokerGroup): Promise<BrokerGroup> {
  const { namespace = '', name } = metadata;
  const found = await kube.find(OWN_RESOURCES.brokerGroups, { namespace, name });
  if (found !== undefined) return found;
  const what = `BrokerGroup ${name}`;
  throw new MqError('kube-object-missing', { what, namespace, advice: 'It was just removed.' });
}

/** Against the version that was read, so that nothing that somebody else asked for meanwhile is lost. */
async function annotateGroup(
  kube: OrderPorts['kube'],
  group: BrokerGroup,
  change: (group: BrokerGroup) => Readonly<Record<string, string | null>>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const now = await readGroup(kube, group);
    const { namespace, name, resourceVersion } = now.metadata;
    const patch = { metadata: { resourceVersion, annotations: change(now) } };
    try {
      await kube.mergePatch(OWN_RESOURCES.brokerGroups, { namespace, name }, patch);
      return;
    } catch (error) {
      if (!isKubeError(error, 'conflict') || attempt >= CONFLICTS_MAX) throw error;
    }
  }
}

function isAsked({ metadata }: BrokerGroup): boolean {
  return metadata.annotations?.[ANNOTATIONS.switchover] !== undefined;
}

/** What has become of it, for whoever does not wait any more. */
async function takeBackSwitchover(kube: OrderPorts['kube'], group: BrokerGroup): Promise<string> {
  const now = await readGroup(kube, group);
  if (!isAsked(now)) return `it is under way, the group is ${now.status?.phase ?? 'new'}`;
  await annotateGroup(kube, group, () => ({ [ANNOTATIONS.switchover]: null }));
  return 'no operator has taken it up, and it is taken back';
}

async function refusalsOf(
  kube: ReadApi,
  { metadata }: BrokerGroup,
): Promise<ReadonlyMap<string, KubeEvent>> {
  const { namespace, name } = metadata;
  const fieldSelector = `involvedObject.kind=BrokerGroup,involvedObject.name=${name},reason=SwitchoverFailed`;
  try {
    const { items } = await kube.list(RESOURCES.events, { namespace, fieldSelector });
    return new Map(items.map((event) => [event.metadata.name, event]));
  } catch (error) {
    // Whoever may switch over need not be allowed to read events: then the reason is not known.
    if (isKubeError(error, 'forbidden')) return new Map();
    throw error;
  }
}

async function whyRefused(
  group: BrokerGroup,
  earlier: ReadonlyMap<string, KubeEvent>,
  ports: OrderPorts,
): Promise<string> {
  const endMs = ports.clock.monotonicMs() + EVENT_WAIT_MS;
  while (ports.clock.monotonicMs() < endMs && !ports.signal.aborted) {
    for (const event of (await refusalsOf(ports.kube, group)).values()) {
      if (earlier.get(event.metadata.name)?.count !== event.count) return event.message;
    }
    await new Promise<void>((resolve) => ports.timers.after(EVENT_WAIT_MS / 10, resolve));
  }
  return 'the operator refused it, and no event tells why';
}

function namesIn(annotation = ''): readonly string[] {
  return annotation
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** A master that is fenced hands over; a group that is unfenced has a master again. */
function isFencedAs(record: GroupRecord, member: string | undefined, isFenced: boolean): boolean {
  const { phase, master, fencedMembers } = record;
  if (member === undefined) return isFenced ? phase === 'fenced' : phase === 'stable';
  if (fencedMembers.includes(member) !== isFenced) return false;
  const isMaster = master?.name === member && phase !== 'fenced' && phase !== 'revoking';
  return !isFenced || !isMaster;
}

function outcomeOf({ metadata }: BrokerGroup, record: GroupRecord): FenceOutcome {
  const { phase, master, fencedMembers } = record;
  const hasMaster = phase === 'stable' || phase === 'handing-over';
  return {
    group: metadata.name,
    fencedMembers,
    isGroupFenced: phase === 'fenced',
    master: hasMaster ? (master?.name ?? '') : '',
  };
}
