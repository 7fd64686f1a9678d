/** Nodes of Kubernetes that are drained, cut off and lost, under the load of official clients outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitFor } from '../support/wait-for.ts';
import { LoadedCluster, type Survival } from './support/loaded-cluster.ts';
import { localKube, MISSING_KUBE, mustRun, NODES, run } from './support/local-kube.ts';
import {
  haveOperatorLeadOn,
  installRelease,
  RELEASE_TIMEOUT_MS,
} from './support/orbitmq-release.ts';

const ELECTED_WITHIN_MS = 120_000;
const NODE_BACK_WITHIN_MS = 120_000;
const DRAIN_TIMEOUT_SECONDS = 120;
const TEST_TIMEOUT_MS = 600_000;
/**
 * An operator that goes lets changes of masters end (3 s), the next one begins (1 s), and a slave may hold up its master until then
 * (3 s): usually a second in all. A lease that is not given back costs 14 s.
 */
const DRAINED_MAX_MS = 10_000;
/** Heartbeats stay away, and the operator may have been on the node too: then another one has to take the lease. */
const NODE_LOST_MAX_MS = 45_000;
/** Clients whose connections lead nowhere go on when their system sends again: 25 s after the loss, or else 51 s. */
const CUT_OFF_MAX_MS = 75_000;
/** A partition that lasts longer than it takes to elect, and to find the pods lost. */
const CUT_OFF_MS = 20_000;

/**
 * What leads to a node that is gone is answered by nobody, not even with a refusal. The official client for Node.js has neither
 * keepalive nor another timeout on its connection, and would keep it until the system gives it up, after a quarter of an hour.
 */
const REPLACE_AFTER_MS = 5_000;

/** Clients come in over node 1 and are told its address, so brokers are on the others. */
const AWAY_FROM_THE_EDGE = {
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          {
            matchExpressions: [
              { key: 'kubernetes.io/hostname', operator: 'NotIn', values: ['node-1'] },
            ],
          },
        ],
      },
    },
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          podAffinityTerm: {
            topologyKey: 'kubernetes.io/hostname',
            labelSelector: { matchLabels: { 'app.kubernetes.io/component': 'broker' } },
          },
        },
      ],
    },
  },
};

const suite = MISSING_KUBE === undefined ? describe : describe.skip;
const why = MISSING_KUBE === undefined ? '' : ` (skipped: ${MISSING_KUBE})`;

suite(`nothing acknowledged is lost on Kubernetes when a node${why}`, () => {
  let cluster: LoadedCluster;
  /** Index of the node that was cut off or stopped last. */
  let struck = 0;

  beforeAll(async () => {
    await installRelease();
    cluster = await LoadedCluster.create('nodes', {
      ...{ groups: 1, members: 2, replaceAfterMs: REPLACE_AFTER_MS },
      // Two NameServers on the node that is lost would be their majority.
      spec: { template: AWAY_FROM_THE_EDGE, spread: { hosts: 'Required' } },
    });
  }, RELEASE_TIMEOUT_MS);

  afterAll(async () => {
    // The last test leaves one behind.
    if (struck !== 0) {
      await localKube.node('start', struck);
      await untilReady(struck);
    }
    await cluster.delete();
  }, TEST_TIMEOUT_MS);

  async function masterNode(): Promise<number> {
    const group = cluster.group();
    return group.nodeOf(await group.master());
  }

  /** Node of the slave, which does not share it with the master: after a drain of its own it may, until it is made anew. */
  async function slaveNode(): Promise<number> {
    const group = cluster.group();
    const { syncStateSet, master } = await group.record();
    const slave = syncStateSet.find((name) => name !== master?.name);
    if (slave === undefined) throw new Error('no slave is in sync');
    const node = await group.nodeOf(slave);
    if (node !== (await masterNode())) return node;
    await cluster.namespace.kubectl(['delete', 'pod', slave]);
    await cluster.untilSettled();
    return group.nodeOf(slave);
  }

  /** To have something start on one node, the others are closed for a moment, and masters leave a node that is closed. */
  async function haveNoMasterOn(node: number): Promise<void> {
    await cluster.untilSettled();
    if ((await masterNode()) !== node) return;
    await andElect(async () => {
      await mustRun('kubectl', ['cordon', `node-${node}`]);
    })();
    await uncordon(node);
    await cluster.untilSettled();
  }

  function survives(
    name: string,
    unavailableMaxMs: number,
    strike: () => Promise<void>,
    restore?: Survival['restore'],
  ): void {
    const run = (): Promise<void> =>
      cluster.survive({ name, unavailableMaxMs, strike, ...(restore && { restore }) });
    it(name, run, TEST_TIMEOUT_MS);
  }

  async function drain(node: number): Promise<void> {
    await mustRun(
      'kubectl',
      [
        ...['drain', `node-${node}`, '--ignore-daemonsets', '--delete-emptydir-data'],
        `--timeout=${DRAIN_TIMEOUT_SECONDS}s`,
      ],
      { timeoutMs: DRAIN_TIMEOUT_SECONDS * 1_000 + 5_000 },
    );
  }

  async function uncordon(node: number): Promise<void> {
    await mustRun('kubectl', ['uncordon', `node-${node}`]);
  }

  const surviveDrain = (name: string, node: number): Promise<void> =>
    cluster.survive({
      ...{ name, unavailableMaxMs: DRAINED_MAX_MS },
      strike: () => drain(node),
      restore: () => uncordon(node),
    });

  /** What takes the master away, and another one. */
  const andElect = (strike: () => Promise<void>) => async (): Promise<void> => {
    const { epoch } = await cluster.group().record();
    await strike();
    await cluster.group().untilElected(epoch, ELECTED_WITHIN_MS);
  };

  /** One that was removed has to come back first. */
  const untilReady = (node: number): Promise<true> =>
    waitFor(`node ${node}`, NODE_BACK_WITHIN_MS, async () => {
      const words = ['wait', `node/node-${node}`, '--for=condition=Ready', '--timeout=1s'];
      return (await run('kubectl', words)).code === 0 ? true : undefined;
    });

  for (let node = 1; node <= NODES; node++) {
    const name = `node ${node} is drained`;
    it(name, () => surviveDrain(name, node), TEST_TIMEOUT_MS);
  }

  it(
    'with the master and the leading operator is drained',
    async () => {
      await cluster.untilSettled();
      const drained = await masterNode();
      await haveOperatorLeadOn(`node-${drained}`);
      await surviveDrain('with the master and the leading operator is drained', drained);
      expect(await masterNode()).not.toBe(drained);
    },
    TEST_TIMEOUT_MS,
  );

  /** Nobody but the operator lets the master do without its slave at once; the next one has never seen that slave. */
  it(
    'with a slave and the leading operator is drained',
    async () => {
      await cluster.untilSettled();
      const drained = await slaveNode();
      await haveOperatorLeadOn(`node-${drained}`);
      await haveNoMasterOn(drained);
      const { epoch } = await cluster.group().record();
      await surviveDrain('with a slave and the leading operator is drained', drained);
      expect((await cluster.group().record()).epoch).toBe(epoch);
    },
    TEST_TIMEOUT_MS,
  );

  survives(
    'with the master is cut off and comes back',
    CUT_OFF_MAX_MS,
    andElect(async () => {
      struck = await masterNode();
      await localKube.node('isolate', struck);
      await sleep(CUT_OFF_MS);
    }),
    async () => {
      await localKube.node('rejoin', struck);
      await untilReady(struck);
    },
  );

  survives(
    'with the master dies and is started again',
    NODE_LOST_MAX_MS,
    andElect(async () => {
      struck = await masterNode();
      await localKube.node('stop', struck);
    }),
    async () => {
      await localKube.node('start', struck);
      await untilReady(struck);
    },
  );

  let lost = '';
  survives(
    'with the master dies for good, and its member gets a new volume elsewhere',
    NODE_LOST_MAX_MS,
    andElect(async () => {
      lost = await cluster.group().master();
      struck = await masterNode();
      await localKube.node('stop', struck);
    }),
    async () => {
      await mustRun('kubectl', ['delete', 'node', `node-${struck}`]);
      await cluster.namespace.kubectl(['delete', 'pvc', `data-${lost}`, '--wait=false']);
      const now = ['--force', '--grace-period=0', '--ignore-not-found', '--wait=false'];
      await cluster.namespace.kubectl(['delete', 'pod', lost, ...now]);
    },
  );
});
