import type { Environment } from '../../common/environment/environment.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { GroupMember } from '../../common/model/broker-group.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import type { Address } from '../../common/options/option-definition.ts';
import type { RpcChannel } from '../../common/rpc/rpc-channel.ts';
import { MemberFollowing } from './member-following.ts';
import { MemberInstallation } from './member-installation.ts';
import { isUnder, type MasterOfEpoch } from './member-master.ts';
import type { MemberStore } from './member-store.ts';
import type { SerialQueue } from './serial-queue.ts';

export interface MemberFollowerPorts {
  readonly options: NodeOptions;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly memberName: string;
  readonly runId: string;
  readonly store: MemberStore;
  /** What the member was ordered, one after another. Methods that return a promise run in it, unless they say otherwise. */
  readonly orders: SerialQueue;
  /** Highest epoch that the member has accepted. */
  readonly acceptedEpoch: () => number;
  readonly connect: (member: Address) => RpcChannel;
  readonly onChange: () => void;
  readonly onFatal: (error: unknown) => void;
}

/**
 * The slave that a member is while it is not the master: whom it follows, or gets its data from when the master's log no longer
 * reaches back to its own. Data that is to be changed for that is closed meanwhile.
 */
export class MemberFollower {
  readonly #ports: MemberFollowerPorts;
  #following: MemberFollowing | undefined;
  #installation: MemberInstallation | undefined;
  #told: MasterOfEpoch | undefined;
  #followedUntilMs = -Infinity;

  constructor(ports: MemberFollowerPorts) {
    this.#ports = ports;
  }

  /** The stream from its master; undefined while there is none. */
  get following(): MemberFollowing | undefined {
    return this.#following;
  }

  /** When it last answered a master; what was before its process began counts as then. */
  get followedUntilMs(): number {
    return this.#followedUntilMs;
  }

  /** The master as far as it is known. */
  get master(): GroupMember | undefined {
    // Calls are passed on to it at once; the own data may take a while until it can be opened, or until a full disk is freed.
    const told = this.#told?.epoch === this.#ports.acceptedEpoch() ? this.#told : undefined;
    return (this.#following ?? this.#installation ?? told)?.master;
  }

  /** Whom it is ordered to follow; at once, before the order is carried out. */
  told(epoch: number, master: GroupMember): void {
    this.#told = { epoch, master };
  }

  /** A master may have heard it until now. */
  mayHaveFollowed(): void {
    this.#followedUntilMs = this.#ports.environment.clock.monotonicMs();
  }

  async follow(epoch: number, master: GroupMember): Promise<void> {
    const { store } = this.#ports;
    if (isUnder(this.#following ?? this.#installation, epoch, master)) return;
    await this.stop();
    if (store.isIncomplete) {
      this.#startInstalling(epoch, master);
      return;
    }
    await store.requireBroker();
    this.#start(epoch, master);
  }

  async stop(): Promise<void> {
    const following = this.#following;
    const installation = this.#installation;
    this.#following = undefined;
    this.#installation = undefined;
    await installation?.stop();
    if (following === undefined) return;
    await following.slave.stop();
    this.mayHaveFollowed();
  }

  /** The log takes nothing any more: opens it anew, and follows again. Puts itself into the queue. */
  logFailed(): void {
    const { store, orders } = this.#ports;
    void orders.run(async () => {
      const following = this.#following;
      await this.stop();
      await store.reopen();
      if (following !== undefined) this.#startIfOpen(following);
    });
  }

  #start(epoch: number, master: GroupMember): void {
    const { store, orders, onChange } = this.#ports;
    const following = new MemberFollowing({
      ...this.#slavePorts(epoch, master),
      broker: store.broker,
      onChange,
      mustRewind: (commonOffset) => {
        void this.#rewind(epoch, commonOffset);
      },
      mustInstallSnapshot: () => {
        void orders.run(() => this.#install(epoch, master));
      },
    });
    this.#following = following;
    store.trouble = '';
    following.slave.start();
    onChange();
  }

  #startIfOpen({ epoch, master }: MasterOfEpoch): void {
    if (epoch === this.#ports.acceptedEpoch() && this.#ports.store.isOpen)
      this.#start(epoch, master);
  }

  /** Stops following, takes back what the group never had while the data is closed, and follows again. */
  #rewind(epoch: number, commonOffset: number): Promise<void> {
    const { store, orders, onChange, onFatal } = this.#ports;
    return orders
      .run(async () => {
        const following = this.#following;
        if (following?.epoch !== epoch || store.isEnding) return;
        await this.stop();
        onChange();
        await store.data.close({ leavesSnapshot: false });
        await store.data.rewind(commonOffset);
        await store.open();
        this.#startIfOpen(following);
      })
      .catch(onFatal);
  }

  /** The data goes, and everything comes from the master. */
  async #install(epoch: number, master: GroupMember): Promise<void> {
    const { store } = this.#ports;
    if (!isUnder(this.#following, epoch, master) || store.isEnding) return;
    await this.stop();
    store.isIncomplete = true;
    await store.data.close({ leavesSnapshot: false });
    this.#startInstalling(epoch, master);
  }

  #startInstalling(epoch: number, master: GroupMember): void {
    const { store, orders, onChange, onFatal } = this.#ports;
    store.trouble = `it is being copied from ${master.name}`;
    this.#installation = new MemberInstallation({
      ...this.#slavePorts(epoch, master),
      onDone: () => {
        void orders.run(() => this.#installed({ epoch, master }));
      },
      onFatal,
    });
    onChange();
  }

  async #installed(master: MasterOfEpoch): Promise<void> {
    const { store } = this.#ports;
    store.isIncomplete = false;
    await this.stop();
    await store.reopen();
    this.#startIfOpen(master);
  }

  #slavePorts(epoch: number, master: GroupMember) {
    const { options, environment, logger, memberName, runId, store, connect } = this.#ports;
    return {
      ...{ options, environment, logger, memberName, runId, epoch, master, connect },
      replica: store.replica,
    };
  }
}
