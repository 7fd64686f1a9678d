import type { BrokerCluster } from '../../api/broker-cluster-schema.ts';
import { parseResource } from '../../api/parse-resource.ts';
import type { ApplyReport } from '../../kube/child-applier.ts';
import type { Condition } from '../../kube/core/conditions.ts';
import { isNamespaceEnding } from '../../kube/kube-error.ts';
import { isTerminalError } from '../../kube/terminal-error.ts';
import type { TurnContext, TurnResult } from '../../kube/work-queue.ts';
import { clusterContext, type ClusterContext } from '../../resource/cluster-context.ts';
import { clusterObjects } from '../../resource/cluster-objects.ts';
import { optionProblems } from '../../resource/node-config.ts';
import { certificateNames } from '../../resource/secrets.ts';
import { LABELS } from '../../resource/names.ts';
import { ANNOTATIONS, clusterKey, splitKey } from '../names.ts';
import { OWN_RESOURCES } from '../own-resources.ts';
import {
  is,
  isPaused,
  isSameStatus,
  readyChange,
  withFindings,
  type Finding,
} from '../resource-status.ts';
import type { ClusterPorts } from './cluster-ports.ts';
import { rollCluster } from './cluster-roll.ts';
import type { ClusterSecretsView } from './cluster-secrets.ts';
import {
  clusterFacts,
  clusterFindings,
  conditionChange,
  type TurnFacts,
} from './cluster-status.ts';
import { viewCluster, type GroupView } from './cluster-view.ts';
import { configureNewGroups } from './configuration-copy.ts';
import type { DrainPlan } from './core/drain-plan.ts';
import {
  addressOf,
  applyGroup,
  remakeStatefulSets,
  type ChildrenTurn,
  type GroupOutcome,
} from './group-children.ts';
import { drainGroup, keepGroup, type QuietLooks } from './group-drain.ts';
import { ServerSpread } from './server-spread.ts';

/** Something is under way that the API does not tell of, such as the age of a pod, or consumers. */
const LOOK_SOON_MS = 2_000;
/** Everything is as it should be: certificates age, and an event may be missed. */
const LOOK_AGAIN_MS = 60_000;

/** Makes everything of a cluster in Kubernetes what its BrokerCluster says. Who is master is none of its business. */
export class BrokerClusterReconciler {
  readonly #ports: ClusterPorts;
  readonly #quiet: QuietLooks = new Map();
  readonly #spread = new ServerSpread();
  /** By UID. Bound: clusters that are looked after. */
  readonly #checked = new Map<
    string,
    { readonly generation: number; readonly problems: readonly string[] }
  >();

  /** Clusters, by UID, whose namespace is ending: what Kubernetes removes is not made again. */
  readonly #ending = new Set<string>();

  constructor(ports: ClusterPorts) {
    this.#ports = ports;
  }

  async turn(key: string, { signal }: TurnContext): Promise<TurnResult | undefined> {
    const { namespace, name } = splitKey(key);
    const found = this.#ports.caches.clusters.get(namespace, name);
    if (found === undefined || this.#isGoing(found)) {
      await this.#leave(key, found);
      return undefined;
    }
    const parsed = parseResource('BrokerCluster', found);
    if (!parsed.ok) {
      await this.#refuse(found, parsed.problems.join('; '), 'Refused', signal);
      return undefined;
    }
    const cluster = parsed.resource;
    const problems = this.#optionProblems(cluster);
    if (problems.length > 0) {
      await this.#refuse(found, problems.join('; '), 'OptionsInvalid', signal);
      return undefined;
    }
    try {
      return await this.#reconcile(key, cluster, signal);
    } catch (error) {
      if (!isTerminalError(error)) throw error;
      const reason = error.reason === 'SecretMissing' ? 'SecretMissing' : 'SecretInvalid';
      await this.#refuse(found, error.message, reason, signal);
      return { requeueAfterMs: LOOK_SOON_MS };
    }
  }

  #isGoing({ metadata }: BrokerCluster): boolean {
    return metadata.deletionTimestamp !== undefined || this.#ending.has(metadata.uid ?? '');
  }

  /** Kubernetes removes what the cluster owns; nothing of it is to be elected or made meanwhile. */
  async #leave(key: string, cluster: BrokerCluster | undefined): Promise<void> {
    const { failovers, access, secrets } = this.#ports;
    await failovers.stop(key);
    access.forget(key);
    if (cluster === undefined) return;
    const { uid = '', deletionTimestamp } = cluster.metadata;
    secrets.forget(uid);
    this.#spread.forget(uid);
    this.#checked.delete(uid);
    if (deletionTimestamp !== undefined) this.#ending.delete(uid);
  }

  /** Looked at once for each generation: it is as much work as starting a node. */
  #optionProblems(cluster: BrokerCluster): readonly string[] {
    const { uid = '', generation = 0 } = cluster.metadata;
    const known = this.#checked.get(uid);
    if (known?.generation === generation) return known.problems;
    const problems = optionProblems(clusterContext(cluster, this.#ports.settings));
    this.#checked.set(uid, { generation, problems });
    return problems;
  }

  async #reconcile(
    key: string,
    cluster: BrokerCluster,
    signal: AbortSignal,
  ): Promise<TurnResult | undefined> {
    const { caches, settings, failovers, story } = this.#ports;
    const view = viewCluster(caches, splitKey(key), cluster.spec.groups);
    const plain = clusterContext(cluster, settings);
    const isHeld = cluster.spec.paused || isPaused(cluster, ANNOTATIONS.pause);
    const first: ChildrenTurn = { ports: this.#ports, cluster, context: plain, view, signal };
    const material = await this.#ports.secrets.ensure(plain, this.#names(first), signal);
    if (material.issued !== '') story.tell(cluster, 'CertificateIssued', material.issued);
    await failovers.ensure(key, trustOf(plain, material));
    if (isHeld) {
      const message = 'spec.paused or the annotation orbitmq.io/pause says so';
      await this.#report(cluster, {}, [is('Paused', true, 'Paused', message)], signal);
      return { requeueAfterMs: LOOK_AGAIN_MS };
    }
    const { secretsHash } = material;
    const context: ClusterContext = secretsHash === undefined ? plain : { ...plain, secretsHash };
    const facts = await this.#act({ ...first, context });
    if (facts === undefined) return { requeueAfterMs: LOOK_SOON_MS };
    await this.#report(cluster, clusterFacts(facts, this.#ports), clusterFindings(facts), signal);
    if (!isSettled(facts)) return { requeueAfterMs: LOOK_SOON_MS };
    if (facts.view.groups.every(isWhole)) await this.#spread.turn({ ...first, context });
    return { requeueAfterMs: LOOK_AGAIN_MS };
  }

  /** Undefined: the namespace is ending, and with it the cluster. */
  async #act(turn: ChildrenTurn): Promise<TurnFacts | undefined> {
    const { ports, cluster, context, view, signal } = turn;
    const shared = await ports.applier.applyAll({
      ...{ owner: cluster, objects: clusterObjects(context), observed: view.objects, signal },
      pruneLabels: { [LABELS.cluster]: view.name },
    });
    await remakeStatefulSets(turn, shared);
    const reports: ApplyReport[] = [shared];
    const outcomes = new Map<string, GroupOutcome>();
    const drains = new Map<string, DrainPlan>();
    for (const group of view.groups) {
      if (group.index >= context.spec.groups) {
        drains.set(group.brokerName, await drainGroup(turn, group, this.#quiet));
        continue;
      }
      await keepGroup(turn, group);
      const outcome = await applyGroup(turn, group);
      outcomes.set(group.brokerName, outcome);
      reports.push(outcome.report);
    }
    if (reports.some(({ failures }) => failures.some(({ error }) => isNamespaceEnding(error)))) {
      this.#ending.add(cluster.metadata.uid ?? '');
      return undefined;
    }
    this.#tell(cluster, reports);
    const unconfigured = await configureNewGroups(turn);
    const roll = await rollCluster(turn);
    const refusals = reports.flatMap(refusalsIn);
    const written = reports.flatMap(statefulSetsWritten);
    return { cluster, context, view, outcomes, drains, roll, written, refusals, unconfigured };
  }

  /** What certificates have to be for, the addresses that clients outside are told included. */
  #names(turn: ChildrenTurn): readonly string[] {
    const { context, view } = turn;
    const outside = view.groups.flatMap(({ index }) => {
      const address = addressOf(turn, index);
      return address.isKnown ? [address.address.host] : [];
    });
    const groups = Math.max(0, ...view.groups.map(({ index }) => index + 1));
    return certificateNames(context, groups, [...new Set(outside)]);
  }

  #tell(cluster: BrokerCluster, reports: readonly ApplyReport[]): void {
    const { story } = this.#ports;
    const text = (refs: ApplyReport['created']): string =>
      refs.map(({ kind, name }) => `${kind} ${name}`).join(', ');
    const created = reports.flatMap((report) => report.created);
    const updated = reports.flatMap((report) => report.updated);
    const deleted = reports.flatMap((report) => report.deleted);
    if (created.length > 0) story.tell(cluster, 'Created', text(created));
    if (updated.length > 0) story.tell(cluster, 'Updated', text(updated));
    if (deleted.length > 0) story.tell(cluster, 'Deleted', text(deleted));
    const refusals = reports.flatMap(refusalsIn);
    if (refusals.length > 0) story.tell(cluster, 'ReconcileFailed', refusals.join('; '));
  }

  async #refuse(
    cluster: BrokerCluster,
    message: string,
    reason: 'Refused' | 'OptionsInvalid' | 'SecretMissing' | 'SecretInvalid',
    signal: AbortSignal,
  ): Promise<void> {
    const isNew = await this.#report(
      cluster,
      {},
      [is('SpecAccepted', false, reason, message)],
      signal,
    );
    if (isNew) this.#ports.story.tell(cluster, 'SpecRefused', message);
  }

  /** True when there was something new to write. */
  async #report(
    cluster: BrokerCluster,
    facts: object,
    findings: readonly Finding[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { generation = 0 } = cluster.metadata;
    const before = cluster.status?.conditions ?? [];
    const conditions = withFindings(before, findings, generation, this.#ports.clock.nowMs());
    const status = { ...cluster.status, ...facts, conditions, observedGeneration: generation };
    if (isSameStatus(status, cluster.status)) return false;
    const next = { ...cluster, status } as BrokerCluster;
    await this.#ports.api.replaceStatus(OWN_RESOURCES.brokerClusters, next, { signal });
    this.#tellConditions(cluster, before, conditions);
    return true;
  }

  #tellConditions(
    cluster: BrokerCluster,
    before: readonly Condition[],
    after: readonly Condition[],
  ): void {
    const { story } = this.#ports;
    const ready = readyChange(before, after);
    if (ready !== undefined)
      story.tell(cluster, ready.isReady ? 'BecameReady' : 'NotReady', ready.message);
    this.#tellRoll(cluster, before, after);
    const paused = conditionChange(before, after, 'Paused');
    if (paused?.status === 'True') story.tell(cluster, 'PausedReconciling', paused.message);
    else if (paused !== undefined && before.some(({ type }) => type === 'Paused')) {
      story.tell(cluster, 'ResumedReconciling', 'the spec is followed again');
    }
  }

  #tellRoll(
    cluster: BrokerCluster,
    before: readonly Condition[],
    after: readonly Condition[],
  ): void {
    const { story } = this.#ports;
    const upgrading = conditionChange(before, after, 'Upgrading');
    if (upgrading?.status === 'True') story.tell(cluster, 'RollStarted', upgrading.message);
    else if (upgrading !== undefined && before.some(({ type }) => type === 'Upgrading')) {
      story.tell(cluster, 'RollFinished', 'all pods are as the spec says');
    }
    const stuck = after.find(isStuck);
    if (stuck !== undefined && !before.some(isStuck)) {
      story.tell(cluster, 'RollStuck', stuck.message);
    }
  }
}

function isStuck({ type, reason }: Condition): boolean {
  return type === 'Upgrading' && reason === 'PodNotReady';
}

function trustOf(
  { spec }: ClusterContext,
  { peerSecret, authoritiesPem }: ClusterSecretsView,
): Parameters<ClusterPorts['failovers']['ensure']>[1] {
  return { secret: peerSecret, authoritiesPem: spec.tls.peers ? authoritiesPem : undefined };
}

function refusalsIn({ failures, foreign }: ApplyReport): readonly string[] {
  return [
    ...failures.map(({ ref, error }) => `${ref.kind} ${ref.name}: ${error.message}`),
    ...foreign.map(({ kind, name }) => `${kind} ${name} belongs to somebody else`),
  ];
}

const statefulSetsWritten = ({ created, updated }: ApplyReport): readonly string[] =>
  [...created, ...updated].filter(({ kind }) => kind === 'StatefulSet').map(({ name }) => name);

/** It could lose its master now, and the NameServers would be asked about that. */
function isWhole({ record, pods }: GroupView): boolean {
  return record?.phase === 'stable' && record.syncStateSet.length === pods.length;
}

function isSettled(facts: TurnFacts): boolean {
  const { roll, drains, outcomes, refusals, unconfigured } = facts;
  const isStill = [...outcomes.values()].every(
    ({ address, storage, report }) =>
      address.isKnown &&
      storage.grow.length + storage.growing.length === 0 &&
      !storage.recreates &&
      report.created.length + report.updated.length + report.terminating.length === 0,
  );
  return (
    isStill &&
    unconfigured === 0 &&
    roll.outdated === 0 &&
    drains.size === 0 &&
    refusals.length === 0
  );
}

/** Key of the queue for an object that belongs to a cluster; undefined for one that does not. */
export function clusterKeyOf(object: {
  readonly metadata: {
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
}): string | undefined {
  const cluster = object.metadata.labels?.[LABELS.cluster];
  const { namespace } = object.metadata;
  return cluster === undefined || namespace === undefined
    ? undefined
    : clusterKey(namespace, cluster);
}
