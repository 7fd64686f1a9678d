import type { Clock } from '../../common/environment/clock.ts';
import type { GroupMember } from '../../common/model/broker-group.ts';
import { rpcStatusOf } from '../../common/rpc/rpc-error.ts';
import type { RpcChannel } from '../../common/rpc/rpc-channel.ts';
import {
  decodeRecords,
  encodeReadRecords,
  READ_RECORDS_PATH,
} from '../../common/wire/read-records-codec.ts';
import { BACKLOG_READ_BYTES_MAX } from './backlog-reads.ts';

/** A slave that takes longer than this is no help: the own disk is asked instead. */
const TIMEOUT_MS = 1_000;
/** A slave that did not answer is left alone for so long. */
const AVOIDED_MS = 5_000;
const READS_MAX = 32;

export interface BacklogPeersPorts {
  readonly brokerName: string;
  readonly epoch: () => number;
  /** Slaves in the in-sync set, as the master knows them now. */
  readonly inSync: () => readonly GroupMember[];
  readonly clock: Clock;
  connect(member: GroupMember['address']): RpcChannel;
}

interface Peer {
  readonly address: string;
  readonly channel: RpcChannel;
  avoidedUntilMs: number;
}

/** The master's way to the slaves that can read old records for it: one channel each, in turn. */
export class BacklogPeers {
  readonly #ports: BacklogPeersPorts;
  /** By member name; those no longer in sync are closed at the next read. */
  readonly #peers = new Map<string, Peer>();
  #turn = 0;
  #underWay = 0;

  constructor(ports: BacklogPeersPorts) {
    this.#ports = ports;
  }

  get channelCount(): number {
    return this.#peers.size;
  }

  /** Bytes of the log as one slave gave them, not yet checked; undefined when none could. */
  async read(offset: number, bytes: number): Promise<Buffer | undefined> {
    if (bytes > BACKLOG_READ_BYTES_MAX || this.#underWay >= READS_MAX) return undefined;
    const peer = this.#next();
    if (peer === undefined) return undefined;
    this.#underWay += 1;
    try {
      const { brokerName, epoch } = this.#ports;
      const request = encodeReadRecords({ brokerName, epoch: epoch(), offset, bytes });
      const options = { deadlineMs: TIMEOUT_MS, metadata: {} };
      const answer = decodeRecords(await peer.channel.unary(READ_RECORDS_PATH, request, options));
      if (answer.kind === 'records' && answer.records.length === bytes) return answer.records;
    } catch (error) {
      if (rpcStatusOf(error) === undefined) throw error;
    } finally {
      this.#underWay -= 1;
    }
    peer.avoidedUntilMs = this.#ports.clock.monotonicMs() + AVOIDED_MS;
    return undefined;
  }

  close(): void {
    for (const { channel } of this.#peers.values()) channel.close();
    this.#peers.clear();
  }

  #next(): Peer | undefined {
    const members = this.#ports.inSync();
    this.#closeAllBut(members);
    const nowMs = this.#ports.clock.monotonicMs();
    for (let tried = 0; tried < members.length; tried += 1) {
      this.#turn = (this.#turn + 1) % members.length;
      const member = members[this.#turn];
      if (member === undefined) continue;
      const peer = this.#peerOf(member);
      if (peer.avoidedUntilMs <= nowMs) return peer;
    }
    return undefined;
  }

  #peerOf({ name, address }: GroupMember): Peer {
    const text = `${address.host}:${address.port}`;
    const existing = this.#peers.get(name);
    if (existing?.address === text) return existing;
    existing?.channel.close();
    const channel = this.#ports.connect(address);
    const peer = { address: text, channel, avoidedUntilMs: 0 };
    this.#peers.set(name, peer);
    return peer;
  }

  #closeAllBut(members: readonly GroupMember[]): void {
    for (const [name, { channel }] of this.#peers) {
      if (members.some((member) => member.name === name)) continue;
      channel.close();
      this.#peers.delete(name);
    }
  }
}
