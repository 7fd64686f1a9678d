import { resolveHost } from '../common/environment/node/node-resolver.ts';
import type { RoleContext } from '../common/lifecycle/role-context.ts';
import { formatAddress } from '../common/options/parse-value.ts';
import { BrokerNode } from './broker-node.ts';
import { runMember } from './member-role.ts';
import { Registration } from './registration.ts';

/** Acks of a NameServer are small. */
const ACK_BYTES_MAX = 64 * 1024;

/** A broker of a cluster: serves its own queues and makes itself known to the NameServers, which send clients here. */
export async function run(context: RoleContext): Promise<void> {
  const { options, environment, logger, metrics, version, lifecycle, peers } = context;
  if (options.memberName !== undefined) {
    await runMember(context, resolveHost);
    return;
  }
  const node = new BrokerNode(context);
  const registration = new Registration({
    options,
    environment,
    metrics,
    version,
    logger: logger.child('registration'),
    advertised: node.advertised,
    identity: () => ({ epoch: 0, isSlave: false, memberName: '', memberAddress: node.advertised }),
    feed: () => node.broker.broker.configuration,
    heartbeat: () => {
      const { services } = node.broker.broker;
      return {
        epoch: 0,
        logEndOffset: node.broker.broker.describeStore().logEndOffset,
        confirmOffset: services.state.foldedOffset,
        isWritable: services.health.isWritable,
      };
    },
    connect: (nameServer, serverName) => peers.connect(nameServer, ACK_BYTES_MAX, serverName),
    resolve: resolveHost,
  });
  if (options.namesrv.length === 0) {
    logger.warn(
      'no NameServer is configured: only clients that are told this address find the broker',
    );
  }
  await lifecycle.start([...node.components, registration]);
  context.print(greeting(context, node));
}

function greeting(
  { options, version }: RoleContext,
  { advertised, server, probes }: BrokerNode,
): string {
  const listen = formatAddress({ host: options.listen.host, port: server.port });
  const nameServers = options.namesrv.map(formatAddress).join(', ');
  return [
    '',
    `OrbitMQ ${version}: broker ${options.brokerName} of ${options.clusterName} is ready.`,
    '',
    `  clients      ${listen}   (sent to ${formatAddress(advertised)}; ${options.tlsEnabled ? 'TLS and plaintext' : 'plaintext'})`,
    `  NameServers  ${nameServers === '' ? 'none: give them with --namesrv' : nameServers}`,
    `  metrics      http://${formatAddress(probes.address)}/metrics   (also /healthz, /readyz)`,
    `  data         ${options.dataDir}   (flush: ${options.flush})`,
    '',
  ].join('\n');
}
