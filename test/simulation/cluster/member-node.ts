import type { Broker } from '../../../broker/broker.ts';
import { BrokerMember } from '../../../broker/member/broker-member.ts';
import { adminService } from '../../../broker/activity/admin/admin-service.ts';
import { groupAdminService } from '../../../broker/group/group-admin.ts';
import { GroupBrokerAccess } from '../../../broker/group/group-broker-access.ts';
import { GroupCluster } from '../../../broker/group/group-cluster.ts';
import { GroupRouting } from '../../../broker/group/group-routing.ts';
import { backlogReads, type BacklogSource } from '../../../broker/ha/backlog-reads.ts';
import { leadershipOf } from '../../../broker/member-node.ts';
import { memberServices } from '../../../broker/member/member-services.ts';
import { Registration } from '../../../broker/registration.ts';
import type { Environment } from '../../../common/environment/environment.ts';
import { isMqError } from '../../../common/errors/mq-error.ts';
import { toStatus } from '../../../common/errors/status.ts';
import type { Logger } from '../../../common/log/logger.ts';
import { Metrics } from '../../../common/metrics/metrics.ts';
import type { NodeOptions } from '../../../common/options/node-options.ts';
import type { Address } from '../../../common/options/option-definition.ts';
import { formatAddress } from '../../../common/options/parse-value.ts';
import type { RpcChannel } from '../../../common/rpc/rpc-channel.ts';
import type { ServiceTable } from '../../../common/rpc/service-table.ts';
import { createGateway } from '../../../gateway/gateway.ts';
import { messagingService } from '../../../gateway/messaging-service.ts';

export interface MemberPorts {
  readonly name: string;
  readonly options: NodeOptions;
  readonly environment: Environment;
  readonly logger: Logger;
  connect(address: string): RpcChannel;
  readonly onUnexpected: (where: string, error: unknown) => void;
  onFatal(error: unknown): void;
  /** The run that the NameServers hear of. */
  onRun(runId: string): void;
}

/** One life of a member. */
export interface RunningMember {
  readonly table: ServiceTable;
  readonly member: BrokerMember;
  isWritable(): boolean;
  broker(): Broker | undefined;
}

const METRIC_SERIES_MAX = 100;

/** As broker/main.ts and broker/member-node.ts put it together, without their sockets. */
export async function startMember(ports: MemberPorts): Promise<RunningMember> {
  const { options, environment, logger, name, onUnexpected } = ports;
  const labels = { cluster: 'c', node_type: 'broker', node_id: name };
  const metrics = new Metrics(labels, METRIC_SERIES_MAX);
  const memberAddress = { host: name, port: 8081 };
  const advertised = { host: options.brokerName, port: 8081 };
  const connect = (address: Address): RpcChannel => ports.connect(formatAddress(address));
  const registration = new Registration({
    ...{ options, environment, logger, metrics, advertised },
    version: '0',
    identity: () => ({
      epoch: member.epoch,
      isSlave: member.term === undefined,
      memberName: name,
      memberAddress,
    }),
    feed: () => member.configuration,
    heartbeat: () => {
      const { acceptedEpoch, ...status } = member.status();
      return { ...status, epoch: member.term?.terms.epoch ?? acceptedEpoch };
    },
    connect,
    resolve: async (host) => [host],
    events: {
      onGranted: (index, sentMs) => member.leaseGranted(index, sentMs),
      onWithdrawn: (index) => member.leaseWithdrawn(index),
      onEpochOver: (epoch) => member.epochOver(epoch),
      onNameServerCount: (count) => member.nameServersAre(count),
    },
  });
  ports.onRun(registration.runId);
  const member: BrokerMember = new BrokerMember({
    ...{ options, environment, logger, metrics, advertised, memberAddress, connect },
    nameServerCount: options.namesrv.length,
    runId: registration.runId,
    onFatal: (error) => ports.onFatal(error),
  });
  const routing = new GroupRouting({
    ...{ options, environment, connect },
    brokerName: options.brokerName,
    leadership: leadershipOf(member),
  });
  const configuration = () => (member.isOpen ? member.configuration : undefined);
  const access = new GroupBrokerAccess(routing);
  const gateway = createGateway({
    ...{ options, environment, onUnexpected },
    cluster: new GroupCluster(access, routing, configuration, advertised),
    localBroker: options.brokerName,
  });
  gateway.sessions.start();
  let known = '';
  member.onChange(() => {
    const role = `${member.term === undefined ? 'slave' : 'master'} ${member.epoch}`;
    if (role !== known) registration.roleChanged();
    known = role;
  });
  await member.start();
  await registration.start();
  const admin = groupAdminService({
    routing,
    local: () => {
      if (!member.isOpen) return undefined;
      const { broker } = member;
      return adminService(broker.services, () => ({ ...broker.describeStore(), advertised }));
    },
    toStatus: (where, error) => {
      if (!isMqError(error)) onUnexpected(where, error);
      return toStatus(error);
    },
  });
  return {
    member,
    table: {
      ...messagingService(gateway),
      ...admin,
      ...memberServices(member, options, environment.disk),
      ...backlogTable(member, ports),
    },
    isWritable: () => member.status().isWritable,
    broker: () => (member.isOpen ? member.broker : undefined),
  };
}

/** A slave reads old records for its master. */
function backlogTable(member: BrokerMember, { options, logger }: MemberPorts): ServiceTable {
  const source = (): BacklogSource | undefined => {
    if (!member.isOpen || member.role !== 'follower') return undefined;
    const { log, foldedOffset } = member.broker;
    return {
      ...{ epoch: member.epoch, startOffset: log.startOffset, confirmOffset: foldedOffset },
      read: (offset, bytes) => log.read(offset, bytes),
    };
  };
  const { brokerName } = options;
  const onFailure = (_range: unknown, error: unknown): void => {
    logger.warn('old records could not be read for the master', { error });
  };
  return Object.fromEntries([backlogReads({ brokerName, source, onFailure })]);
}
