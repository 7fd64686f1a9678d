/** A gateway over a fake cluster, served on an ephemeral loopback port. */
import { nodeEnvironment } from '../../common/environment/node/node-environment.ts';
import { createSelfSigned } from '../../common/rpc/certificate.ts';
import {
  DEFAULT_GRPC_SERVER_OPTIONS,
  GrpcServer,
  type GrpcServerOptions,
} from '../../common/rpc/grpc-server.ts';
import type { ServerReport } from '../../common/rpc/server-report.ts';
import type { ServiceTable } from '../../common/rpc/service-table.ts';
import type { Cluster } from '../../gateway/broker-access.ts';
import { createGateway, type Gateway } from '../../gateway/gateway.ts';
import { messagingService } from '../../gateway/messaging-service.ts';
import type { GatewayOptions } from '../../gateway/options.ts';
import { publicAdminService } from '../../gateway/public-admin-service.ts';
import { FakeCluster } from './fake-cluster.ts';

export const GATEWAY_OPTIONS: GatewayOptions = {
  maxMessageBytes: 4 * 1024 * 1024,
  maxPropertiesBytes: 16 * 1024,
  maxUserProperties: 128,
  maxTopicNameLength: 127,
  maxGroupNameLength: 255,
  maxBatchMessages: 256,
  receiveBatchMax: 32,
  longPollingMs: 20_000,
  longPollingMaxMs: 30_000,
  invisibleMinMs: 1_000,
  invisibleMaxMs: 12 * 3_600_000,
  maxWaitingReceives: 50_000,
  admissionRequests: 4_096,
  admissionBytes: 256 * 1024 * 1024,
  admissionRequestsPerClient: 1_024,
  admissionBytesPerClient: 64 * 1024 * 1024,
  clientExpiryMs: 60_000,
};

export interface RunningServer {
  readonly server: GrpcServer;
  readonly port: number;
  readonly reports: ServerReport[];
  close(): Promise<void>;
}

export async function serve(
  table: ServiceTable,
  options: Partial<GrpcServerOptions> = {},
): Promise<RunningServer> {
  const reports: ServerReport[] = [];
  const certificate = await createSelfSigned(['localhost', '127.0.0.1'], Date.now());
  const server = new GrpcServer(
    { ...DEFAULT_GRPC_SERVER_OPTIONS, host: '127.0.0.1', port: 0, certificate, ...options },
    nodeEnvironment(),
    table,
    (report) => reports.push(report),
  );
  const port = await server.listen();
  return { server, port, reports, close: () => server.close(0) };
}

export interface RunningGateway extends RunningServer {
  readonly gateway: Gateway;
  readonly cluster: FakeCluster;
  readonly unexpected: unknown[];
}

export async function serveGateway(
  options: Partial<GatewayOptions> = {},
  cluster: FakeCluster = new FakeCluster(),
): Promise<RunningGateway> {
  const running = await serveGatewayOver(cluster, cluster.first.brokerName, options);
  cluster.port = running.port;
  return { ...running, cluster };
}

/** A gateway over any cluster; without a broker of its own when `localBroker` is undefined. */
export async function serveGatewayOver(
  cluster: Cluster,
  localBroker: string | undefined,
  options: Partial<GatewayOptions> = {},
): Promise<Omit<RunningGateway, 'cluster'>> {
  const unexpected: unknown[] = [];
  const gateway = createGateway({
    cluster,
    localBroker,
    options: { ...GATEWAY_OPTIONS, ...options },
    environment: nodeEnvironment(),
    onUnexpected: (_where, error) => unexpected.push(error),
  });
  const running = await serve({ ...messagingService(gateway), ...publicAdminService() });
  gateway.sessions.start();
  const close = async (): Promise<void> => {
    gateway.drain.begin();
    gateway.sessions.stop();
    await running.server.close(200);
  };
  return { ...running, gateway, unexpected, close };
}
