import type { Clock } from '../../../common/environment/clock.ts';
import type { Logger } from '../../../common/log/logger.ts';
import type { BrokerCluster } from '../../api/broker-cluster-schema.ts';
import type { BrokerGroup } from '../../api/broker-group-schema.ts';
import type { KubernetesObject } from '../../api/object-meta.ts';
import type { ControllerTimings } from '../../failover/controller-timings.ts';
import type { ChildApplier } from '../../kube/child-applier.ts';
import type {
  Node,
  PersistentVolumeClaim,
  Pod,
  Service,
  StatefulSet,
} from '../../kube/resource.ts';
import type { ClusterAccess } from '../admin/cluster-access.ts';
import type { ClusterFailovers } from '../broker-group/cluster-failovers.ts';
import type { CachedObjects, LiveApi, StoryTeller } from '../reconcile-ports.ts';
import type { ClusterSecrets } from './cluster-secrets.ts';

export interface ClusterCaches {
  readonly clusters: CachedObjects<BrokerCluster>;
  readonly groups: CachedObjects<BrokerGroup>;
  readonly statefulSets: CachedObjects<StatefulSet>;
  readonly services: CachedObjects<Service>;
  readonly pods: CachedObjects<Pod>;
  readonly claims: CachedObjects<PersistentVolumeClaim>;
  readonly nodes: CachedObjects<Node>;
  /** Everything else that a cluster owns, of whatever kind. */
  readonly others: readonly CachedObjects<KubernetesObject>[];
}

export interface ClusterPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly api: Pick<LiveApi, 'mergePatch' | 'replaceStatus' | 'delete'>;
  readonly caches: ClusterCaches;
  readonly applier: Pick<ChildApplier, 'applyAll'>;
  readonly secrets: Pick<ClusterSecrets, 'ensure' | 'forget'>;
  readonly failovers: Pick<ClusterFailovers, 'ensure' | 'stop' | 'group'>;
  readonly access: Pick<ClusterAccess, 'brokers' | 'directory' | 'forget'>;
  readonly story: StoryTeller;
  readonly timings: ControllerTimings;
  readonly settings: ClusterSettings;
}

export interface ClusterSettings {
  /** For clusters that name none. */
  readonly image: string;
  readonly operatorNamespace: string;
  readonly version: string;
  /** How long consumers may take to empty a broker group that goes. */
  readonly drainTimeoutMs: number;
  /** How long a pod that was replaced may take to be back before people are told. */
  readonly comeBackMs: number;
}
