import { isMqError } from '../../../common/errors/mq-error.ts';
import { toStatus } from '../../../common/errors/status.ts';
import type { Logger } from '../../../common/log/logger.ts';
import type { NodeOptions } from '../../../common/options/node-options.ts';
import type { Address } from '../../../common/options/option-definition.ts';
import { formatAddress } from '../../../common/options/parse-value.ts';
import type { RpcChannel } from '../../../common/rpc/rpc-channel.ts';
import type { ServiceTable } from '../../../common/rpc/service-table.ts';
import { createGateway } from '../../../gateway/gateway.ts';
import { messagingService } from '../../../gateway/messaging-service.ts';
import { adminService } from '../../../namesrv/activity/admin/admin-service.ts';
import { NameServerService } from '../../../namesrv/activity/name-server-service.ts';
import { BrokerLinks } from '../../../namesrv/broker-links.ts';
import { NamesrvCluster } from '../../../namesrv/namesrv-cluster.ts';
import { RegistryService } from '../../../namesrv/registry/registry-service.ts';
import type { Environment } from '../../../common/environment/environment.ts';

export interface NameServerPorts {
  readonly options: NodeOptions;
  readonly environment: Environment;
  readonly logger: Logger;
  connect(address: string): RpcChannel;
  readonly onUnexpected: (where: string, error: unknown) => void;
}

/** One life of a NameServer, as namesrv/name-server.ts puts it together, without its sockets. */
export async function startNameServer(ports: NameServerPorts): Promise<ServiceTable> {
  const { options, environment, logger, onUnexpected } = ports;
  const registry = new RegistryService(options, environment, logger);
  const connect = (address: Address): RpcChannel => ports.connect(formatAddress(address));
  const links = new BrokerLinks(registry, connect, environment);
  await registry.start();
  const gateway = createGateway({
    cluster: new NamesrvCluster(registry, links, environment.clock),
    localBroker: undefined,
    options,
    environment,
    onUnexpected,
  });
  gateway.sessions.start();
  const admin = {
    options,
    service: registry,
    links,
    toStatus: (where: string, error: unknown) => {
      if (!isMqError(error)) onUnexpected(where, error);
      return toStatus(error);
    },
  };
  return {
    ...messagingService(gateway),
    ...adminService(admin),
    ...new NameServerService(registry, onUnexpected).table(),
  };
}
