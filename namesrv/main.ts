import type { RoleContext } from '../common/lifecycle/role-context.ts';
import { formatAddress } from '../common/options/parse-value.ts';
import { NameServer } from './name-server.ts';

/** The largest message with room for a whole receive: see BrokerLinks. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** A NameServer of a cluster: brokers register here, clients ask it for routes, and it serves every other request too. */
export async function run(context: RoleContext): Promise<void> {
  const { peers, lifecycle } = context;
  const nameServer = new NameServer(context, (broker) => peers.connect(broker, ANSWER_BYTES_MAX));
  await lifecycle.start(nameServer.components);
  context.print(greeting(context, nameServer));
}

function greeting({ options, version }: RoleContext, { server, probes }: NameServer): string {
  const listen = formatAddress({ host: options.listen.host, port: server.port });
  return [
    '',
    `OrbitMQ ${version}: NameServer of ${options.clusterName} is ready.`,
    '',
    `  clients    ${listen}   (RocketMQ 5 gRPC clients, ${options.tlsEnabled ? 'TLS and plaintext' : 'plaintext'})`,
    `  metrics    http://${formatAddress(probes.address)}/metrics   (also /healthz, /readyz)`,
    '',
    '  Add a broker:',
    `    npx orbitmq broker --namesrv ${formatAddress(options.advertise ?? { host: options.listen.host, port: server.port })} --listen 127.0.0.1:8091 --http-listen 127.0.0.1:5558`,
    '',
  ].join('\n');
}
