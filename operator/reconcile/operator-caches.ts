import type { Component } from '../../common/lifecycle/lifecycle.ts';
import type { KubernetesObject } from '../api/object-meta.ts';
import type { ReflectorPorts } from '../kube/reflector.ts';
import { RESOURCES } from '../kube/resource.ts';
import type { ClusterCaches } from './cluster/cluster-ports.ts';
import { LABELS } from '../resource/names.ts';
import { NamespacedCache } from './namespaced-cache.ts';
import { OWN_RESOURCES } from './own-resources.ts';

/** Copies of everything that the operator looks at. Of what is not of our own kinds only what belongs to clusters. */
export class OperatorCaches implements Component {
  readonly name = 'caches';
  readonly order = 'reconcilers must not take what was not listed yet for missing';
  readonly clusters;
  readonly groups;
  readonly topics;
  readonly consumerGroups;
  readonly statefulSets;
  readonly services;
  readonly pods;
  readonly claims;
  /** Not waited for: an operator may be kept from seeing nodes, and works without. */
  readonly nodes;
  readonly others: readonly NamespacedCache<KubernetesObject>[];

  constructor(ports: ReflectorPorts, namespaces: readonly string[]) {
    const own = LABELS.cluster;
    this.clusters = new NamespacedCache(OWN_RESOURCES.brokerClusters, ports, namespaces);
    this.groups = new NamespacedCache(OWN_RESOURCES.brokerGroups, ports, namespaces);
    this.topics = new NamespacedCache(OWN_RESOURCES.topics, ports, namespaces);
    this.consumerGroups = new NamespacedCache(OWN_RESOURCES.consumerGroups, ports, namespaces);
    this.statefulSets = new NamespacedCache(RESOURCES.statefulSets, ports, namespaces, own);
    this.services = new NamespacedCache(RESOURCES.services, ports, namespaces, own);
    this.pods = new NamespacedCache(RESOURCES.pods, ports, namespaces, own);
    this.claims = new NamespacedCache(RESOURCES.volumeClaims, ports, namespaces, own);
    this.nodes = new NamespacedCache(RESOURCES.nodes, ports, namespaces);
    this.others = [
      new NamespacedCache(RESOURCES.configMaps, ports, namespaces, own),
      new NamespacedCache(RESOURCES.serviceAccounts, ports, namespaces, own),
      new NamespacedCache(RESOURCES.disruptionBudgets, ports, namespaces, own),
      new NamespacedCache(RESOURCES.networkPolicies, ports, namespaces, own),
    ];
  }

  get ofClusters(): ClusterCaches {
    const { clusters, groups, statefulSets, services, pods, claims, nodes, others } = this;
    return { clusters, groups, statefulSets, services, pods, claims, nodes, others };
  }

  /** Plurals of what was not listed yet. */
  get missing(): readonly string[] {
    return this.#needed
      .filter(({ hasSynced }) => !hasSynced)
      .map(({ resource }) => resource.plural);
  }

  /** Does not wait: without the API server an operator is there, and not ready. */
  start(): Promise<void> {
    for (const cache of [...this.#needed, this.nodes]) cache.start();
    return Promise.resolve();
  }

  async synced(): Promise<void> {
    await Promise.all(this.#needed.map((cache) => cache.synced()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#needed, this.nodes].map((cache) => cache.stop()));
  }

  get #needed(): readonly NamespacedCache<never>[] {
    const { clusters, groups, topics, consumerGroups, statefulSets, services, pods, claims } = this;
    return [
      ...[clusters, groups, topics, consumerGroups, statefulSets, services, pods, claims],
      ...this.others,
    ] as unknown as readonly NamespacedCache<never>[];
  }
}
