import { RESOURCES, type Pod, type StatefulSet } from '../../kube/resource.ts';
import { askForSwitchover } from '../broker-group/group-requests.ts';
import { memberName } from '../../resource/names.ts';
import { clusterKey } from '../names.ts';
import { podState, revisionOf, stateSinceMs } from '../pod-facts.ts';
import type { ClusterView, GroupView } from './cluster-view.ts';
import { planRoll, planServerRoll, type RollMember, type RollStep } from './core/roll-plan.ts';
import type { ChildrenTurn } from './group-children.ts';

/** How far the pods are from the present templates. */
export interface RollState {
  /** Pods that still have an old template. */
  readonly outdated: number;
  /** StatefulSets whose template Kubernetes has not looked at yet: their pods may be old. */
  readonly unseen: readonly string[];
  /** What is done or waited for, in the order of groups; the NameServers are first. */
  readonly steps: readonly { readonly of: string; readonly step: RollStep }[];
}

/** Plans for all, and does at most one thing: what is done changes what the others should do. */
export async function rollCluster(turn: ChildrenTurn): Promise<RollState> {
  const { view } = turn;
  const plans = [planServers(turn), ...view.groups.map((group) => planGroup(turn, group))];
  const outdated = plans.reduce((sum, plan) => sum + plan.outdated, 0);
  const stuck = plans.find(
    ({ step }) => step.kind === 'delete-pod' && step.reason.startsWith('it is stuck'),
  );
  // One after the other: while one has old pods the next one waits, so that never two groups are weak at a time.
  const next = stuck ?? plans.find((plan) => plan.outdated > 0 && plan.step.kind !== 'done');
  if (next !== undefined) await perform(turn, next);
  const unseen = [view.nameServers, ...view.groups.map(({ statefulSet }) => statefulSet)].flatMap(
    (set) => (set !== undefined && currentRevision(set) === undefined ? [set.metadata.name] : []),
  );
  return { outdated, unseen, steps: plans.map(({ of, step }) => ({ of, step })) };
}

interface Plan {
  readonly of: string;
  readonly group: GroupView | undefined;
  readonly step: RollStep;
  readonly outdated: number;
}

async function perform(turn: ChildrenTurn, { step, group }: Plan): Promise<void> {
  const { ports, cluster, view, signal } = turn;
  const { namespace, name } = view;
  if (step.kind === 'delete-pod') {
    const pods = group?.pods ?? view.nameServerPods;
    const uid = pods.find(({ metadata }) => metadata.name === step.member)?.metadata.uid;
    await ports.api.delete(RESOURCES.pods, { namespace, name: step.member }, { uid, signal });
    ports.story.tell(cluster, 'PodReplaced', `${step.member} is replaced: ${step.reason}`);
    return;
  }
  if (step.kind !== 'switch-over' || group === undefined) return;
  const failover = ports.failovers.group(clusterKey(namespace, name), group.brokerName);
  if (failover === undefined) return;
  const request = { clock: ports.clock, timings: ports.timings };
  const answer = await askForSwitchover(failover, step.member, step.reason, request);
  if (answer.kind !== 'refused') return;
  ports.story.tell(cluster, 'SwitchoverFailed', `${group.brokerName}: ${answer.reason}`);
}

function planServers({ ports, view, context }: ChildrenTurn): Plan {
  const revision = currentRevision(view.nameServers);
  const names = ordinals(context.spec.namesrv.replicas, `${view.name}-namesrv`);
  const servers = names.map((name) => {
    const pod = podNamed(view.nameServerPods, name);
    return rollFacts(ports.clock.nowMs(), name, pod, revision);
  });
  const step: RollStep =
    revision === undefined ? { kind: 'done' } : planServerRoll(servers, ports.settings);
  return { of: 'namesrv', group: undefined, step, outdated: countOutdated(servers) };
}

function planGroup(turn: ChildrenTurn, group: GroupView): Plan {
  const { brokerName, record } = group;
  const revision = currentRevision(group.statefulSet);
  const members = membersOf(turn, group, revision);
  const isServing = record?.phase === 'stable' || record?.phase === 'handing-over';
  const facts = {
    ...{ brokerName, members, isStable: record?.phase === 'stable' },
    master: isServing ? record.master?.name : undefined,
  };
  const { settings } = turn.ports;
  const step: RollStep = revision === undefined ? { kind: 'done' } : planRoll(facts, settings);
  return { of: brokerName, group, step, outdated: countOutdated(members) };
}

/** Those that the spec wants and the StatefulSet has: others come or go for other reasons. */
function membersOf(
  { ports, context }: ChildrenTurn,
  { index, record, statefulSet, pods }: GroupView,
  revision: string | undefined,
): readonly RollMember[] {
  const wanted = context.spec.replicasPerGroup;
  const count = Math.min(wanted, statefulSet?.spec?.replicas ?? wanted);
  return [...Array(count).keys()].map((ordinal) => {
    const name = memberName(context, index, ordinal);
    const facts = rollFacts(ports.clock.nowMs(), name, podNamed(pods, name), revision);
    return { ...facts, isInSync: record?.syncStateSet.includes(name) === true };
  });
}

type RollFacts = Omit<RollMember, 'isInSync'>;

function rollFacts(
  nowMs: number,
  name: string,
  pod: Pod | undefined,
  revision: string | undefined,
): RollFacts {
  return {
    name,
    pod: podState(pod),
    isCurrent: pod === undefined || revision === undefined || revisionOf(pod) === revision,
    stateAgeMs: pod === undefined ? 0 : Math.max(0, nowMs - stateSinceMs(pod)),
  };
}

/** Undefined while the StatefulSet controller has not looked at the template yet. */
function currentRevision(set: StatefulSet | undefined): string | undefined {
  const { status, metadata } = set ?? {};
  if (status?.observedGeneration === undefined || metadata?.generation === undefined) {
    return undefined;
  }
  return status.observedGeneration >= metadata.generation ? status.updateRevision : undefined;
}

function countOutdated(members: readonly RollFacts[]): number {
  return members.filter(({ isCurrent, pod }) => !isCurrent && pod !== 'terminating').length;
}

function podNamed(pods: readonly Pod[], name: string): Pod | undefined {
  return pods.find(({ metadata }) => metadata.name === name);
}

function ordinals(count: number, prefix: string): readonly string[] {
  return [...Array(count).keys()].map((ordinal) => `${prefix}-${ordinal}`);
}

/** The image that all nodes run; undefined while they differ. */
export function commonImage({ groups, nameServerPods }: ClusterView): string | undefined {
  const pods = [...nameServerPods, ...groups.flatMap((group) => group.pods)];
  const images = new Set(pods.map(({ spec }) => spec?.containers[0]?.image ?? ''));
  const [image] = images;
  return images.size === 1 && image !== '' ? image : undefined;
}
