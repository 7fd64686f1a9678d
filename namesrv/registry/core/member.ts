import type { BrokerHeartbeat, BrokerHello } from '../../../common/model/broker-report.ts';
import { ConfigurationCopy } from './configuration-copy.ts';

/** Why a broker is not in the routes. `unknown`: its configuration has not come yet. */
export type Absence = 'unknown' | 'silent' | 'gone';

/** A broker group as a NameServer knows it. */
export class Member {
  readonly name: string;
  readonly configuration = new ConfigurationCopy();
  hello: BrokerHello;
  heartbeat: BrokerHeartbeat | undefined;
  /** Stream of the last hello; undefined once that has ended: the broker may be dead, long before it expires. */
  stream: number | undefined;
  /** Place of the last report on the stream. */
  sequence = 0;
  /** On the monotonic clock. */
  lastHeardMs = 0;
  /** Undefined while the broker is in the routes. */
  absence: Absence | undefined = 'unknown';

  constructor(hello: BrokerHello) {
    this.name = hello.brokerName;
    this.hello = hello;
  }

  get isUp(): boolean {
    return this.absence === undefined;
  }

  adopt(hello: BrokerHello, stream: number): void {
    const isSameRun = hello.runId === this.hello.runId && hello.epoch === this.hello.epoch;
    if (isSameRun) this.configuration.restart();
    else this.configuration.startRun();
    this.hello = hello;
    this.stream = stream;
    this.sequence = 1;
  }
}
