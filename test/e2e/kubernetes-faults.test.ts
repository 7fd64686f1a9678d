/** Faults of a cluster on Kubernetes under the load of official clients outside, which keep a ledger of what they were promised. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { env } from 'node:process';
import { ClusterLoad } from '../support/cluster-load.ts';
import { monotonicMs } from '../support/cluster-ledger.ts';
import { waitFor } from '../support/wait-for.ts';
import { KubeBrokerGroup } from './support/kube-broker-group.ts';
import { KubeNamespace, OPERATOR_NAMESPACE } from './support/kube-namespace.ts';
import { localKube, MISSING_KUBE, mustRun } from './support/local-kube.ts';
import {
  installRelease,
  leadingOperator,
  RELEASE_TIMEOUT_MS,
  report,
  uninstallRelease,
} from './support/orbitmq-release.ts';

const READY_WITHIN_MS = 180_000;
const ELECTED_WITHIN_MS = 90_000;
const TEST_TIMEOUT_MS = 420_000;
/** The heartbeats are the defaults, and the machine has two cores for two nodes' worth of programs. */
const UNAVAILABLE_MAX_MS = 60_000;
const MEMBERS = 2;
const NODE_PORT = 31180;

const CLUSTER = {
  apiVersion: 'orbitmq.io/v1alpha1',
  kind: 'BrokerCluster',
  metadata: { name: 'mq' },
  spec: {
    groups: 1,
    replicasPerGroup: MEMBERS,
    replication: 'sync',
    namesrv: { replicas: 1 },
    storage: { size: '1Gi' },
    listeners: { external: { type: 'NodePort', nodePortBase: NODE_PORT } },
  },
};

const isWanted = env['ORBITMQ_E2E'] === 'all';
const missing = isWanted ? MISSING_KUBE : 'ORBITMQ_E2E is not all';
const suite = missing === undefined ? describe : describe.skip;
const why = missing === undefined ? '' : ` (skipped: ${missing})`;

suite(`faults on Kubernetes${why}`, () => {
  let shop: KubeNamespace;
  let group: KubeBrokerGroup;
  let runs = 0;

  beforeAll(async () => {
    await installRelease();
    shop = await KubeNamespace.create(`faults-${Date.now().toString(36)}`);
    await shop.apply(CLUSTER);
    await shop.untilCondition(['brokercluster', 'mq'], ['Ready', 'True'], READY_WITHIN_MS);
    group = new KubeBrokerGroup(shop, 'mq-broker-0');
  }, RELEASE_TIMEOUT_MS);

  afterAll(async () => {
    await shop.delete(READY_WITHIN_MS);
    await uninstallRelease();
  }, TEST_TIMEOUT_MS);

  /** Under load: `strike`, then whole again; nothing that was acknowledged may be lost. */
  async function survive(
    name: string,
    strike: (master: string, epoch: number) => Promise<void>,
    unavailableMaxMs = UNAVAILABLE_MAX_MS,
  ): Promise<void> {
    const { epoch } = await group.untilWhole(MEMBERS, READY_WITHIN_MS);
    const load = await ClusterLoad.start({
      endpoint: `${localKube.nodeAddress(1)}:${NODE_PORT}`,
      ...{ name: `fault-${++runs}`, lanes: 2, hasProbe: false },
    });
    try {
      const struckAtMs = monotonicMs();
      await strike(await group.master(), epoch);
      await group.untilWhole(MEMBERS, READY_WITHIN_MS);
      const wholeAtMs = monotonicMs();
      // Without this, the gap in which nothing is acknowledged any more would not count.
      await waitFor('a send after it', READY_WITHIN_MS, () =>
        load.ledger.sends.some(({ ackedAtMs }) => ackedAtMs > wholeAtMs) ? true : undefined,
      );
      const gapMs = load.ledger.longestGapMs(struckAtMs);
      const { violations, lost } = load.ledger.check(await load.finish());
      report(`${name}: unavailable, s`, Math.round(gapMs / 100) / 10);
      report(`${name}: acknowledged`, load.ledger.sends.length);
      expect({ violations, lost }).toEqual({ violations: [], lost: [] });
      expect(gapMs).toBeLessThan(unavailableMaxMs);
    } finally {
      await load.close();
    }
  }

  it(
    'no acknowledged message is lost when the pod of the master is deleted',
    () =>
      survive('pod of the master deleted', async (master, epoch) => {
        await shop.kubectl(['delete', 'pod', master, '--wait=false']);
        await group.untilElected(epoch, ELECTED_WITHIN_MS);
      }),
    TEST_TIMEOUT_MS,
  );

  it(
    'no acknowledged message is lost when the process of the master is killed',
    () =>
      survive('kill -9 of the master', async (master, epoch) => {
        await group.signal(master, 'SIGKILL');
        await group.untilElected(epoch, ELECTED_WITHIN_MS);
      }),
    TEST_TIMEOUT_MS,
  );

  it(
    'no acknowledged message is lost when the process of the master is frozen, and goes on',
    () =>
      survive('SIGSTOP of the master', async (master, epoch) => {
        await group.signal(master, 'SIGSTOP');
        await group.untilElected(epoch, ELECTED_WITHIN_MS);
        await group.signal(master, 'SIGCONT').catch((error: unknown) => {
          // Its probes may have ended it meanwhile.
          if (!/not found|process already finished/.test(String(error))) throw error;
        });
      }),
    TEST_TIMEOUT_MS,
  );

  it(
    'a failover goes on when the operator that leads is killed in the middle of it',
    () =>
      survive('operator killed during a failover', async (master, epoch) => {
        const operator = await leadingOperator();
        await group.signal(master, 'SIGKILL');
        await mustRun('kubectl', [
          ...['--namespace', OPERATOR_NAMESPACE, 'delete', 'pod', operator],
          ...['--grace-period=0', '--force', '--wait=false'],
        ]);
        await group.untilElected(epoch, ELECTED_WITHIN_MS);
      }),
    TEST_TIMEOUT_MS,
  );
});
