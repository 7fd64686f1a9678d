import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PlannedNode } from '../../cli/cluster/cluster-plan.ts';
import { formatAddress } from '../../common/options/parse-value.ts';
import { TestCluster } from '../support/cluster-launcher.ts';
import { PANELS } from '../support/dashboard-panels.ts';
import { MISSING_PROMETHEUS, Prometheus } from '../support/prometheus.ts';
import { withVariables } from '../support/promql-reading.ts';
import { waitFor } from '../support/wait-for.ts';
import { SteadyLoad } from './support/steady-load.ts';

const START_TIMEOUT_MS = 120_000;
/** Queries look back for up to a minute. */
const DATA_TIMEOUT_MS = 60_000;
const ALERT_TIMEOUT_MS = 60_000;

/** What only an operator in Kubernetes has to show. */
const NEEDS_KUBERNETES = /node_type="operator"/;
const HERE = PANELS.filter(({ expr }) => !NEEDS_KUBERNETES.test(expr));

const suite = MISSING_PROMETHEUS === undefined ? describe : describe.skip;
const why = MISSING_PROMETHEUS === undefined ? '' : ` (skipped: ${MISSING_PROMETHEUS})`;

suite(`a real Prometheus at a cluster of real processes${why}`, () => {
  let cluster: TestCluster;
  let prometheus: Prometheus;
  const disposals: (() => Promise<void>)[] = [];
  let load: SteadyLoad | undefined;

  async function alert(name: string): Promise<void> {
    let firing: readonly string[] = [];
    try {
      await waitFor(
        `alert ${name}`,
        ALERT_TIMEOUT_MS,
        async () => ((firing = await prometheus.firing()).includes(name) ? true : undefined),
        500,
      );
    } catch (error) {
      throw new Error(`${(error as Error).message}; firing: ${firing.join(', ')}`, {
        cause: error,
      });
    }
  }

  beforeAll(async () => {
    cluster = await TestCluster.start({
      ...{ nameServers: 3, groups: 2, replicas: 2 },
      ...{ heartbeatExpiryMs: 5_000, inSyncTimeoutMs: 3_000 },
    });
    disposals.push(() => cluster.dispose());
    const { nameServers, groups, controller } = cluster.plan;
    const addresses = (nodes: readonly PlannedNode[]): string[] =>
      nodes.map(({ http }) => formatAddress(http));
    prometheus = await Prometheus.start({
      'orbitmq-namesrv': addresses(nameServers),
      'orbitmq-broker': addresses(groups.flatMap(({ members }) => members)),
      'orbitmq-operator': addresses([controller]),
    });
    disposals.push(() => prometheus.dispose());
    load = new SteadyLoad(cluster.endpoint);
    await load.start();
  }, START_TIMEOUT_MS);

  afterAll(async () => {
    load?.stop();
    for (const dispose of disposals.reverse()) await dispose();
  }, 60_000);

  it.each(HERE)(
    'shows data: $name',
    async ({ expr }) => {
      await waitFor(
        `data of ${expr}`,
        DATA_TIMEOUT_MS,
        async () => {
          const samples = await prometheus.query(withVariables(expr));
          return samples.some(({ value }) => Number.isFinite(value)) ? true : undefined;
        },
        500,
      );
    },
    DATA_TIMEOUT_MS + 5_000,
  );

  it(
    'has no alert while all is well',
    async () => {
      const aboutThisMachine = ['OrbitMQDiskFilling', 'OrbitMQDiskAlmostFull', 'OrbitMQSlowFlush'];
      const busyMachine = ['OrbitMQEventLoopBusy'];
      const ignored = [...aboutThisMachine, ...busyMachine];
      // On a busy machine one may come for a moment; a wrong one stays.
      let firing: string[] = [];
      await waitFor('no alert', ALERT_TIMEOUT_MS, async () => {
        firing = (await prometheus.firing()).filter((name) => !ignored.includes(name));
        return firing.length === 0 ? true : undefined;
      }).catch(() => undefined);
      expect(firing).toEqual([]);
    },
    2 * ALERT_TIMEOUT_MS,
  );

  it(
    'tells of a slave that is lost, and of the danger for what only its master has',
    async () => {
      const master = await cluster.masterOf('broker-a');
      await cluster.kill(master === 'broker-a-0' ? 'broker-a-1' : 'broker-a-0');
      await alert('OrbitMQBrokerDown');
      await alert('OrbitMQInSyncSetIncomplete');
      await alert('OrbitMQAckedDataAtRisk');
    },
    4 * ALERT_TIMEOUT_MS,
  );

  it(
    'tells of a group that nobody can lead',
    async () => {
      await cluster.kill(await cluster.masterOf('broker-a'));
      await alert('OrbitMQFailoverBlocked');
    },
    2 * ALERT_TIMEOUT_MS,
  );

  it(
    'tells that nobody elects masters any more',
    async () => {
      const master = await cluster.masterOf('broker-b');
      await cluster.kill('controller');
      await alert('OrbitMQOperatorDown');
      await cluster.kill(master);
      await alert('OrbitMQNoMaster');
    },
    3 * ALERT_TIMEOUT_MS,
  );

  it(
    'tells of NameServers that are lost',
    async () => {
      await cluster.kill('namesrv-0');
      await cluster.kill('namesrv-1');
      await alert('OrbitMQNameServerDown');
      await alert('OrbitMQBrokerNotRegistered');
      await alert('OrbitMQNameServerMajorityLost');
    },
    4 * ALERT_TIMEOUT_MS,
  );
});
