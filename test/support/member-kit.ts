/** Members of one group on simulated machines, without a controller: the test gives the orders. */
import { BrokerMember } from '../../broker/member/broker-member.ts';
import { memberServices } from '../../broker/member/member-services.ts';
import type { GroupMember, GroupTerms, ReplicationMode } from '../../common/model/broker-group.ts';
import { epoch as toEpoch } from '../../common/model/offsets.ts';
import { Metrics } from '../../common/metrics/metrics.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import { optionsWith } from '../../common/options/resolve-options.ts';
import type { SimNode } from '../simulation/sim-node.ts';
import { SimRpcChannel } from '../simulation/sim-rpc-channel.ts';
import { SimRpcServer } from '../simulation/sim-rpc-server.ts';
import type { World } from '../simulation/world.ts';
import { BrokerKit } from './broker-kit.ts';
import { CollectingLogger } from './collecting-logger.ts';

const GROUP = 'broker-a';
const PORT = 8081;

export interface KitMember {
  readonly node: SimNode;
  member: BrokerMember;
  logger: CollectingLogger;
  fatal: unknown;
}

export class MemberKit {
  readonly world: World;
  readonly members = new Map<string, KitMember>();
  readonly #options: Partial<NodeOptions>;

  constructor(world: World, options: Partial<NodeOptions> = {}) {
    this.world = world;
    this.#options = options;
  }

  static async open(
    world: World,
    names: readonly string[],
    options: Partial<NodeOptions> = {},
  ): Promise<MemberKit> {
    const kit = new MemberKit(world, options);
    for (const name of names) await kit.start(name);
    return kit;
  }

  /** Starts a member on its own machine, or once more on the one that it had. */
  async start(name: string): Promise<KitMember> {
    const known = this.members.get(name);
    const node = known?.node ?? this.world.addNode(name);
    if (known !== undefined && !node.isAlive) node.restart();
    const { environment, host } = node;
    const logger = new CollectingLogger();
    const options = optionsWith('broker', {
      dataDir: '/data',
      brokerName: GROUP,
      memberName: name,
      namesrv: [{ host: 'ns', port: PORT }],
      segmentBytes: 64 * 1024,
      replicationBeatMs: 50,
      inSyncTimeoutMs: 500,
      defaultQueueCount: 1,
      groupStartPosition: 'earliest',
      ...this.#options,
    });
    const kitMember = known ?? ({ node } as KitMember);
    kitMember.logger = logger;
    kitMember.fatal = undefined;
    kitMember.member = new BrokerMember({
      options,
      environment,
      logger,
      metrics: new Metrics({ cluster: 'c', node_type: 'broker', node_id: name }, 1_000),
      advertised: { host: 'group', port: PORT },
      memberAddress: { host: name, port: PORT },
      nameServerCount: 1,
      connect: (address) => new SimRpcChannel(host, `${address.host}:${address.port}`, environment),
      onFatal: (error) => void (kitMember.fatal = error),
    });
    this.members.set(name, kitMember);
    await kitMember.member.start();
    const table = memberServices(kitMember.member, options, environment.disk);
    new SimRpcServer(host, PORT, environment.timers, table);
    return kitMember;
  }

  at(name: string): KitMember {
    const found = this.members.get(name);
    if (found === undefined) throw new Error(`no member ${name}`);
    return found;
  }

  group(name: string): GroupMember {
    return { name, address: { host: name, port: PORT } };
  }

  terms(
    epoch: number,
    syncStateSet: readonly string[],
    replication: ReplicationMode = 'sync',
    changes: Partial<GroupTerms> = {},
  ): GroupTerms {
    return {
      epoch: toEpoch(epoch),
      setVersion: 1,
      syncStateSet,
      members: [...this.members.keys()].map((name) => this.group(name)),
      replication,
      minInSyncReplicas: 1,
      uncleanElection: false,
      ...changes,
    };
  }

  async promote(name: string, terms: GroupTerms): Promise<boolean> {
    const { member } = this.at(name);
    const order = { brokerName: GROUP, memberName: name, runId: member.runId, terms };
    return (await member.promote(order)).isAccepted;
  }

  async follow(name: string, epoch: number, master: string): Promise<boolean> {
    const order = { brokerName: GROUP, epoch: toEpoch(epoch), master: this.group(master) };
    return (await this.at(name).member.follow(order)).isAccepted;
  }

  async revoke(name: string, epoch: number): Promise<boolean> {
    const order = { brokerName: GROUP, epoch: toEpoch(epoch) };
    return (await this.at(name).member.revoke(order)).isAccepted;
  }

  /** Waits in virtual time. */
  async until(what: string, isTrue: () => boolean, limitMs = 10_000): Promise<void> {
    const endMs = this.world.scheduler.nowMs + limitMs;
    while (!isTrue()) {
      if (this.world.scheduler.nowMs > endMs) throw new Error(`still not: ${what}`);
      await this.world.sleep(5);
    }
  }

  /** The broker that is open at a member, called as the gateway calls it. */
  broker(name: string): BrokerKit {
    const { member, logger } = this.at(name);
    return BrokerKit.over(member.broker, logger);
  }
}
