import { MqError } from '../../common/errors/mq-error.ts';
import type { Broker } from '../broker.ts';
import { ReplicaFile } from '../ha/replica-file.ts';
import { isInstalling } from '../ha/snapshot-installation.ts';
import { MemberData, type MemberDataPorts } from './member-data.ts';

export interface MemberStorePorts extends MemberDataPorts {
  /** It has been opened or closed. */
  onChange(): void;
  /** The log of the open broker takes nothing any more. */
  onLogFailed(reason: string): void;
}

/**
 * What a member has on its disk: the data, opened by one broker after another, and the file of what it has accepted. Whoever opens
 * or closes it does so in the member's queue of orders.
 */
export class MemberStore {
  readonly data: MemberData;
  /** Why this member cannot be a master now, when that is not the broker's own refusal; empty: it could. */
  trouble = 'it has just started';
  /** The data is a part of what its master has: it must be completed before it can be opened. */
  isIncomplete = false;
  readonly #ports: MemberStorePorts;
  #replica: ReplicaFile | undefined;
  #isEnding = false;

  constructor(ports: MemberStorePorts) {
    this.#ports = ports;
    this.data = new MemberData(ports);
  }

  get isOpen(): boolean {
    return this.data.isOpen;
  }

  get broker(): Broker {
    return this.data.broker;
  }

  /** Undefined until it has been read. */
  get knownReplica(): ReplicaFile | undefined {
    return this.#replica;
  }

  get replica(): ReplicaFile {
    if (this.#replica === undefined)
      throw new MqError('not-ready', { reason: 'it has just started' });
    return this.#replica;
  }

  /** Reads what is needed to know whether the data can be opened. */
  async start(): Promise<void> {
    const { options, environment } = this.#ports;
    await environment.disk.makeDirectory(options.dataDir);
    this.#replica = await ReplicaFile.open(options.dataDir, environment.disk);
    this.isIncomplete = await isInstalling(options.dataDir, environment);
    if (this.isIncomplete) this.trouble = 'it has to be completed from its master';
  }

  async open(): Promise<void> {
    const { replica, data } = this;
    const broker = await data.open();
    const { epochs } = broker.log.recovery;
    await replica.reconcile(broker.log.endOffset, epochs);
    broker.log.onFailure((failure) => {
      if (data.isOpen && data.broker === broker) this.#ports.onLogFailed(failure.message);
    });
    this.trouble = 'it has not been told whom to follow';
    this.#ports.onChange();
  }

  /** Rids the data of what a broker before it was; does nothing while the data is incomplete or the member stops. */
  async reopen(): Promise<void> {
    if (this.#isEnding || this.isIncomplete) return;
    await this.data.close({ leavesSnapshot: false });
    this.#ports.onChange();
    try {
      await this.open();
    } catch (error) {
      this.#ports.onFatal(error);
    }
  }

  /** One whose data is what the group has; rejects with `not-ready` when there is none. */
  async requireBroker(): Promise<Broker> {
    if (this.data.isOpen && !this.data.isSpent) return this.data.broker;
    if (this.isIncomplete) throw new MqError('not-ready', { reason: this.trouble });
    await this.reopen();
    return this.data.broker;
  }

  /** From now on nothing is opened anew: the member stops. */
  end(): void {
    this.#isEnding = true;
  }

  get isEnding(): boolean {
    return this.#isEnding;
  }
}
