import type { RoleContext } from '../common/lifecycle/role-context.ts';
import { formatAddress } from '../common/options/parse-value.ts';
import { hostname } from 'node:os';
import { FailoverNode } from './failover/failover-node.ts';

/** A failover controller: it decides who is the master of each broker group of a cluster. */
export async function run(context: RoleContext): Promise<void> {
  const node = await FailoverNode.create(context);
  await context.lifecycle.start(node.components);
  context.print(greeting(context, node));
}

/** The operator: everything that OrbitMQ does in Kubernetes. Its parts are loaded only here: a controller needs no Kubernetes. */
export async function runOperator(context: RoleContext): Promise<void> {
  const { OperatorNode } = await import('./reconcile/operator-node.ts');
  const { KubeconfigTransport, loadKubeConfig } = await import('./kube/kubeconfig-transport.ts');
  const { options, environment, logger } = context;
  const config = loadKubeConfig(options.kubeConfig);
  const transport = new KubeconfigTransport(config, environment.clock, logger.child('kube'));
  const node = new OperatorNode(context, transport, hostname());
  await context.lifecycle.start(node.components);
  context.print(node.greeting());
}

function greeting({ options, version }: RoleContext, node: FailoverNode): string {
  const groups = node.controller.groups.map(({ brokerName }) => brokerName).join(', ');
  const listen = formatAddress({ host: options.listen.host, port: node.server.port });
  return [
    '',
    `OrbitMQ ${version}: failover controller is ready.`,
    '',
    `  groups     ${groups}`,
    `  requests   ${listen}`,
    `  metrics    http://${formatAddress(node.probes.address)}/metrics   (also /healthz, /readyz)`,
    '',
  ].join('\n');
}
