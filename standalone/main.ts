import { BrokerNode } from '../broker/broker-node.ts';
import type { RoleContext } from '../common/lifecycle/role-context.ts';
import { formatAddress } from '../common/options/parse-value.ts';

/** NameServer and one broker in one process on one port: the way to try OrbitMQ, and to run it embedded. */
export async function run(context: RoleContext): Promise<void> {
  const node = new BrokerNode(context);
  await context.lifecycle.start(node.components);
  const listen = { host: context.options.listen.host, port: node.server.port };
  context.print(greeting(context, listen, node.probes.address));
}

function greeting(
  context: RoleContext,
  listen: { readonly host: string; readonly port: number },
  http: { readonly host: string; readonly port: number },
): string {
  const { options, version } = context;
  const endpoint = formatAddress(listen);
  const elsewhere = endpoint === '127.0.0.1:8081' ? '' : ` --endpoint ${endpoint}`;
  return [
    '',
    `OrbitMQ ${version} is ready.`,
    '',
    `  clients    ${endpoint}   (RocketMQ 5 gRPC clients, ${options.tlsEnabled ? 'TLS and plaintext' : 'plaintext'})`,
    `  metrics    http://${formatAddress(http)}/metrics   (also /healthz, /readyz)`,
    `  data       ${options.dataDir}   (flush: ${options.flush})`,
    '',
    '  Send a first message:',
    `    npx orbitmq send hello 'hello, world'${elsewhere}`,
    '  and receive it:',
    `    npx orbitmq receive hello${elsewhere}`,
    '',
  ].join('\n');
}
