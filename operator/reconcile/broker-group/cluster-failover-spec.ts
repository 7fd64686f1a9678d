import type { Clock } from '../../../common/environment/clock.ts';
import { MqError } from '../../../common/errors/mq-error.ts';
import type { BrokerCluster } from '../../api/broker-cluster-schema.ts';
import type { BrokerGroup } from '../../api/broker-group-schema.ts';
import type { ClusterSpec, ClusterSpecSource } from '../../failover/cluster-spec.ts';
import type { GroupSpec } from '../../failover/core/group-spec.ts';
import type { Pod } from '../../kube/resource.ts';
import { LABELS, nameServerHost, nameServersName, PROTOCOL_PORT } from '../../resource/names.ts';
import { clusterKey } from '../names.ts';
import type { CachedObjects } from '../reconcile-ports.ts';
import { readySinceMs } from '../pod-facts.ts';
import { nameServerSet, type NameServerPod } from './core/name-server-set.ts';

export interface FailoverSpecPorts {
  readonly clusters: CachedObjects<BrokerCluster>;
  readonly groups: CachedObjects<BrokerGroup>;
  readonly pods: CachedObjects<Pod>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

/** What failover looks after in one BrokerCluster: its BrokerGroups, as they were applied, and its NameServers. */
export class ClusterFailoverSpec implements ClusterSpecSource {
  readonly #ports: FailoverSpecPorts;
  readonly #namespace: string;
  readonly #name: string;
  #nameServers: readonly number[] | undefined;

  constructor(
    ports: FailoverSpecPorts,
    { namespace, name }: { readonly namespace: string; readonly name: string },
  ) {
    this.#ports = ports;
    this.#namespace = namespace;
    this.#name = name;
  }

  read(): Promise<ClusterSpec> {
    const cluster = this.#ports.clusters.get(this.#namespace, this.#name);
    if (cluster === undefined) {
      const file = clusterKey(this.#namespace, this.#name);
      return Promise.reject(
        new MqError('cluster-spec-unusable', { file, reason: 'the BrokerCluster is not known' }),
      );
    }
    const wanted = cluster.spec.namesrv.replicas;
    this.#nameServers = nameServerSet(this.#nameServers, wanted, this.#nameServerPods());
    return Promise.resolve({
      clusterName: clusterKey(this.#namespace, this.#name),
      nameServers: this.#nameServers.map((ordinal) => ({
        host: nameServerHost(this.#place, ordinal),
        port: PROTOCOL_PORT,
      })),
      groups: this.#groups(),
      processDirectory: undefined,
    });
  }

  get #place(): { readonly namespace: string; readonly name: string } {
    return { namespace: this.#namespace, name: this.#name };
  }

  /** A group that is paused or on its way out of existence is left as it is. */
  #groups(): readonly GroupSpec[] {
    return this.#ports.groups
      .labelled(LABELS.cluster, this.#name)
      .filter(({ metadata, spec }) => {
        const isOurs = metadata.namespace === this.#namespace;
        return isOurs && metadata.deletionTimestamp === undefined && !spec.paused;
      })
      .map(({ spec }) => groupSpecOf(spec))
      .toSorted((a, b) => (a.brokerName < b.brokerName ? -1 : 1));
  }

  #nameServerPods(): readonly NameServerPod[] {
    const prefix = `${nameServersName(this.#place)}-`;
    const nowMs = this.#ports.clock.nowMs();
    return this.#ports.pods.labelled(LABELS.cluster, this.#name).flatMap((pod) => {
      const { namespace, name } = pod.metadata;
      if (namespace !== this.#namespace || !name.startsWith(prefix)) return [];
      const ordinal = Number(name.slice(prefix.length));
      const sinceMs = readySinceMs(pod);
      const readyForMs = sinceMs === undefined ? undefined : nowMs - sinceMs;
      return Number.isSafeInteger(ordinal) ? [{ ordinal, readyForMs }] : [];
    });
  }
}

export function groupSpecOf(spec: BrokerGroup['spec']): GroupSpec {
  const { brokerName, members, replication, minInSyncReplicas, uncleanElection } = spec;
  return { brokerName, members, replication, minInSyncReplicas, uncleanElection };
}
