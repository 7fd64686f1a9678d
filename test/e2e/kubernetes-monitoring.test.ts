/** Prometheus at the pods of a cluster and of its operator: what the dashboards show when all is well. */
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { PANELS } from '../support/dashboard-panels.ts';
import { MISSING_PROMETHEUS, Prometheus } from '../support/prometheus.ts';
import { withVariables } from '../support/promql-reading.ts';
import { waitFor } from '../support/wait-for.ts';
import { GONE_WITHIN_MS, KubeNamespace, OPERATOR_NAMESPACE } from './support/kube-namespace.ts';
import { MISSING_KUBE } from './support/local-kube.ts';
import { installRelease, RELEASE_TIMEOUT_MS } from './support/orbitmq-release.ts';
import { SteadyLoad } from './support/steady-load.ts';

const READY_WITHIN_MS = 120_000;
const DATA_TIMEOUT_MS = 60_000;
const PROTOCOL_PORT = 8081;
const HTTP_PORT = 5557;

const CLUSTER = {
  apiVersion: 'orbitmq.io/v1alpha1',
  kind: 'BrokerCluster',
  metadata: { name: 'watched' },
  spec: { groups: 1, replicasPerGroup: 2, namesrv: { replicas: 1 }, storage: { size: '1Gi' } },
};

const missing = MISSING_KUBE ?? MISSING_PROMETHEUS;
const suite = missing === undefined ? describe : describe.skip;
const why = missing === undefined ? '' : ` (skipped: ${missing})`;

suite(`a real Prometheus at a cluster on Kubernetes${why}`, () => {
  let shop: KubeNamespace;
  let prometheus: Prometheus | undefined;
  let load: SteadyLoad | undefined;

  beforeAll(async () => {
    await installRelease();
    shop = await KubeNamespace.create(`watched-${Date.now().toString(36)}`);
    await shop.apply(CLUSTER);
    const object = ['brokercluster', 'watched'] as const;
    await shop.untilCondition(object, ['Ready', 'True'], READY_WITHIN_MS);
    await shop.untilCondition(object, ['Progressing', 'False'], READY_WITHIN_MS);
    const system = KubeNamespace.existing(OPERATOR_NAMESPACE);
    const nameServers = await addresses(shop, 'namesrv');
    prometheus = await Prometheus.start({
      'orbitmq-namesrv': withPort(nameServers, HTTP_PORT),
      'orbitmq-broker': withPort(await addresses(shop, 'broker'), HTTP_PORT),
      'orbitmq-operator': withPort(await addresses(system, 'operator'), HTTP_PORT),
    });
    load = new SteadyLoad(withPort(nameServers, PROTOCOL_PORT)[0] ?? '');
    await load.start();
  }, RELEASE_TIMEOUT_MS);

  afterAll(async () => {
    load?.stop();
    await prometheus?.dispose();
    await shop.delete(GONE_WITHIN_MS);
  }, 2 * GONE_WITHIN_MS);

  /** Pods are reached from this machine as they are. */
  async function addresses(namespace: KubeNamespace, component: string): Promise<string[]> {
    const selector = `app.kubernetes.io/component=${component}`;
    const pods = await namespace.list('pods', '--selector', selector);
    return pods.map(({ status }) => String(status?.['podIP']));
  }

  const withPort = (hosts: readonly string[], port: number): string[] =>
    hosts.map((host) => `${host}:${port}`);

  it.each(PANELS)(
    'shows data: $name',
    async ({ expr }) => {
      await waitFor(
        `data of ${expr}`,
        DATA_TIMEOUT_MS,
        async () => {
          const samples = (await prometheus?.query(withVariables(expr))) ?? [];
          return samples.some(({ value }) => Number.isFinite(value)) ? true : undefined;
        },
        500,
      );
    },
    DATA_TIMEOUT_MS + 5_000,
  );
});
