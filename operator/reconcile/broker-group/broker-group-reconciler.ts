import type { Clock } from '../../../common/environment/clock.ts';
import type { Logger } from '../../../common/log/logger.ts';
import type { BrokerGroup } from '../../api/broker-group-schema.ts';
import type { ControllerTimings } from '../../failover/controller-timings.ts';
import { explainGroup } from '../../failover/core/explain.ts';
import type { GroupRecord } from '../../failover/core/group-record.ts';
import { isReachable, memberSeen } from '../../failover/core/observation.ts';
import type { GroupFailover } from '../../failover/group-failover.ts';
import { setCondition, type Condition } from '../../kube/core/conditions.ts';
import { RESOURCES, type Node, type Pod } from '../../kube/resource.ts';
import type { TurnContext, TurnResult } from '../../kube/work-queue.ts';
import { LABELS } from '../../resource/names.ts';
import { ANNOTATIONS, clusterKey, splitKey, type ClusterKey } from '../names.ts';
import { OWN_RESOURCES } from '../own-resources.ts';
import { isContainerRunning, isCordoned, isReady } from '../pod-facts.ts';
import type { CachedObjects, LiveApi, StoryTeller } from '../reconcile-ports.ts';
import { BROKER_CONTAINER, type ClusterFailovers } from './cluster-failovers.ts';
import { isHung, planEvacuation, type EvacuationPod } from './core/evacuation.ts';
import { groupHealth, type GroupHealth, type Verdict } from './core/group-health.ts';
import { planRoleLabels } from './core/role-labels.ts';
import { askForFences, askForSwitchover, type RequestAnswer } from './group-requests.ts';
import { recordIn } from './kubernetes-group-store.ts';

export interface GroupReconcilerPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly api: Pick<LiveApi, 'mergePatch' | 'delete'>;
  readonly groups: CachedObjects<BrokerGroup>;
  readonly pods: CachedObjects<Pod>;
  readonly nodes: CachedObjects<Node>;
  readonly failovers: Pick<ClusterFailovers, 'group' | 'store'>;
  readonly timings: ControllerTimings;
  readonly story: StoryTeller;
  /** The pod of a hung master that was deposed is deleted, so that its clients look for the new one. */
  readonly endsHungMasters: boolean;
}

/** Nothing tells that a member is late or a process hangs: somebody has to look. It costs no call. */
const LOOK_MS = 2_000;
/** A cache that is further behind makes a label late, and nothing else. */
const CACHE_LAG_MAX_MS = 3_000;
/** While a master is on its way out. */
const LOOK_SOON_MS = 300;

/** One turn's view of a group. */
interface View {
  readonly cluster: ClusterKey;
  readonly object: BrokerGroup;
  readonly record: GroupRecord | undefined;
  readonly failover: GroupFailover | undefined;
  readonly pods: readonly Pod[];
  readonly signal: AbortSignal;
}

/**
 * Looks after what surrounds the failover of a group: labels, requests of people, pods and nodes that go, masters that hang,
 * conditions. It never decides who is master; it asks.
 */
export class BrokerGroupReconciler {
  readonly #ports: GroupReconcilerPorts;
  /** What this process has stored last, by key: the cache may be behind it. Bound: groups that are looked after. */
  readonly #stored = new Map<string, { readonly record: GroupRecord; readonly atMs: number }>();
  /** Masters that could not be replaced before their pod goes, so that it is said once. */
  readonly #said = new Map<string, string>();

  constructor(ports: GroupReconcilerPorts) {
    this.#ports = ports;
  }

  /** The failover of this process has stored a record. */
  recordStored(key: string, record: GroupRecord): void {
    this.#stored.set(key, { record, atMs: this.#ports.clock.monotonicMs() });
  }

  async turn(key: string, { signal }: TurnContext): Promise<TurnResult | undefined> {
    const { namespace, name } = splitKey(key);
    const object = this.#ports.groups.get(namespace, name);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
      this.#stored.delete(key);
      this.#said.delete(key);
      return undefined;
    }
    const view = this.#view(key, object, signal);
    await this.#label(view);
    await this.#answerPeople(view);
    const isLeaving = await this.#evacuate(key, view);
    await this.#endHung(view);
    await this.#tellConditions(view);
    return { requeueAfterMs: isLeaving ? LOOK_SOON_MS : LOOK_MS };
  }

  #view(key: string, object: BrokerGroup, signal: AbortSignal): View {
    const { namespace = '' } = object.metadata;
    const { clusterName, brokerName } = object.spec;
    const cluster = clusterKey(namespace, clusterName);
    const failover = this.#ports.failovers.group(cluster, brokerName);
    const members = new Set(object.spec.members.map((member) => member.name));
    const pods = this.#ports.pods
      .labelled(LABELS.cluster, clusterName)
      .filter(({ metadata }) => metadata.namespace === namespace && members.has(metadata.name));
    const stored = this.#stored.get(key);
    const isRecent =
      stored !== undefined && this.#ports.clock.monotonicMs() - stored.atMs < CACHE_LAG_MAX_MS;
    const record = isRecent ? stored.record : recordIn(object);
    return { cluster, object, record, failover, pods, signal };
  }

  async #label({ record, pods, signal }: View): Promise<void> {
    const facts = { phase: record?.phase ?? 'new', master: record?.master?.name };
    const labelled = pods.map(({ metadata }) => ({
      name: metadata.name,
      role: metadata.labels?.[LABELS.role],
    }));
    for (const { pod: name, role } of planRoleLabels(facts, labelled)) {
      const pod = pods.find(({ metadata }) => metadata.name === name);
      const { namespace, uid } = pod?.metadata ?? {};
      // The UID is a precondition: a pod that was made again gets its own label when it is seen.
      const patch = { metadata: { uid, labels: { [LABELS.role]: role } } };
      await this.#ports.api.mergePatch(RESOURCES.pods, { namespace, name }, patch, { signal });
    }
  }

  async #answerPeople({ object, record, failover, signal }: View): Promise<void> {
    if (record === undefined || failover === undefined) return;
    const annotations = object.metadata.annotations ?? {};
    const wanted = names(annotations[ANNOTATIONS.fence]);
    if (!isFencedAs(record, wanted)) {
      this.#warn(object, await askForFences(failover, wanted, this.#ports));
    }
    const target = annotations[ANNOTATIONS.switchover];
    if (target === undefined || record.transition !== undefined) return;
    const answer = await askForSwitchover(
      failover,
      target === 'any' ? '' : target,
      'the annotation asks for a switchover',
      this.#ports,
    );
    this.#warn(object, [answer]);
    const { namespace, name } = object.metadata;
    const patch = { metadata: { annotations: { [ANNOTATIONS.switchover]: null } } };
    const { api } = this.#ports;
    await api.mergePatch(OWN_RESOURCES.brokerGroups, { namespace, name }, patch, { signal });
  }

  /** True while the master is to go and has not gone. */
  async #evacuate(key: string, { object, record, failover, pods }: View): Promise<boolean> {
    if (record === undefined || failover === undefined) return false;
    const facts = { ...record, master: record.master?.name };
    const plan = planEvacuation(
      facts,
      pods.map((pod) => this.#evacuationPod(pod)),
    );
    if (plan.kind === 'stay') {
      this.#said.delete(key);
      return false;
    }
    if (plan.kind === 'switch-over') {
      const answer = await askForSwitchover(failover, plan.target, plan.reason, this.#ports);
      if (answer.kind === 'stored') {
        this.#ports.story.tell(object, 'DrainingNode', `${plan.reason}: ${plan.target} takes over`);
      } else this.#sayOnce(key, object, answer.kind === 'refused' ? answer.reason : plan.reason);
    } else this.#sayOnce(key, object, plan.reason);
    return true;
  }

  async #endHung({ object, record, failover, pods, signal }: View): Promise<void> {
    const [last] = record?.transitions ?? [];
    if (!this.#ports.endsHungMasters || record === undefined || last === undefined) return;
    const pod = pods.find(({ metadata }) => metadata.name === last.oldMaster);
    if (pod === undefined || failover === undefined) return;
    const seen = memberSeen(failover.observe(undefined), last.oldMaster);
    const endedAtMs = last.startedAtMs + last.durationMs;
    const hung = isHung({
      ...{ phase: record.phase, master: record.master?.name },
      ...{ oldMaster: last.oldMaster, cause: last.cause },
      sinceMs: this.#ports.clock.nowMs() - endedAtMs,
      pod: this.#evacuationPod(pod),
      isPodOlder: Date.parse(pod.metadata.creationTimestamp ?? '') < last.startedAtMs,
      isAnswering: seen.answeredAgoMs <= this.#ports.timings.reachableMs && !seen.hasFailed,
    });
    if (!hung) return;
    const { namespace, name, uid } = pod.metadata;
    await this.#ports.api.delete(RESOURCES.pods, { namespace, name }, { uid, signal });
    const message = `${name} was deposed and hangs: its pod is deleted, so that its clients find the new master`;
    this.#ports.story.tell(object, 'Deleted', message);
    this.#ports.logger.warn('the pod of a hung master is deleted', {
      group: object.spec.brokerName,
      pod: name,
    });
  }

  async #tellConditions(view: View): Promise<void> {
    const { object, cluster } = view;
    const { generation: observedGeneration = 0 } = object.metadata;
    const nowText = new Date(this.#ports.clock.nowMs()).toISOString();
    const verdicts = verdictsIn(this.#health(view));
    const next = (conditions: readonly Condition[]): readonly Condition[] =>
      verdicts.reduce(
        (list, verdict) => setCondition(list, { ...verdict, observedGeneration }, nowText),
        conditions,
      );
    const known = object.status?.conditions ?? [];
    if (object.status === undefined || next(known) === known) return;
    // The cache may be behind: whether there is anything to write is told by the newest that is known.
    await this.#ports.failovers.store(cluster)?.annotate(object.spec.brokerName, ({ status }) => {
      const before = status?.conditions ?? [];
      const conditions = next(before);
      return conditions === before
        ? undefined
        : { conditions: [...conditions], observedGeneration };
    });
  }

  #health({ record, failover }: View): GroupHealth {
    if (record === undefined || failover === undefined) {
      return groupHealth({
        ...{ record, explanation: undefined, isMasterWritable: undefined, notWritableReason: '' },
        nameServers: { all: 0, answering: 0 },
      });
    }
    const { timings } = this.#ports;
    const seen = failover.observe({ record, version: '' });
    const master = record.master?.name ?? '';
    const status = isReachable(seen, master, timings) ? memberSeen(seen, master).status : undefined;
    const answering = seen.nameServers.filter(({ heard }) => heard !== undefined);
    return groupHealth({
      record,
      nameServers: { all: seen.nameServers.length, answering: answering.length },
      explanation: explainGroup(record, seen, timings),
      isMasterWritable: status?.isWritable,
      notWritableReason: status?.reason ?? '',
    });
  }

  #evacuationPod(pod: Pod): EvacuationPod {
    const { name, uid = '', deletionTimestamp } = pod.metadata;
    const node = this.#ports.nodes.get(undefined, pod.spec?.nodeName ?? '');
    return {
      ...{ name, uid, isTerminating: deletionTimestamp !== undefined, isReady: isReady(pod) },
      isNodeCordoned: isCordoned(node),
      isRunning: isContainerRunning(pod, BROKER_CONTAINER),
    };
  }

  #warn(object: BrokerGroup, answers: readonly RequestAnswer[]): void {
    for (const answer of answers) {
      if (answer.kind !== 'refused') continue;
      this.#ports.story.tell(object, 'SwitchoverFailed', answer.reason);
    }
  }

  #sayOnce(key: string, object: BrokerGroup, reason: string): void {
    if (this.#said.get(key) === reason) return;
    this.#said.set(key, reason);
    this.#ports.story.tell(object, 'SwitchoverFailed', reason);
  }
}

function verdictsIn(health: GroupHealth): readonly (Verdict & { readonly type: string })[] {
  const { Ready, FailoverPossible, AckedDataProtected, Fenced } = health;
  return [
    { type: 'Ready', ...Ready },
    { type: 'FailoverPossible', ...FailoverPossible },
    { type: 'AckedDataProtected', ...AckedDataProtected },
    { type: 'Fenced', ...Fenced },
  ];
}

function names(annotation: string | undefined): readonly string[] {
  return (annotation ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function isFencedAs({ phase, fencedMembers }: GroupRecord, wanted: readonly string[]): boolean {
  const members = wanted.filter((name) => name !== '*');
  return (
    (phase === 'fenced') === wanted.includes('*') &&
    members.length === fencedMembers.length &&
    members.every((name) => fencedMembers.includes(name))
  );
}
