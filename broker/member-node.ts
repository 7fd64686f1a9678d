import { isMqError } from '../common/errors/mq-error.ts';
import { toStatus, type ProtocolStatus } from '../common/errors/status.ts';
import { ProbeServer } from '../common/http/probe-server.ts';
import type { Component } from '../common/lifecycle/lifecycle.ts';
import type { RoleContext } from '../common/lifecycle/role-context.ts';
import type { Address } from '../common/options/option-definition.ts';
import type { ServiceTable } from '../common/rpc/service-table.ts';
import type { RecordRange } from '../common/wire/read-records-codec.ts';
import type { BrokerAccess } from '../gateway/broker-access.ts';
import { GatewayServer } from '../gateway/gateway-server.ts';
import { adminService } from './activity/admin/admin-service.ts';
import type { Broker } from './broker.ts';
import { BrokerMember } from './member/broker-member.ts';
import { GroupBrokerAccess } from './group/group-broker-access.ts';
import { GroupCluster } from './group/group-cluster.ts';
import { GroupRouting } from './group/group-routing.ts';
import { groupAdminService } from './group/group-admin.ts';
import type { GroupLeadership } from './group/group-leadership.ts';
import { backlogReads, type BacklogSource } from './ha/backlog-reads.ts';
import { LocalBrokerAccess } from './local-broker-access.ts';
import { memberServices } from './member/member-services.ts';
import { registerMemberMetrics } from './member/member-metrics.ts';
import { RunAnnouncement } from './member/run-announcement.ts';

/** Largest message between members: a batch of the log, or one record that is longer. */
const MEMBER_BYTES_MAX = 16 * 1024 * 1024;

/** A member of a replicated group with the port that serves it: a gateway to its master, or to itself while it is that. */
export class MemberNode {
  readonly member: BrokerMember;
  readonly server: GatewayServer;
  readonly probes: ProbeServer;
  readonly advertised: Address;
  readonly memberAddress: Address;
  readonly #context: RoleContext;
  readonly #routing: GroupRouting;
  /** Over the broker that is open now; another broker, another table. */
  #admin: { readonly broker: Broker; readonly table: ServiceTable } | undefined;

  constructor(context: RoleContext) {
    const { options, environment, logger, metrics, peers } = context;
    this.#context = context;
    this.advertised = options.advertise ?? options.listen;
    this.memberAddress = options.memberAddress ?? options.listen;
    const member = new BrokerMember({
      options,
      environment,
      logger,
      metrics,
      advertised: this.advertised,
      memberAddress: this.memberAddress,
      nameServerCount: options.namesrv.length,
      connect: (address) => peers.connect(address, MEMBER_BYTES_MAX),
      onFatal: context.onFatal,
      ...(options.runId !== undefined && { runId: options.runId }),
    });
    this.member = member;
    this.#routing = new GroupRouting({
      brokerName: options.brokerName,
      leadership: leadershipOf(member),
      options,
      environment,
      connect: (address, bytesMax) => peers.connect(address, bytesMax),
    });
    this.probes = new ProbeServer(context, [
      { name: 'broker', reason: () => member.notReadyReason() },
      { name: 'server', reason: () => this.server.notReadyReason() },
    ]);
    this.server = new GatewayServer(context, {
      localBroker: options.brokerName,
      certificateDirectory: `${options.dataDir}/tls`,
      cluster: () =>
        new GroupCluster(
          new GroupBrokerAccess(this.#routing),
          this.#routing,
          () => (member.isOpen ? member.configuration : undefined),
          this.advertised,
        ),
      services: () => ({
        ...this.#adminTable(),
        ...memberServices(member, options, environment.disk),
        ...this.#backlogTable(),
      }),
    });
    registerMemberMetrics(metrics, member, environment.clock);
  }

  /** In the order in which they start. */
  get components(): readonly Component[] {
    const routing: Component = {
      name: 'links to other members',
      order: 'requests are forwarded over them until the port is closed',
      start: () => Promise.resolve(),
      stop: () => {
        this.#routing.close();
        return Promise.resolve();
      },
    };
    const { options, environment } = this.#context;
    const run = new RunAnnouncement(environment.disk, options.runIdFile, this.member.runId);
    return [this.probes, run, this.member, routing, this.server];
  }

  #adminTable(): ServiceTable {
    return groupAdminService({
      routing: this.#routing,
      local: () => this.#localAdmin(),
      toStatus: (where, error) => this.#failureStatus(where, error),
    });
  }

  /** A slave reads old records for its master. */
  #backlogTable(): ServiceTable {
    const { member } = this;
    const { options, logger } = this.#context;
    const source = (): BacklogSource | undefined => {
      if (!member.isOpen || member.role !== 'follower') return undefined;
      const { log, foldedOffset } = member.broker;
      return {
        ...{ epoch: member.epoch, startOffset: log.startOffset, confirmOffset: foldedOffset },
        read: (offset, bytes) => log.read(offset, bytes),
      };
    };
    const onFailure = ({ offset, bytes }: RecordRange, error: unknown): void => {
      logger.warn('old records could not be read for the master', { offset, bytes, error });
    };
    return Object.fromEntries([
      backlogReads({ brokerName: options.brokerName, source, onFailure }),
    ]);
  }

  #localAdmin(): ServiceTable | undefined {
    const { member } = this;
    if (!member.isOpen) return undefined;
    const { broker } = member;
    if (this.#admin?.broker !== broker) {
      const { version, environment } = this.#context;
      const startTimeMs = environment.clock.nowMs();
      const describeNode: Parameters<typeof adminService>[1] = () => ({
        ...broker.describeStore(),
        ...{ advertised: this.advertised, version, epoch: member.epoch, startTimeMs },
      });
      this.#admin = { broker, table: adminService(broker.services, describeNode) };
    }
    return this.#admin.table;
  }

  #failureStatus(where: string, error: unknown): ProtocolStatus {
    if (!isMqError(error)) this.#context.logger.error('unexpected error', { where, error });
    return toStatus(error);
  }
}

/** The member as the gateway's side sees it. */
export function leadershipOf(member: BrokerMember): GroupLeadership {
  let local: { readonly broker: Broker; readonly access: BrokerAccess } | undefined;
  return {
    local: () => {
      const broker = member.serving;
      if (broker === undefined) return undefined;
      if (local?.broker !== broker)
        local = { broker, access: new LocalBrokerAccess(broker.services) };
      return local.access;
    },
    master: () => member.master(),
    onChange: (listener) => member.onChange(listener),
  };
}
