import { ProbeServer } from '../common/http/probe-server.ts';
import { isMqError } from '../common/errors/mq-error.ts';
import { toStatus, type ProtocolStatus } from '../common/errors/status.ts';
import type { Component } from '../common/lifecycle/lifecycle.ts';
import type { RoleContext } from '../common/lifecycle/role-context.ts';
import type { Address } from '../common/options/option-definition.ts';
import type { RpcChannel } from '../common/rpc/rpc-channel.ts';
import { GatewayServer } from '../gateway/gateway-server.ts';
import { adminService } from './activity/admin/admin-service.ts';
import { NameServerService } from './activity/name-server-service.ts';
import { BrokerLinks } from './broker-links.ts';
import { NamesrvCluster } from './namesrv-cluster.ts';
import { registerNamesrvMetrics } from './namesrv-metrics.ts';
import { RegistryService } from './registry/registry-service.ts';

/** A NameServer: registry of brokers, and a gateway to them. Nothing of it is kept on disk. */
export class NameServer {
  readonly registry: RegistryService;
  readonly server: GatewayServer;
  readonly probes: ProbeServer;
  readonly #links: BrokerLinks;

  constructor(context: RoleContext, connect: (broker: Address) => RpcChannel) {
    const { options, environment, metrics } = context;
    const logger = context.logger.child('namesrv');
    const refusedEpochs = metrics.counter('refusedEpochs');
    const registry = new RegistryService(options, environment, logger, (broker) => {
      refusedEpochs.cell({ broker }).add(1);
    });
    const links = new BrokerLinks(registry, connect, environment);
    this.registry = registry;
    this.#links = links;
    const onUnexpected = (where: string, error: unknown): void => {
      logger.error('unexpected error', { where, error });
    };
    const failureStatus = (where: string, error: unknown): ProtocolStatus => {
      if (!isMqError(error)) onUnexpected(where, error);
      return toStatus(error);
    };
    const admin = { options, service: registry, links, toStatus: failureStatus };
    const registration = new NameServerService(registry, onUnexpected);
    this.probes = new ProbeServer(context, [
      { name: 'registry', reason: () => registry.warmUpReason() },
      { name: 'server', reason: () => this.server.notReadyReason() },
    ]);
    this.server = new GatewayServer(context, {
      localBroker: undefined,
      certificateDirectory: undefined,
      cluster: () => new NamesrvCluster(registry, links, environment.clock),
      services: () => ({ ...adminService(admin), ...registration.table() }),
      drain: () => {
        registration.drain();
      },
    });
    registerNamesrvMetrics(metrics, registry.registry, links, environment.clock);
  }

  /** In the order in which they start. */
  get components(): readonly Component[] {
    const links: Component = {
      name: 'links to brokers',
      order: 'requests are forwarded over them until the port is closed',
      start: () => Promise.resolve(),
      stop: () => {
        this.#links.close();
        return Promise.resolve();
      },
    };
    return [this.probes, this.registry, links, this.server];
  }
}
