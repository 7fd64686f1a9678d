import type { Component } from '../common/lifecycle/lifecycle.ts';
import type { RoleContext } from '../common/lifecycle/role-context.ts';
import { NodeServer } from '../common/rpc/node-server.ts';
import type { ServiceTable } from '../common/rpc/service-table.ts';
import type { Cluster } from './broker-access.ts';
import type { Gateway } from './gateway.ts';
import { messagingService } from './messaging-service.ts';
import { createObservedGateway } from './observed-gateway.ts';
import { publicAdminService } from './public-admin-service.ts';

export interface GatewayServerParts {
  /** Name of the broker group that this node is a member of; undefined on a NameServer. */
  readonly localBroker: string | undefined;
  /** Where a certificate of our own making is kept; undefined: nowhere. */
  readonly certificateDirectory: string | undefined;
  /** Asked for when the server starts: by then everything below it runs. */
  readonly cluster: () => Cluster;
  /** What the node serves besides the MessagingService. */
  readonly services: () => ServiceTable;
  /** Ends the long-lived calls of these services, which would hold up the end of the server. */
  readonly drain?: () => void;
}

/** The port of a node: the MessagingService of its gateway, and the node's own services. */
export class GatewayServer implements Component {
  readonly name: string;
  readonly order: string;
  readonly #context: RoleContext;
  readonly #parts: GatewayServerParts;
  readonly #server: NodeServer;
  #gateway: Gateway | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(context: RoleContext, parts: GatewayServerParts) {
    this.#context = context;
    this.#parts = parts;
    this.#server = new NodeServer({
      options: context.options,
      environment: context.environment,
      logger: context.logger.child('server'),
      metrics: context.metrics,
      certificateDirectory: parts.certificateDirectory,
      table: () => this.#table(),
      beforeStop: () => {
        this.#unsubscribe?.();
        this.#gateway?.drain.begin();
        this.#gateway?.sessions.stop();
        parts.drain?.();
      },
    });
    this.name = this.#server.name;
    this.order = this.#server.order;
  }

  /** The port that is listened on; 0 before the start. */
  get port(): number {
    return this.#server.port;
  }

  /** Undefined while the port is open. */
  notReadyReason(): string | undefined {
    return this.port === 0 ? 'its port is not open yet' : undefined;
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  #table(): ServiceTable {
    const { options, environment, logger, metrics } = this.#context;
    const { localBroker } = this.#parts;
    const cluster = this.#parts.cluster();
    const gateway = createObservedGateway(
      { cluster, localBroker, options, environment },
      logger,
      metrics,
    );
    gateway.sessions.start();
    this.#unsubscribe = cluster.onMoved?.(() => {
      gateway.sessions.announceAll();
    });
    this.#gateway = gateway;
    return this.#context.peers.guard({
      ...messagingService(gateway),
      ...publicAdminService(),
      ...this.#parts.services(),
    });
  }
}
