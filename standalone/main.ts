import { BrokerComponent } from '../broker/broker-component.ts';
import { LocalBrokerAccess } from '../broker/local-broker-access.ts';
import { LocalCluster } from '../broker/local-cluster.ts';
import { adminService } from '../broker/activity/admin/admin-service.ts';
import { HttpServer } from '../common/http/http-server.ts';
import { nodeRoutes } from '../common/http/node-routes.ts';
import type { Component } from '../common/lifecycle/lifecycle.ts';
import type { RoleContext } from '../common/lifecycle/role-context.ts';
import { formatAddress } from '../common/options/parse-value.ts';
import { NodeServer } from '../common/rpc/node-server.ts';
import type { ServiceTable } from '../common/rpc/service-table.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { messagingService } from '../gateway/messaging-service.ts';
import { createObservedGateway } from '../gateway/observed-gateway.ts';
import type { IBrokerDescription } from '../proto/generated/orbitmq.ts';
import { publicAdminService } from '../gateway/public-admin-service.ts';

/** NameServer and one broker in one process on one port: the way to try OrbitMQ, and to run it embedded. */
export async function run(context: RoleContext): Promise<void> {
  const { options, environment, logger, metrics, lifecycle } = context;
  const advertised = options.advertise ?? options.listen;
  const broker = new BrokerComponent(context, advertised, context.onFatal);
  const startTimeMs = environment.clock.nowMs();
  let gateway: Gateway | undefined;
  const table = (): ServiceTable => {
    const { services } = broker.broker;
    const cluster = new LocalCluster(new LocalBrokerAccess(services), advertised);
    const parts = { cluster, localBroker: options.brokerName, options, environment };
    gateway = createObservedGateway(parts, logger, metrics);
    gateway.sessions.start();
    const describeNode = (): IBrokerDescription => ({
      ...broker.broker.describeStore(),
      advertised,
      version: context.version,
      epoch: 0,
      startTimeMs,
    });
    return {
      ...messagingService(gateway),
      ...publicAdminService(),
      ...adminService(services, describeNode),
    };
  };
  const server = new NodeServer({
    options,
    environment,
    logger: logger.child('server'),
    metrics,
    table,
    beforeStop: () => {
      gateway?.drain.begin();
      gateway?.sessions.stop();
    },
  });
  const readiness = [{ name: 'broker', reason: () => broker.notReadyReason() }];
  const http = new HttpServer(
    options.httpListen,
    '--http-listen',
    nodeRoutes(metrics, environment.timers, readiness),
    logger.child('http'),
    environment.clock,
  );
  let httpAddress = options.httpListen;
  const probes: Component = {
    name: 'http server',
    order: 'a probe may ask while the data is recovered',
    start: async () => {
      httpAddress = await http.start();
    },
    stop: () => http.stop(),
  };
  await lifecycle.start([probes, broker, server]);
  context.print(greeting(context, { host: options.listen.host, port: server.port }, httpAddress));
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
