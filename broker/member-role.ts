import type { RoleContext } from '../common/lifecycle/role-context.ts';
import { formatAddress } from '../common/options/parse-value.ts';
import { MemberNode } from './member-node.ts';
import { Registration } from './registration.ts';

/** Acks of a NameServer are small. */
const ACK_BYTES_MAX = 64 * 1024;

/** A broker that is one of several of its group: waits for the failover controller to say whom it follows, or that it leads. */
export async function runMember(
  context: RoleContext,
  resolve: (host: string) => Promise<readonly string[]>,
): Promise<void> {
  const { lifecycle } = context;
  const node = new MemberNode(context);
  const registration = registrationOf(context, node, resolve);
  node.member.onChange(() => {
    registration.roleChanged();
  });
  await lifecycle.start([...node.components, registration]);
  context.print(greeting(context, node));
}

function registrationOf(
  { options, environment, logger, metrics, version, peers }: RoleContext,
  { member, advertised, memberAddress }: MemberNode,
  resolve: (host: string) => Promise<readonly string[]>,
): Registration {
  return new Registration({
    options,
    environment,
    metrics,
    version,
    logger: logger.child('registration'),
    advertised,
    runId: member.runId,
    identity: () => ({
      epoch: member.epoch,
      isSlave: member.term === undefined,
      memberName: member.self.name,
      memberAddress,
    }),
    feed: () => member.configuration,
    heartbeat: () => {
      const { logEndOffset, confirmOffset, isWritable } = member.status();
      return { epoch: member.epoch, logEndOffset, confirmOffset, isWritable };
    },
    connect: (nameServer, serverName) => peers.connect(nameServer, ACK_BYTES_MAX, serverName),
    resolve,
    events: {
      onGranted: (index, sentMs) => {
        member.leaseGranted(index, sentMs);
      },
      onWithdrawn: (index) => {
        member.leaseWithdrawn(index);
      },
      onEpochOver: (epoch) => {
        member.epochOver(epoch);
      },
      onNameServerCount: (count) => {
        member.nameServersAre(count);
      },
    },
  });
}

function greeting(
  { options, version }: RoleContext,
  { advertised, memberAddress, probes }: MemberNode,
): string {
  return [
    '',
    `OrbitMQ ${version}: ${options.memberName ?? ''}, member of ${options.brokerName} in ${options.clusterName}, is ready.`,
    '',
    `  member       ${formatAddress(memberAddress)}   (clients are sent to ${formatAddress(advertised)})`,
    `  NameServers  ${options.namesrv.map(formatAddress).join(', ')}`,
    `  metrics      http://${formatAddress(probes.address)}/metrics   (also /healthz, /readyz)`,
    `  data         ${options.dataDir}   (flush: ${options.flush})`,
    '',
    '  It waits for the failover controller to tell it its role.',
    '',
  ].join('\n');
}
