import type { Clock } from '../../../common/environment/clock.ts';
import type { Logger } from '../../../common/log/logger.ts';
import type { BrokerCluster } from '../../api/broker-cluster-schema.ts';
import type { TurnContext, TurnResult } from '../../kube/work-queue.ts';
import { isSharedWith, winnerOver, type Claimant } from '../core/conflict.ts';
import { ANNOTATIONS, clusterKey, FINALIZER, splitKey } from '../names.ts';
import type { CachedObjects, LiveApi, StoryTeller } from '../reconcile-ports.ts';
import {
  is,
  isPaused,
  isSameStatus,
  readyChange,
  withFindings,
  type Finding,
} from '../resource-status.ts';
import { isAdminRefusal } from './broker-admin.ts';
import type { ClusterAccess } from './cluster-access.ts';
import type { ClusterDirectory, DirectoryBroker } from './cluster-directory.ts';
import type { ManagedKind, ManagedPlan, ManagedResource, ManagedStep } from './managed-kind.ts';

export interface ManagedPorts<R extends ManagedResource> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly api: Pick<LiveApi, 'mergePatch' | 'replaceStatus'>;
  readonly objects: CachedObjects<R>;
  readonly clusters: CachedObjects<BrokerCluster>;
  readonly access: Pick<ClusterAccess, 'brokers' | 'directory'>;
  readonly story: StoryTeller;
  /** How often what nobody has told us of is looked for at the brokers. */
  readonly driftIntervalMs: number;
}

/** While something is missing that comes by itself. */
const WAIT_MS = 2_000;

interface Work<R> {
  readonly object: R;
  readonly brokers: readonly DirectoryBroker[];
  readonly directory: ClusterDirectory;
  readonly signal: AbortSignal;
}

/** What is found out in a turn: conditions, the facts of the status, and when to look again. */
interface Outcome {
  readonly findings: readonly Finding[];
  readonly facts: object;
  readonly againMs: number;
}

/** Makes what is at the brokers what Topics, or ConsumerGroups, say. */
export class ManagedReconciler<R extends ManagedResource> {
  readonly #kind: ManagedKind<R>;
  readonly #ports: ManagedPorts<R>;

  constructor(kind: ManagedKind<R>, ports: ManagedPorts<R>) {
    this.#kind = kind;
    this.#ports = ports;
  }

  async turn(key: string, { signal }: TurnContext): Promise<TurnResult | undefined> {
    const { namespace, name } = splitKey(key);
    const object = this.#ports.objects.get(namespace, name);
    if (object === undefined) return undefined;
    if (object.metadata.deletionTimestamp !== undefined) return this.#finish(object, signal);
    if (isPaused(object, ANNOTATIONS.pause)) {
      const findings = [is('Paused', true, 'Paused', `the annotation ${ANNOTATIONS.pause} is set`)];
      await this.#report(object, { findings, facts: {}, againMs: 0 }, signal);
      return undefined;
    }
    const kept = await this.#holdOn(object, signal);
    const outcome = await this.#settle(kept, signal);
    await this.#report(kept, outcome, signal);
    return { requeueAfterMs: outcome.againMs };
  }

  /** All resources of this kind that belong to a cluster. */
  keysOf(namespace: string, cluster: string): readonly string[] {
    return this.#ports.objects
      .all()
      .filter(({ metadata, spec }) => {
        return metadata.namespace === namespace && spec.clusterRef.name === cluster;
      })
      .map(({ metadata }) => `${namespace}/${metadata.name}`);
  }

  async #settle(object: R, signal: AbortSignal): Promise<Outcome> {
    const { namespace = '' } = object.metadata;
    const { name: cluster } = object.spec.clusterRef;
    const { driftIntervalMs, clusters, access } = this.#ports;
    const winner = winnerOver(claimant(object), this.#rivals(object));
    if (winner !== undefined) {
      const message = `${winner.name} is older and stands for ${this.#kind.noun} ${this.#kind.nameOf(object)}`;
      const findings = [
        is('Conflict', true, 'NameConflict', message),
        is('Ready', false, 'NameConflict', message),
        is('Progressing', false, 'NameConflict', message),
      ];
      return { findings, facts: {}, againMs: driftIntervalMs };
    }
    if (clusters.get(namespace, cluster) === undefined) {
      const message = `there is no BrokerCluster ${cluster} in namespace ${namespace}`;
      return waiting('ClusterMissing', message, driftIntervalMs);
    }
    const key = clusterKey(namespace, cluster);
    const brokers = access.brokers(key);
    const directory = access.directory(key);
    if (directory === undefined || brokers.length === 0) {
      return waiting('ClusterNotReady', `no broker group of ${cluster} has a master yet`, WAIT_MS);
    }
    return this.#work({ object, brokers, directory, signal });
  }

  async #work(work: Work<R>): Promise<Outcome> {
    const { object, brokers, directory } = work;
    const before = await directory.look(brokers);
    const plan = this.#kind.plan(object, before);
    const isAdopted = this.#kind.isThere(object, before);
    const refusals = await this.#perform(work, plan.steps);
    const content = plan.steps.length === 0 ? before : await directory.look(brokers);
    const after = plan.steps.length === 0 ? plan : this.#kind.plan(object, content);
    this.#tellAdoption(object, isAdopted);
    this.#tellWork(object, plan, refusals);
    const facts = this.#kind.facts(object, after.settled, content);
    return {
      findings: this.#findings(object, after, refusals),
      facts,
      againMs: this.#againMs(object, after, refusals),
    };
  }

  /** Returns what was refused or could not be asked, as text. */
  async #perform(work: Work<R>, steps: readonly ManagedStep[]): Promise<readonly string[]> {
    const answers = await Promise.all(
      steps.map(async (step) => {
        const broker = work.brokers.find(({ brokerName }) => brokerName === step.brokerName);
        if (broker === undefined) return [];
        try {
          await step.perform(broker, work.directory);
          return [];
        } catch (error) {
          const message = String((error as { message?: unknown }).message);
          if (!isAdminRefusal(error))
            this.#ports.logger.warn('a broker could not be asked', { error });
          return [`${step.brokerName}: ${message}`];
        }
      }),
    );
    return answers.flat();
  }

  #findings(object: R, plan: ManagedPlan, refusals: readonly string[]): readonly Finding[] {
    const trouble = refusals.join('; ');
    const missing = this.#missing(object, plan);
    const isBusy = trouble !== '' || plan.unknown.length > 0 || missing > 0;
    const common = [is('Conflict', false, 'AsSpecified'), is('Paused', false, 'AsSpecified')];
    if (plan.impossible !== '') {
      return [
        ...common,
        is('Ready', false, 'Refused', plan.impossible),
        is('Progressing', false, 'Refused', plan.impossible),
      ];
    }
    if (trouble !== '') {
      const findings = [
        is('Ready', false, 'Refused', trouble),
        is('Progressing', true, 'Waiting', trouble),
      ];
      return [...common, ...findings];
    }
    const waits =
      plan.unknown.length > 0
        ? `${plan.unknown.join(', ')} cannot be asked`
        : `${missing} broker groups have no master yet`;
    const isReady = plan.settled.length > 0 && plan.unknown.length === 0;
    return [
      ...common,
      isReady ? is('Ready', true, 'AsSpecified') : is('Ready', false, 'Unreachable', waits),
      isBusy ? is('Progressing', true, 'Waiting', waits) : is('Progressing', false, 'AsSpecified'),
    ];
  }

  #againMs(object: R, plan: ManagedPlan, refusals: readonly string[]): number {
    const isOpen =
      refusals.length > 0 || plan.unknown.length > 0 || this.#missing(object, plan) > 0;
    return isOpen ? WAIT_MS : this.#ports.driftIntervalMs;
  }

  /** Broker groups that the cluster is to have and that cannot have it yet. */
  #missing(object: R, { settled, unknown }: ManagedPlan): number {
    const { namespace = '' } = object.metadata;
    const cluster = this.#ports.clusters.get(namespace, object.spec.clusterRef.name);
    return Math.max(0, (cluster?.spec.groups ?? 0) - settled.length - unknown.length);
  }

  #tellAdoption(object: R, isAdopted: boolean): void {
    if (!isAdopted || object.status?.observedGeneration !== undefined) return;
    const what = `${this.#kind.noun} ${this.#kind.nameOf(object)}`;
    this.#ports.story.tell(object, 'Adopted', `${what} existed already`);
  }

  #tellWork(object: R, { steps, impossible }: ManagedPlan, refusals: readonly string[]): void {
    const { story } = this.#ports;
    const { status, metadata } = object;
    const isSeen = status?.observedGeneration === metadata.generation;
    const what = `${this.#kind.noun} ${this.#kind.nameOf(object)}`;
    const at = steps.map(({ brokerName }) => brokerName).join(', ');
    const trouble = impossible === '' ? refusals.join('; ') : impossible;
    if (trouble !== '' && !isRefused(object)) story.tell(object, 'RefusedByBroker', trouble);
    if (steps.length === 0 || refusals.length > 0) return;
    if (steps.every(({ kind }) => kind === 'create')) {
      story.tell(object, 'Created', `${what} was made on ${at}`);
    } else if (isSeen) story.tell(object, 'DriftReverted', `${what} was changed back on ${at}`);
    else story.tell(object, 'Updated', `${what} was changed on ${at}`);
  }

  /** With deletionPolicy Delete the resource must not go before what it stands for; otherwise nothing holds it. */
  async #holdOn(object: R, signal: AbortSignal): Promise<R> {
    const { finalizers = [], namespace, name, resourceVersion } = object.metadata;
    const isHeld = finalizers.includes(FINALIZER);
    const wantsHold = object.spec.deletionPolicy === 'Delete';
    if (isHeld === wantsHold) return object;
    const others = finalizers.filter((finalizer) => finalizer !== FINALIZER);
    const next = wantsHold ? [...others, FINALIZER] : others;
    const patch = { metadata: { finalizers: next, resourceVersion } };
    const { resource } = this.#kind;
    return this.#ports.api.mergePatch(resource, { namespace, name }, patch, { signal });
  }

  /** The resource is being deleted: what it stands for goes first, if it may. */
  async #finish(object: R, signal: AbortSignal): Promise<TurnResult | undefined> {
    if (object.metadata.finalizers?.includes(FINALIZER) !== true) return undefined;
    const isRemoved = await this.#remove(object);
    if (!isRemoved) return { requeueAfterMs: WAIT_MS };
    const { namespace, name, resourceVersion, finalizers = [] } = object.metadata;
    const rest = finalizers.filter((finalizer) => finalizer !== FINALIZER);
    const patch = { metadata: { finalizers: rest, resourceVersion } };
    await this.#ports.api.mergePatch(this.#kind.resource, { namespace, name }, patch, { signal });
    return undefined;
  }

  /** True when nothing holds the resource any more. */
  async #remove(object: R): Promise<boolean> {
    const { namespace = '' } = object.metadata;
    const { story, clusters, access } = this.#ports;
    const cluster = clusters.get(namespace, object.spec.clusterRef.name);
    const isGone = cluster === undefined || cluster.metadata.deletionTimestamp !== undefined;
    const what = `${this.#kind.noun} ${this.#kind.nameOf(object)}`;
    if (isGone || object.spec.deletionPolicy === 'Retain') {
      if (!isGone) story.tell(object, 'Retained', `${what} stays`);
      return true;
    }
    if (isSharedWith(claimant(object), this.#rivals(object))) {
      story.tell(object, 'Retained', `${what} stays: another resource stands for it`);
      return true;
    }
    const key = clusterKey(namespace, object.spec.clusterRef.name);
    const brokers = access.brokers(key);
    const directory = access.directory(key);
    // A cluster that never had a master has nothing to remove.
    if (brokers.length === 0) return !hasServed(cluster);
    if (directory === undefined) return false;
    const removals = brokers.map((broker) => this.#kind.remove(object, broker, directory));
    const outcomes = await Promise.allSettled(removals);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) {
      story.tell(object, 'ReconcileFailed', `${what} cannot be removed: ${String(failed.reason)}`);
      return false;
    }
    story.tell(object, 'Deleted', `${what} was removed`);
    return true;
  }

  #rivals(object: R): readonly Claimant[] {
    const { namespace } = object.metadata;
    const name = this.#kind.nameOf(object);
    return this.#ports.objects
      .all()
      .filter(
        (other) =>
          other.metadata.namespace === namespace &&
          other.spec.clusterRef.name === object.spec.clusterRef.name &&
          this.#kind.nameOf(other) === name,
      )
      .map(claimant);
  }

  async #report(object: R, { findings, facts }: Outcome, signal: AbortSignal): Promise<void> {
    const { generation = 0 } = object.metadata;
    const before = object.status?.conditions ?? [];
    const nowMs = this.#ports.clock.nowMs();
    const conditions = withFindings(before, findings, generation, nowMs);
    const status = { ...object.status, ...facts, conditions, observedGeneration: generation };
    if (isSameStatus(status, object.status)) return;
    const next = { ...object, status };
    await this.#ports.api.replaceStatus(this.#kind.resource, next, { signal });
    const change = readyChange(before, conditions);
    if (change === undefined) return;
    const reason = change.isReady ? 'BecameReady' : 'NotReady';
    this.#ports.story.tell(object, reason, change.message);
  }
}

function waiting(
  reason: 'ClusterMissing' | 'ClusterNotReady',
  message: string,
  againMs: number,
): Outcome {
  const findings = [is('Ready', false, reason, message), is('Progressing', true, reason, message)];
  return { findings, facts: {}, againMs };
}

function isRefused({ status }: ManagedResource): boolean {
  const conditions = status?.conditions ?? [];
  return conditions.some(({ type, reason }) => type === 'Ready' && reason === 'Refused');
}

function hasServed({ status }: BrokerCluster): boolean {
  return (status?.groups ?? []).some(({ epoch }) => epoch > 0);
}

function claimant({ metadata }: ManagedResource): Claimant {
  const { name, uid = '', creationTimestamp = '', deletionTimestamp } = metadata;
  const isDeleting = deletionTimestamp !== undefined;
  return { name, uid, createdAt: creationTimestamp, isDeleting };
}
