/** Members of one group: a gateway and an in-memory broker each, calls between them without a network, roles by hand. */
import type { GroupMember } from '../../common/model/broker-group.ts';
import type { ServiceTable } from '../../common/rpc/service-table.ts';
import { GroupBrokerAccess } from '../../broker/group/group-broker-access.ts';
import { GroupCluster } from '../../broker/group/group-cluster.ts';
import type { GroupLeadership } from '../../broker/group/group-leadership.ts';
import { GroupRouting } from '../../broker/group/group-routing.ts';
import type { BrokerAccess, ClientContext } from '../../gateway/broker-access.ts';
import { createGateway, type Gateway } from '../../gateway/gateway.ts';
import { messagingService } from '../../gateway/messaging-service.ts';
import { FakeBroker } from './fake-cluster.ts';
import { GATEWAY_OPTIONS } from './gateway-server.ts';
import type { ManualTime } from './manual-time.ts';
import { TableChannel } from './table-channel.ts';

export const GROUP = 'broker-a';

export class FakeLeadership implements GroupLeadership {
  #local: BrokerAccess | undefined;
  #master: GroupMember | undefined;
  readonly #listeners = new Set<() => void>();

  local(): BrokerAccess | undefined {
    return this.#local;
  }

  master(): GroupMember | undefined {
    return this.#master;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  become(local: BrokerAccess | undefined, master: GroupMember | undefined): void {
    this.#local = local;
    this.#master = master;
    for (const listener of [...this.#listeners]) listener();
  }
}

export class GroupWorldMember {
  readonly name: string;
  readonly broker = new FakeBroker(GROUP);
  readonly leadership = new FakeLeadership();
  readonly routing: GroupRouting;
  readonly access: GroupBrokerAccess;
  readonly cluster: GroupCluster;
  readonly gateway: Gateway;
  readonly unexpected: unknown[] = [];
  table: ServiceTable | undefined;

  constructor(world: GroupWorld, name: string, time: ManualTime) {
    this.name = name;
    const bytes = (length: number): Buffer => Buffer.alloc(length, 7);
    const environment = { clock: time, timers: time, random: { bytes, uint32: () => 0 } };
    this.routing = new GroupRouting({
      ...{ brokerName: GROUP, leadership: this.leadership, environment },
      options: { masterWaitMs: 2_000, maxHeldRequests: 2 },
      connect: (address) => {
        const to = [...world.members.values()].find(
          ({ member }) => member.address.port === address.port,
        );
        const channel = new TableChannel(`${address.host}:${address.port}`, () => to?.table);
        world.channels.push(channel);
        return channel;
      },
    });
    this.access = new GroupBrokerAccess(this.routing);
    const folded = {
      topic: (topic: string) => this.broker.topics.get(topic),
      group: () => undefined,
    };
    this.cluster = new GroupCluster(this.access, this.routing, () => folded, {
      ...{ host: 'broker-a.example', port: 8081 },
    });
    this.gateway = createGateway({
      ...{ cluster: this.cluster, localBroker: GROUP, options: GATEWAY_OPTIONS },
      // No disk is used here.
      environment: environment as unknown as Gateway['environment'],
      onUnexpected: (_where, error) => this.unexpected.push(error),
    });
    this.table = messagingService(this.gateway);
  }

  get member(): GroupMember {
    return {
      name: this.name,
      address: { host: '127.0.0.1', port: 9_000 + this.name.charCodeAt(0) },
    };
  }
}

export class GroupWorld {
  readonly members = new Map<string, GroupWorldMember>();
  readonly channels: TableChannel[] = [];

  constructor(time: ManualTime, names: readonly string[] = ['a', 'b', 'c']) {
    for (const name of names) this.members.set(name, new GroupWorldMember(this, name, time));
  }

  at(name: string): GroupWorldMember {
    const member = this.members.get(name);
    if (member === undefined) throw new Error(`no member ${name}`);
    return member;
  }

  /** Everybody knows who the master is; nobody is with undefined. */
  elect(name: string | undefined): void {
    for (const [own] of this.members) this.tell(own, name);
  }

  /** One member takes `master` for the master. */
  tell(name: string, master: string | undefined): void {
    const { leadership, broker } = this.at(name);
    if (master === name) leadership.become(broker, undefined);
    else leadership.become(undefined, master === undefined ? undefined : this.at(master).member);
  }
}

export function groupClient(
  more: Partial<ClientContext> = {},
  headers: Readonly<Record<string, string>> = {},
): ClientContext {
  const metadata: Readonly<Record<string, string>> = { 'x-mq-client-id': 'client', ...headers };
  return {
    ...{ clientId: 'client', language: 'JAVA', clientVersion: '5.0.7', namespace: '' },
    ...{ peer: '127.0.0.1:1', remainingMs: 3_000, signal: new AbortController().signal },
    metadata: (name) => metadata[name],
    ...more,
  };
}
