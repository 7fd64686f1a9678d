import type { RoleContext } from '../common/lifecycle/role-context.ts';
import { formatAddress } from '../common/options/parse-value.ts';
import { FailoverNode } from './failover/failover-node.ts';

/** A failover controller: it decides who is the master of each broker group of a cluster. */
export async function run(context: RoleContext): Promise<void> {
  const node = await FailoverNode.create(context);
  await context.lifecycle.start(node.components);
  context.print(greeting(context, node));
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
