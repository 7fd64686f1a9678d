import { ProbeServer } from '../common/http/probe-server.ts';
import type { Component } from '../common/lifecycle/lifecycle.ts';
import type { RoleContext } from '../common/lifecycle/role-context.ts';
import type { Address } from '../common/options/option-definition.ts';
import { GatewayServer } from '../gateway/gateway-server.ts';
import { adminService } from './activity/admin/admin-service.ts';
import { BrokerComponent } from './broker-component.ts';
import { LocalBrokerAccess } from './local-broker-access.ts';
import { LocalCluster } from './local-cluster.ts';

/** A broker with the port that serves it and its probes: what a broker and a standalone node have in common. */
export class BrokerNode {
  readonly broker: BrokerComponent;
  readonly server: GatewayServer;
  readonly probes: ProbeServer;
  /** Where clients are sent. */
  readonly advertised: Address;

  constructor(context: RoleContext) {
    const { options, environment, version } = context;
    this.advertised = options.advertise ?? options.listen;
    const { advertised } = this;
    const broker = new BrokerComponent(context, advertised, context.onFatal);
    const startTimeMs = environment.clock.nowMs();
    const describeNode: Parameters<typeof adminService>[1] = () => ({
      ...broker.broker.describeStore(),
      ...{ advertised, version, epoch: 0, startTimeMs },
    });
    this.broker = broker;
    this.probes = new ProbeServer(context, [
      { name: 'broker', reason: () => broker.notReadyReason() },
      { name: 'server', reason: () => this.server.notReadyReason() },
    ]);
    this.server = new GatewayServer(context, {
      localBroker: options.brokerName,
      certificateDirectory: `${options.dataDir}/tls`,
      cluster: () => new LocalCluster(new LocalBrokerAccess(broker.broker.services), advertised),
      services: () => adminService(broker.broker.services, describeNode),
    });
  }

  /** In the order in which they start. */
  get components(): readonly Component[] {
    return [this.probes, this.broker, this.server];
  }
}
