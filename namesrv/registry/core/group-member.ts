import type { BrokerHeartbeat, BrokerHello } from '../../../common/model/broker-report.ts';

/** `silent`: not heard for the expiry. `gone`: it said goodbye. */
export type Presence = 'up' | 'silent' | 'gone';

/** One process of a broker group as a NameServer knows it; a group of one has a single member without name. */
export class GroupMember {
  hello: BrokerHello;
  heartbeat: BrokerHeartbeat | undefined;
  /** Of the hello; a slave's grows with its heartbeats. */
  epoch: number;
  /** Stream of the last hello; undefined once that has ended: the process may be dead, long before it expires. */
  stream: number | undefined;
  /** Place of the last report on the stream. */
  sequence = 0;
  /** When its last report was taken, on the monotonic clock. Refused ones do not count. */
  lastHeardMs = 0;
  presence: Presence = 'up';

  constructor(hello: BrokerHello) {
    this.hello = hello;
    this.epoch = hello.epoch;
  }

  /** '' in a group of one. */
  get name(): string {
    return this.hello.memberName;
  }

  get isSlave(): boolean {
    return this.hello.isSlave;
  }

  get isUp(): boolean {
    return this.presence === 'up';
  }

  adopt(hello: BrokerHello, stream: number): void {
    this.hello = hello;
    this.epoch = hello.epoch;
    this.stream = stream;
    this.sequence = 1;
  }
}
