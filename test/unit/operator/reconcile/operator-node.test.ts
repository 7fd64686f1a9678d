import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RoleContext } from '../../../../common/lifecycle/role-context.ts';
import { resolveOptions } from '../../../../common/options/resolve-options.ts';
import { crdSchemas } from '../../../../operator/api/crd.ts';
import { OperatorNode } from '../../../../operator/reconcile/operator-node.ts';
import { FakeApiServer } from '../../../support/fake-api-server.ts';
import { KubePortsKit } from '../../../support/kube-ports.ts';

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/o/leases/op';
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

describe('OperatorNode', () => {
  let api: FakeApiServer;
  let kit: KubePortsKit;
  let stops: (() => Promise<void>)[];

  beforeEach(() => {
    api = new FakeApiServer();
    kit = new KubePortsKit();
    stops = [];
    for (const definition of crdSchemas()) {
      api.objects.set(`${DEFINITIONS}/${definition.metadata.name}`, definition);
    }
  });

  afterEach(async () => {
    for (const stop of stops.toReversed()) await stop();
  });

  function nodeWith(flags: readonly (readonly [string, string])[] = []): OperatorNode {
    const all = [
      ...([['httpListen', '127.0.0.1:0']] as const),
      ...([['operatorNamespace', 'o']] as const),
      ...([['leaseName', 'op']] as const),
      ...flags,
    ];
    const { options } = resolveOptions({ role: 'operator', flags: new Map(all), env: {} });
    const environment = { clock: kit.time, timers: kit.time, random: kit.random };
    const context = {
      ...{ options, environment, logger: kit.logger, metrics: kit.metrics, version: '1.2.3' },
      onFatal: (error: unknown) => void kit.fatal.push(error),
    } as unknown as RoleContext;
    return new OperatorNode(context, api, 'host-1');
  }

  async function started(flags?: readonly (readonly [string, string])[]): Promise<OperatorNode> {
    const node = nodeWith(flags);
    for (const component of node.components) {
      await component.start();
      stops.push(() => component.stop());
    }
    await kit.pass(3_000, 250);
    return node;
  }

  const readiness = async ({ probes }: OperatorNode): Promise<number> =>
    (await fetch(`http://127.0.0.1:${probes.address.port}/readyz`)).status;
  const holder = (): unknown =>
    (api.objects.get(LEASE) as { spec?: { holderIdentity?: string } } | undefined)?.spec
      ?.holderIdentity;
  const said = (): readonly string[] => kit.logger.lines.map(({ message }) => message);
  const leads = 'the operator leads and looks after its clusters';

  it('leads when it has the lease and all lists, and is ready then', async () => {
    const node = await started();
    expect(await readiness(node)).toBe(200);
    expect(holder()).toMatch(/^host-1_/);
    expect(said()).toContain(leads);
    expect([kit.fatal, node.greeting()]).toEqual([[], expect.stringContaining('all namespaces')]);
  });

  it('is not ready, and does nothing, while it may not list what it needs', async () => {
    api.refuse = (path) => (path.endsWith('/brokerclusters') ? 403 : undefined);
    const node = await started();
    expect(await readiness(node)).toBe(503);
    expect(said()).not.toContain(leads);
  });

  it('works without seeing nodes, which it may be kept from', async () => {
    api.refuse = (path) => (path.endsWith('/nodes') ? 403 : undefined);
    expect(await readiness(await started())).toBe(200);
    expect(said()).toContain(leads);
  });

  it('waits while another one holds the lease', async () => {
    const spec = {
      ...{ holderIdentity: 'another', leaseDurationSeconds: 15, leaseTransitions: 0 },
      ...{ acquireTime: new Date(kit.time.nowMs()).toISOString() },
      renewTime: new Date(kit.time.nowMs()).toISOString(),
    };
    api.objects.set(LEASE, { metadata: { name: 'op', resourceVersion: '1' }, spec });
    const node = await started();
    expect([holder(), said().includes(leads), await readiness(node)]).toEqual([
      ...['another', false, 200],
    ]);
  });

  it('says that a definition is old or missing, and works on', async () => {
    const [first, second] = crdSchemas().map(({ metadata }) => metadata.name);
    api.objects.delete(`${DEFINITIONS}/${first}`);
    api.refuse = (path) => (path.endsWith(`/${second}`) ? 403 : undefined);
    await started();
    expect(said()).toEqual(
      expect.arrayContaining([
        'a custom resource definition is not the one of this operator',
        'a custom resource definition could not be looked at',
        leads,
      ]),
    );
  });

  it('looks only at the namespaces that it is to look after', async () => {
    await started([['watchNamespaces', 'a, b']]);
    const lists = api.requests.map(({ path }) => path).filter((path) => path.endsWith('/topics'));
    expect([...new Set(lists)].sort()).toEqual([
      '/apis/orbitmq.io/v1alpha1/namespaces/a/topics',
      '/apis/orbitmq.io/v1alpha1/namespaces/b/topics',
    ]);
    expect(() => nodeWith([['watchNamespaces', '-a']])).toThrow('is no namespace');
  });

  it('gives the lease back when it stops, and closes its connections last', async () => {
    await started();
    for (const stop of stops.toReversed()) await stop();
    stops = [];
    expect([holder(), api.isClosed, kit.fatal]).toEqual(['', true, []]);
  });
});
