import type { Environment } from '../../../common/environment/environment.ts';
import type { Logger } from '../../../common/log/logger.ts';
import type { Metrics } from '../../../common/metrics/metrics.ts';
import { peerConnector } from '../../../common/rpc/peer-network.ts';
import type { RpcChannel } from '../../../common/rpc/rpc-channel.ts';
import type { Address } from '../../../common/options/option-definition.ts';
import type { BrokerCluster } from '../../api/broker-cluster-schema.ts';
import type { BrokerGroup } from '../../api/broker-group-schema.ts';
import type { ControllerTimings } from '../../failover/controller-timings.ts';
import type { GroupRecord } from '../../failover/core/group-record.ts';
import { FailoverController } from '../../failover/failover-controller.ts';
import type { GroupFailover } from '../../failover/group-failover.ts';
import type { Pod } from '../../kube/resource.ts';
import { LABELS } from '../../resource/names.ts';
import { clusterKey, splitKey, type ClusterKey } from '../names.ts';
import type { CachedObjects, LiveApi } from '../reconcile-ports.ts';
import { ClusterFailoverSpec } from './cluster-failover-spec.ts';
import { KubernetesGroupStore } from './kubernetes-group-store.ts';
import { KubernetesProcessWitness } from './kubernetes-process-witness.ts';

/** What members and NameServers answer, all groups of a large cluster included. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
/** Container of a broker pod whose process is the member. */
export const BROKER_CONTAINER = 'broker';

export interface FailoversPorts {
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>;
  readonly logger: Logger;
  /** Figures of one cluster: they name it. */
  readonly metricsFor: (key: ClusterKey) => Metrics;
  /** Of its own: failover waits for no other call. */
  readonly api: Pick<LiveApi, 'find' | 'replaceStatus'>;
  readonly clusters: CachedObjects<BrokerCluster>;
  readonly groups: CachedObjects<BrokerGroup>;
  readonly pods: CachedObjects<Pod>;
  readonly timings: ControllerTimings;
  readonly nodeName: string;
  readonly onRecord: (
    key: ClusterKey,
    brokerName: string,
    before: GroupRecord | undefined,
    after: GroupRecord,
  ) => void;
}

/** How the nodes of a cluster are spoken to. */
export interface ClusterTrust {
  /** Undefined: calls are not signed. */
  readonly secret: Buffer | undefined;
  /** Authorities of the nodes' certificates; undefined: plaintext. */
  readonly authoritiesPem: string | undefined;
}

export type Connect = (address: Address) => RpcChannel;

interface Running {
  readonly controller: FailoverController;
  readonly store: KubernetesGroupStore;
  readonly witness: KubernetesProcessWitness;
  readonly metrics: Metrics;
  readonly trust: ClusterTrust;
  readonly connect: Connect;
}

/** One failover controller for each BrokerCluster, each with the secret of its own cluster. */
export class ClusterFailovers {
  readonly #ports: FailoversPorts;
  readonly #running = new Map<ClusterKey, Running>();
  /** Starts and stops under way, so that one cluster never has two controllers in this process. */
  readonly #changes = new Map<ClusterKey, Promise<void>>();

  constructor(ports: FailoversPorts) {
    this.#ports = ports;
  }

  /** Starts it, or starts it anew when the cluster is spoken to in another way. Rejects when the cluster is not known. */
  ensure(key: ClusterKey, trust: ClusterTrust): Promise<void> {
    return this.#inTurn(key, async () => {
      const running = this.#running.get(key);
      if (running !== undefined && isSameTrust(running.trust, trust)) return;
      if (running !== undefined) await this.#end(key, running);
      await this.#start(key, trust);
    });
  }

  stop(key: ClusterKey): Promise<void> {
    return this.#inTurn(key, async () => {
      const running = this.#running.get(key);
      if (running !== undefined) await this.#end(key, running);
    });
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((key) => this.stop(key)));
  }

  /** Whether the master of some group of some cluster is being changed. */
  get isChanging(): boolean {
    return [...this.#running.values()].some(({ controller }) => controller.isChanging);
  }

  get keys(): readonly ClusterKey[] {
    return [...this.#running.keys()];
  }

  /** Undefined while the cluster or the group is not looked after. */
  group(key: ClusterKey, brokerName: string): GroupFailover | undefined {
    return this.#running.get(key)?.controller.group(brokerName);
  }

  /** Where the records of the cluster are; undefined while it is not looked after. */
  store(key: ClusterKey): Pick<KubernetesGroupStore, 'annotate'> | undefined {
    return this.#running.get(key)?.store;
  }

  /** How nodes of the cluster are reached; undefined while it is not looked after. */
  connector(key: ClusterKey): Connect | undefined {
    return this.#running.get(key)?.connect;
  }

  /** To be told of every pod that changes, in its last state when it is deleted. */
  podSeen(pod: Pod): void {
    const cluster = pod.metadata.labels?.[LABELS.cluster];
    const { namespace } = pod.metadata;
    if (cluster === undefined || namespace === undefined) return;
    const running = this.#running.get(clusterKey(namespace, cluster));
    if (running?.witness.podSeen(pod) !== true) return;
    const brokerName = pod.metadata.labels?.[LABELS.group] ?? '';
    running.controller.group(brokerName)?.wake();
  }

  async #start(key: ClusterKey, trust: ClusterTrust): Promise<void> {
    const { environment, api, timings, nodeName } = this.#ports;
    const logger = this.#ports.logger.child('failover', { cluster: key });
    const metrics = this.#ports.metricsFor(key);
    const at = splitKey(key);
    const connectPeer = peerConnector({
      ...{ environment, logger, nodeName, secret: trust.secret },
      trust:
        trust.authoritiesPem === undefined
          ? { kind: 'plaintext' }
          : { kind: 'tls', rootCertificatesPem: trust.authoritiesPem },
    });
    const connect: Connect = (address) => connectPeer(address, ANSWER_BYTES_MAX);
    const witness = new KubernetesProcessWitness(BROKER_CONTAINER);
    for (const pod of this.#ports.pods.labelled(LABELS.cluster, at.name)) {
      if (pod.metadata.namespace === at.namespace) witness.podSeen(pod);
    }
    const store = new KubernetesGroupStore(
      {
        ...{ api, groups: this.#ports.groups, clock: environment.clock },
        onWritten: (brokerName, before, after) => {
          this.#ports.onRecord(key, brokerName, before, after);
        },
      },
      at,
    );
    const spec = new ClusterFailoverSpec({ ...this.#ports, clock: environment.clock }, at);
    const controller = new FailoverController({
      ...{ environment, logger, metrics, store, witness, spec, timings, connect },
    });
    await controller.start();
    this.#running.set(key, { controller, store, witness, metrics, trust, connect });
    logger.info('failover of the cluster is looked after');
  }

  async #end(key: ClusterKey, { controller, metrics }: Running): Promise<void> {
    this.#running.delete(key);
    await controller.stop();
    metrics.end();
    this.#ports.logger.info('failover of the cluster is left', { cluster: key });
  }

  #inTurn(key: ClusterKey, work: () => Promise<void>): Promise<void> {
    const before = this.#changes.get(key) ?? Promise.resolve();
    const after = before.then(work);
    // The next change waits for this one, whatever comes of it; its own caller hears of a failure.
    const settled = after.catch(() => undefined);
    this.#changes.set(key, settled);
    void settled.then(() => {
      if (this.#changes.get(key) === settled) this.#changes.delete(key);
    });
    return after;
  }
}

function isSameTrust(a: ClusterTrust, b: ClusterTrust): boolean {
  const isSameSecret =
    a.secret === undefined || b.secret === undefined
      ? a.secret === b.secret
      : a.secret.equals(b.secret);
  return isSameSecret && a.authoritiesPem === b.authoritiesPem;
}
