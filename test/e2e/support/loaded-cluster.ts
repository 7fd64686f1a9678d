import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { ClusterLoad } from '../../support/cluster-load.ts';
import { monotonicMs } from '../../support/cluster-ledger.ts';
import { waitFor } from '../../support/wait-for.ts';
import { KubeBrokerGroup } from './kube-broker-group.ts';
import { GONE_WITHIN_MS, KubeNamespace, type Live } from './kube-namespace.ts';
import { localKube } from './local-kube.ts';
import { report } from './orbitmq-release.ts';

const READY_WITHIN_MS = 180_000;
/** Until everything is as before: pods are back, volumes copied, all members in sync. */
const WHOLE_WITHIN_MS = 240_000;
const SENT_WITHIN_MS = 60_000;
const NODE_PORT = 31180;
const NAME = 'mq';
/** Clients come in over it, so it is spared. */
const EDGE_NODE = 1;
const LANES = 2;
/** Where clients outside begin. */
export const EDGE_ENDPOINT = `${localKube.nodeAddress(EDGE_NODE)}:${NODE_PORT}`;
/** Of undisturbed load, before and after. */
const STEADY_MS = 2_000;

export interface LoadedClusterOptions {
  readonly groups: number;
  readonly members: number;
  /** Further fields of the spec. */
  readonly spec?: object;
  /** Clients that got nothing done for this long are replaced; see ClusterLoad. */
  readonly replaceAfterMs?: number;
}

export interface Survival {
  /** For the report. */
  readonly name: string;
  /** The longest time without an acknowledged send that is accepted. */
  readonly unavailableMaxMs: number;
  /** What is done to the cluster; resolves when it has happened, with a new master where there has to be one. */
  readonly strike: () => Promise<void>;
  /** Undoes what is not undone by itself; before the cluster is to be whole again. */
  readonly restore?: () => Promise<void>;
}

/** A cluster in Kubernetes, and official clients outside that use it over a NodePort and keep a ledger of what they were promised. */
export class LoadedCluster {
  readonly namespace: KubeNamespace;
  readonly #options: LoadedClusterOptions;
  #runs = 0;

  private constructor(namespace: KubeNamespace, options: LoadedClusterOptions) {
    this.namespace = namespace;
    this.#options = options;
  }

  static async create(prefix: string, options: LoadedClusterOptions): Promise<LoadedCluster> {
    const namespace = await KubeNamespace.create(`${prefix}-${Date.now().toString(36)}`);
    const cluster = new LoadedCluster(namespace, options);
    await cluster.apply({});
    await cluster.untilSettled(READY_WITHIN_MS);
    return cluster;
  }

  /** The cluster with these fields of the spec instead of those that it began with. */
  apply(spec: object): Promise<void> {
    const { groups, members } = this.#options;
    return this.namespace.apply({
      apiVersion: 'orbitmq.io/v1alpha1',
      kind: 'BrokerCluster',
      metadata: { name: NAME },
      spec: {
        ...{ groups, replicasPerGroup: members, replication: 'sync' },
        namesrv: { replicas: 3 },
        storage: { size: '1Gi', deletionPolicy: 'Delete' },
        listeners: { external: { type: 'NodePort', nodePortBase: NODE_PORT } },
        ...this.#options.spec,
        ...spec,
      },
    });
  }

  group(index = 0): KubeBrokerGroup {
    return new KubeBrokerGroup(this.namespace, `${NAME}-broker-${index}`);
  }

  /** Until nothing is under way, every group has all its members in sync, and no pod is on its way out or in. */
  async untilSettled(timeoutMs = WHOLE_WITHIN_MS): Promise<void> {
    // The groups first: the cluster hears of them a moment later.
    const groups = await this.namespace.list('brokergroups');
    for (const { metadata } of groups) {
      const group = new KubeBrokerGroup(this.namespace, metadata.name);
      await group.untilWhole(this.#options.members, timeoutMs);
    }
    for (const [type, status] of [
      ['Ready', 'True'],
      ['Progressing', 'False'],
    ] as const) {
      await this.namespace.untilCondition(['brokercluster', NAME], [type, status], timeoutMs);
    }
    // A master that has handed over is in sync until its pod goes, some seconds later.
    await this.namespace.until('all pods', timeoutMs, async () => {
      const all = await this.#pods();
      return all.every(isSteady) ? true : undefined;
    });
  }

  #pods(component?: string): Promise<readonly Live[]> {
    const ours = `orbitmq.io/cluster=${NAME}`;
    const part = component === undefined ? '' : `,app.kubernetes.io/component=${component}`;
    return this.namespace.list('pods', '--selector', `${ours}${part}`);
  }

  async readyPods(component: string): Promise<readonly Live[]> {
    return (await this.#pods(component)).filter(isSteady);
  }

  /** UIDs of the pods of brokers: a pod that was made anew has another one. */
  async brokerPods(): Promise<ReadonlyMap<string, string>> {
    const pods = await this.#pods('broker');
    return new Map(pods.map(({ metadata }) => [metadata.name, metadata.uid]));
  }

  /** Under load: strike, then all as it should be again. Nothing that was acknowledged may be lost. */
  async survive({ name, unavailableMaxMs, strike, restore }: Survival): Promise<void> {
    await this.untilSettled();
    const { groups, replaceAfterMs } = this.#options;
    const isSpread = groups > 1;
    const load = await ClusterLoad.start({
      endpoint: EDGE_ENDPOINT,
      ...{ name: `fault-${++this.#runs}`, lanes: LANES, hasProbe: false, isSpread },
      ...(replaceAfterMs !== undefined && { replaceAfterMs }),
    });
    try {
      await sleep(STEADY_MS);
      const struckAtMs = monotonicMs();
      try {
        await strike();
      } finally {
        // What comes next finds everything as it was.
        await restore?.();
      }
      await this.untilSettled();
      const wholeAtMs = monotonicMs();
      await sleep(STEADY_MS);
      // Without this, the gap in which nothing is acknowledged any more would not count.
      await waitFor('a send after it', SENT_WITHIN_MS, () =>
        load.ledger.sends.some(({ ackedAtMs }) => ackedAtMs > wholeAtMs) ? true : undefined,
      );
      const gapMs = load.ledger.longestGapMs(struckAtMs);
      const { violations, lost } = load.ledger.check(await load.finish());
      const seconds = (ms: number): number => Math.round(ms / 100) / 10;
      report(name, {
        unavailable: seconds(gapMs),
        whole: seconds(wholeAtMs - struckAtMs),
        acknowledged: load.ledger.sends.length,
        failures: Object.fromEntries(load.failures),
      });
      expect({ violations, lost }).toEqual({ violations: [], lost: [] });
      expect(load.ledger.notDelivered()).toEqual([]);
      expect(gapMs).toBeLessThan(unavailableMaxMs);
    } finally {
      await load.close();
    }
  }

  async delete(): Promise<void> {
    await this.namespace.delete(GONE_WITHIN_MS);
  }
}

/** Ready, and not to be deleted. */
function isSteady({ metadata, status }: Live): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' && metadata.deletionTimestamp === undefined;
}
