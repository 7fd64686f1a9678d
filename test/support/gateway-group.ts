/** Members of a group as gateways on real ports over one in-memory broker; a test gives and takes the role of the master. */
import { nodeEnvironment } from '../../common/environment/node/node-environment.ts';
import { statusOf } from '../../common/errors/status.ts';
import { GrpcChannel } from '../../common/rpc/grpc-channel.ts';
import type { SendMessageView } from '../../common/wire/send-message-view.ts';
import { GroupBrokerAccess } from '../../broker/group/group-broker-access.ts';
import { GroupCluster } from '../../broker/group/group-cluster.ts';
import { GroupRouting } from '../../broker/group/group-routing.ts';
import type { BrokerAccess, ClientContext, ReceiveOutcome } from '../../gateway/broker-access.ts';
import type { IReceiveMessageRequest, ISendMessageResponse } from '../../proto/generated/v2.ts';
import { FakeBroker } from './fake-cluster.ts';
import { FakeLeadership, GROUP } from './group-world.ts';
import { serveGatewayOver, type RunningGateway } from './gateway-server.ts';

/** One mastership over what the group has stored: what waits ends with it, and what comes later is refused. */
class Mastership {
  readonly #over = new AbortController();
  readonly #broker: FakeBroker;

  constructor(broker: FakeBroker) {
    this.#broker = broker;
  }

  get access(): BrokerAccess {
    const own: Partial<BrokerAccess> = {
      sendMessage: (request, client) => this.sendMessage(request, client),
      receiveMessage: (request, client) => this.receiveMessage(request, client),
    };
    return new Proxy(this.#broker, {
      get: (target, name) => {
        const value: unknown = Reflect.get(own, name) ?? Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  end(): void {
    this.#over.abort();
  }

  sendMessage(request: SendMessageView, client: ClientContext): Promise<ISendMessageResponse> {
    if (!this.#over.signal.aborted) return this.#broker.sendMessage(request, client);
    return Promise.resolve({ status: statusOf('no-master', { reason: 'deposed' }), entries: [] });
  }

  receiveMessage(request: IReceiveMessageRequest, client: ClientContext): Promise<ReceiveOutcome> {
    const signal = AbortSignal.any([client.signal, this.#over.signal]);
    const metadata = (name: string): string | undefined => client.metadata(name);
    return this.#broker.receiveMessage(request, { ...client, metadata, signal });
  }
}

export class GatewayGroup {
  readonly stored = new FakeBroker(GROUP);
  readonly gateways: Omit<RunningGateway, 'cluster'>[] = [];
  readonly #leaderships: FakeLeadership[] = [];
  readonly #routings: GroupRouting[] = [];
  #mastership: Mastership | undefined;

  static async start(count: number): Promise<GatewayGroup> {
    const group = new GatewayGroup();
    for (let i = 0; i < count; i += 1) await group.#startMember();
    return group;
  }

  /** Everybody hears of it at once; undefined: nobody is the master. */
  elect(index: number | undefined): void {
    this.#mastership?.end();
    const mastership = index === undefined ? undefined : new Mastership(this.stored);
    this.#mastership = mastership;
    const access = mastership?.access;
    this.#leaderships.forEach((leadership, i) => {
      if (index === undefined) leadership.become(undefined, undefined);
      else if (i === index) leadership.become(access, undefined);
      else leadership.become(undefined, this.#member(index));
    });
  }

  async close(): Promise<void> {
    for (const gateway of this.gateways) await gateway.close();
    for (const routing of this.#routings) routing.close();
  }

  async #startMember(): Promise<void> {
    const leadership = new FakeLeadership();
    const environment = nodeEnvironment();
    const routing = new GroupRouting({
      ...{ brokerName: GROUP, leadership, environment },
      options: { masterWaitMs: 2_000, maxHeldRequests: 1_000 },
      connect: (address, inboundMessageBytesMax) => {
        const trust = { kind: 'plaintext' } as const;
        return new GrpcChannel({ ...address, trust, inboundMessageBytesMax }, environment.clock);
      },
    });
    const advertised = { host: '127.0.0.1', port: 0 };
    const folded = {
      topic: (name: string) => this.stored.topics.get(name),
      group: () => undefined,
    };
    const access = new GroupBrokerAccess(routing);
    const cluster = new GroupCluster(access, routing, () => folded, advertised);
    const gateway = await serveGatewayOver(cluster, GROUP);
    // Clients stay at the member that they were given.
    advertised.port = gateway.port;
    cluster.onMoved(() => {
      gateway.gateway.sessions.announceAll();
    });
    this.#leaderships.push(leadership);
    this.#routings.push(routing);
    this.gateways.push(gateway);
  }

  #member(index: number) {
    const port = this.gateways[index]?.port ?? 0;
    return { name: `m${index}`, address: { host: '127.0.0.1', port } };
  }
}
