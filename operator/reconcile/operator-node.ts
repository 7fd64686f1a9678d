import { MqError } from '../../common/errors/mq-error.ts';
import { ProbeServer } from '../../common/http/probe-server.ts';
import type { Component } from '../../common/lifecycle/lifecycle.ts';
import type { RoleContext } from '../../common/lifecycle/role-context.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import { crdSchemas } from '../api/crd.ts';
import { EVENTS } from '../api/events.ts';
import { compareCrd } from '../api/stale-crd.ts';
import { timingsFor } from '../failover/controller-timings.ts';
import { ChildApplier } from '../kube/child-applier.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import { KubeClient } from '../kube/kube-client.ts';
import { isKubeError } from '../kube/kube-error.ts';
import type { KubeTransport } from '../kube/kube-transport.ts';
import { LeaderElection } from '../kube/leader-election.ts';
import { RESOURCES } from '../kube/resource.ts';
import { WorkQueue, type WorkQueueOptions } from '../kube/work-queue.ts';
import { ClusterAccess } from './admin/cluster-access.ts';
import { ManagedReconciler, type ManagedPorts } from './admin/managed-reconciler.ts';
import type { ManagedResource } from './admin/managed-kind.ts';
import { BrokerGroupReconciler } from './broker-group/broker-group-reconciler.ts';
import { ClusterFailovers } from './broker-group/cluster-failovers.ts';
import { recordStory } from './broker-group/core/record-story.ts';
import type { GroupRecord } from '../failover/core/group-record.ts';
import { BrokerClusterReconciler } from './cluster/broker-cluster-reconciler.ts';
import { ClusterSecrets } from './cluster/cluster-secrets.ts';
import { CONSUMER_GROUP_KIND } from './consumer-group/consumer-group-kind.ts';
import { finishChanges } from './finish-changes.ts';
import { MergedMetrics } from './merged-metrics.ts';
import { groupObjectName } from '../resource/names.ts';
import { clusterKey, splitKey } from './names.ts';
import { OperatorCaches } from './operator-caches.ts';
import { connectQueues } from './operator-queues.ts';
import { OWN_RESOURCES } from './own-resources.ts';
import type { CachedObjects, StoryTeller } from './reconcile-ports.ts';
import { TOPIC_KIND } from './topic/topic-kind.ts';

const FIELD_MANAGER = 'orbitmq-operator';
/** A turn that takes longer hangs. Drains and switchovers are many short turns. */
const TURN_TIMEOUT_MS = 60_000;
const RUN_ID_BYTES = 4;
/** Each kind of call has a rate of its own, so that none of them waits for another one. */
const RATES = {
  reconcile: { perSecond: 50, burst: 200 },
  failover: { perSecond: 50, burst: 100 },
  lease: { perSecond: 5, burst: 10 },
};

/** The operator as a process: it waits for its lease, then looks after all clusters that it is to look after. */
export class OperatorNode {
  readonly probes: ProbeServer;
  readonly #context: RoleContext;
  readonly #transport: KubeTransport;
  readonly #identity: string;
  readonly #client: KubeClient;
  readonly #caches: OperatorCaches;
  readonly #election: LeaderElection;
  readonly #events: EventRecorder;
  readonly #failovers: ClusterFailovers;
  readonly #access: ClusterAccess;
  readonly #groupCare: BrokerGroupReconciler;
  readonly #queues: Readonly<
    Record<'clusters' | 'groups' | 'topics' | 'consumerGroups', WorkQueue>
  >;
  readonly #merged: MergedMetrics;
  #isStopping = false;

  constructor(context: RoleContext, transport: KubeTransport, hostName: string) {
    const { options, environment, metrics } = context;
    const { clock, timers, random } = environment;
    const logger = context.logger.child('operator');
    this.#context = context;
    this.#transport = transport;
    this.#identity = `${hostName}_${random.bytes(RUN_ID_BYTES).toString('hex')}`;
    const client = (rate: keyof typeof RATES): KubeClient =>
      new KubeClient(
        { transport, clock, timers, logger, metrics, rate: RATES[rate] },
        FIELD_MANAGER,
      );
    this.#client = client('reconcile');
    const failoverClient = client('failover');
    const base = { clock, timers, random, logger, metrics };
    this.#caches = new OperatorCaches(
      { ...base, client: this.#client, onBug: context.onFatal },
      namespacesIn(options.watchNamespaces),
    );
    this.#election = new LeaderElection(
      { namespace: options.operatorNamespace, name: options.leaseName, identity: this.#identity },
      { ...base, client: client('lease'), onFatal: context.onFatal },
    );
    this.#events = new EventRecorder({
      ...{ ...base, client: this.#client, component: FIELD_MANAGER, instance: hostName },
    });
    const node = { node_type: 'operator', node_id: options.leaseName } as const;
    this.#merged = new MergedMetrics(timers, node, options.metricsMaxSeries);
    metrics.addSource(() => this.#merged.render());
    const timings = timingsFor(options.controllerIntervalMs);
    this.#failovers = new ClusterFailovers({
      ...{ environment, logger, timings, nodeName: `operator ${hostName}`, api: failoverClient },
      ...{ clusters: this.#caches.clusters, groups: this.#caches.groups, pods: this.#caches.pods },
      metricsFor: (key) => this.#merged.of(key),
      onRecord: (key, brokerName, before, after) => {
        this.#recordStored(key, brokerName, before, after);
      },
    });
    this.#access = new ClusterAccess({
      ...{ clock, groups: this.#caches.groups },
      connector: (key) => this.#failovers.connector(key),
    });
    this.#groupCare = new BrokerGroupReconciler({
      ...{ clock, logger, api: failoverClient, timings, story: this.#story },
      ...{ groups: this.#caches.groups, pods: this.#caches.pods, nodes: this.#caches.nodes },
      ...{ failovers: this.#failovers, endsHungMasters: options.endHungMasters },
    });
    this.#queues = this.#makeQueues(timings);
    connectQueues(this.#caches, this.#queues);
    this.#caches.pods.onChange(({ object }) => {
      this.#failovers.podSeen(object);
    });
    this.#caches.clusters.onChange(({ type, object }) => {
      const { namespace = '', name } = object.metadata;
      if (type === 'deleted') this.#merged.forget(clusterKey(namespace, name));
    });
    this.probes = new ProbeServer(context, [{ name: 'caches', reason: () => this.#notListed() }]);
  }

  /** In the order in which they start. */
  get components(): readonly Component[] {
    const transport: Component = {
      name: 'connections to Kubernetes',
      order: 'everything else asks over them',
      start: () => Promise.resolve(),
      stop: () => this.#transport.close(),
    };
    const election: Component = {
      name: 'leader election',
      order: 'the lease is given back when no work is left',
      start: () => {
        this.#election.start();
        void this.#lead();
        return Promise.resolve();
      },
      stop: () => this.#election.stop(),
    };
    const work: Component = {
      name: 'reconcilers',
      order: 'they work for as long as the lease is held',
      start: () => Promise.resolve(),
      stop: () => this.#stopWork(),
    };
    return [this.probes, transport, this.#caches, election, work];
  }

  greeting(): string {
    const { options, version } = this.#context;
    const namespaces = namespacesIn(options.watchNamespaces);
    return [
      '',
      `OrbitMQ ${version}: operator is ready.`,
      '',
      `  looks after  ${namespaces.length === 0 ? 'all namespaces' : namespaces.join(', ')}`,
      `  lease        ${options.operatorNamespace}/${options.leaseName} as ${this.#identity}`,
      `  metrics      http://${formatAddress(this.probes.address)}/metrics   (also /healthz, /readyz)`,
      '',
    ].join('\n');
  }

  /** Never rejects: what goes wrong ends the process with a line that says so. */
  async #lead(): Promise<void> {
    try {
      await Promise.all([this.#caches.synced(), this.#election.elected()]);
      if (this.#isStopping || !this.#election.isLeader) return;
      await this.#checkDefinitions();
      for (const queue of Object.values(this.#queues)) queue.start();
      this.#context.logger.info('the operator leads and looks after its clusters', {
        clusters: this.#caches.clusters.all().length,
      });
    } catch (error) {
      this.#context.onFatal(error);
    }
  }

  async #stopWork(): Promise<void> {
    this.#isStopping = true;
    const { groups } = this.#queues;
    await finishChanges({ failovers: this.#failovers, groups }, this.#context.environment);
    await Promise.all(Object.values(this.#queues).map((queue) => queue.stop()));
    await this.#failovers.stopAll();
    this.#access.close();
    await this.#events.stop();
  }

  /** Fields that the installed definitions lack are dropped by the API server without a word: this is the word. */
  async #checkDefinitions(): Promise<void> {
    for (const expected of crdSchemas()) {
      const { name } = expected.metadata;
      try {
        const installed = await this.#client.find(RESOURCES.definitions, { name });
        const { state, missingFields } = compareCrd(
          expected,
          installed as typeof expected | undefined,
        );
        if (state === 'current') continue;
        const fields = { definition: name, state, missingFields: missingFields.join(', ') };
        this.#context.logger.warn(
          'a custom resource definition is not the one of this operator',
          fields,
        );
        if (state !== 'outdated') continue;
        const message = `${name} lacks ${missingFields.join(', ')}: helm upgrade installs the present one`;
        for (const cluster of this.#caches.clusters.all())
          this.#story.tell(cluster, 'CrdOutdated', message);
      } catch (error) {
        if (!isKubeError(error)) throw error;
        this.#context.logger.warn('a custom resource definition could not be looked at', {
          ...{ definition: name, error: error.message },
        });
      }
    }
  }

  #makeQueues(timings: ReturnType<typeof timingsFor>): OperatorNode['queues'] {
    const { options, environment, version } = this.#context;
    const { clock, timers } = environment;
    const logger = this.#context.logger.child('operator');
    const metrics = this.#context.metrics;
    const clusters = new BrokerClusterReconciler({
      ...{ clock, logger, timings, api: this.#client, caches: this.#caches.ofClusters },
      applier: new ChildApplier({
        ...{ client: this.#client, logger, metrics },
        resources: [...Object.values(RESOURCES), ...Object.values(OWN_RESOURCES)],
      }),
      secrets: new ClusterSecrets({ environment, api: this.#client }),
      ...{ failovers: this.#failovers, access: this.#access, story: this.#story },
      settings: {
        image: imageOf(options.operatorImage),
        ...{ operatorNamespace: options.operatorNamespace, version },
        ...{ drainTimeoutMs: options.drainTimeoutMs, comeBackMs: options.podComeBackMs },
      },
    });
    const managed = <R extends ManagedResource>(objects: CachedObjects<R>): ManagedPorts<R> => ({
      ...{ clock, logger, api: this.#client, objects, clusters: this.#caches.clusters },
      ...{ access: this.#access, story: this.#story, driftIntervalMs: options.driftIntervalMs },
    });
    const topics = new ManagedReconciler(TOPIC_KIND, managed(this.#caches.topics));
    const groups = new ManagedReconciler(CONSUMER_GROUP_KIND, managed(this.#caches.consumerGroups));
    const queue = (name: string, workers: number, turn: WorkQueueOptions['turn']): WorkQueue =>
      new WorkQueue(
        { name, workers, timeoutMs: TURN_TIMEOUT_MS, turn, limits: RETRIES },
        { clock, timers, logger, metrics: metrics.scope() },
      );
    return {
      clusters: queue('brokercluster', 4, (key, turn) => clusters.turn(key, turn)),
      groups: queue('brokergroup', 8, (key, turn) => this.#groupCare.turn(key, turn)),
      topics: queue('topic', 16, (key, turn) => topics.turn(key, turn)),
      consumerGroups: queue('consumergroup', 8, (key, turn) => groups.turn(key, turn)),
    };
  }

  get queues(): Readonly<Record<'clusters' | 'groups' | 'topics' | 'consumerGroups', WorkQueue>> {
    return this.#queues;
  }

  #recordStored(
    key: string,
    brokerName: string,
    before: GroupRecord | undefined,
    after: GroupRecord,
  ): void {
    const { namespace, name } = splitKey(key);
    const objectName = groupObjectName(name, brokerName);
    const groupKey = clusterKey(namespace, objectName);
    this.#groupCare.recordStored(groupKey, after);
    this.#queues.groups.add(groupKey);
    const about = [
      this.#caches.groups.get(namespace, objectName),
      this.#caches.clusters.get(namespace, name),
    ];
    for (const { reason, message } of recordStory(before, after)) {
      for (const object of about) {
        if (object !== undefined) this.#story.tell(object, reason, message);
      }
    }
  }

  readonly #story: StoryTeller = {
    tell: (about, reason, message) => {
      const { type } = EVENTS[reason];
      this.#events.record(about, { type, reason, message });
    },
  };

  #notListed(): string | undefined {
    const { missing } = this.#caches;
    return missing.length === 0 ? undefined : `not listed yet: ${missing.join(', ')}`;
  }
}

/** The operator image is only needed where a BrokerCluster names none; without both, its pods say what is missing. */
function imageOf(image: string | undefined): string {
  return image ?? 'orbitmq:latest';
}

const RETRIES = { firstMs: 50, maxMs: 30_000, perSecond: 20, burst: 100 };

function namespacesIn(text: string): readonly string[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const wrong = names.find((name) => !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name));
  if (wrong === undefined) return [...new Set(names)];
  throw new MqError('option-invalid', {
    problem: `--watch-namespaces: "${wrong}" is no namespace`,
  });
}
