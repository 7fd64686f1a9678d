import { assert } from '../../../common/assert.ts';
import type { LogRecord } from '../../../broker/store/record-codec.ts';
import type { Delivery } from './cluster-client.ts';
import { FoldedLog } from './folded-log.ts';
import { SettlementLedger } from './settlement-ledger.ts';

/** A message, as its producer knows it. */
export interface Send {
  readonly id: string;
  readonly producer: string;
  readonly body: string;
  readonly firstAskedMs: number;
  /** Group that was asked last. */
  brokerName: string;
  answeredMs: number | undefined;
  /** Queue offset of the receipt, and the group that gave it. */
  receipt: { readonly brokerName: string | undefined; readonly offset: number } | undefined;
}

/** One acknowledgement by a master, whatever of: the moment at which somebody may have learned that it will stay. */
interface MasterAck {
  /** Node and life. */
  readonly master: string;
  readonly epoch: number;
  readonly firstMs: number;
}

/** What one group of consumers knows of one message. */
interface Consumption {
  deliveries: number;
  acknowledgedMs: number | undefined;
}

/** What the outside knows of one broker group. */
class GroupLedger {
  readonly name: string;
  readonly folded: FoldedLog;
  readonly settlements: SettlementLedger;
  readonly #firstAcks = new Map<number, MasterAck>();
  #maxEpoch = 0;
  ackCount = 0;

  constructor(name: string, mayLose: boolean) {
    this.name = name;
    this.folded = new FoldedLog(name, mayLose);
    this.settlements = new SettlementLedger(name);
  }

  /** Epochs in which something was acknowledged. */
  get epochs(): readonly number[] {
    return [...this.#firstAcks.keys()];
  }

  /** A record has taken effect at a member. */
  fold(node: string, record: LogRecord, nowMs: number): void {
    if (this.folded.folded(node, record, nowMs)) this.settlements.folded(record);
  }

  /** A master has answered that everything up to `end` stays. */
  acknowledged(master: string, end: number, nowMs: number): void {
    const epoch = this.folded.epochEndingAt(end);
    assert(
      epoch !== undefined,
      `${master} acknowledged up to ${end}, which had no effect anywhere`,
    );
    this.ackCount++;
    // Not a member of anything: a broker that has always been its own master.
    if (epoch === 0) return;
    const first = this.#firstAcks.get(epoch);
    if (first === undefined) this.#firstAcks.set(epoch, { master, epoch, firstMs: nowMs });
    else {
      const masters = `${first.master} and ${master}`;
      assert(first.master === master, `${masters} acknowledge in epoch ${epoch} of ${this.name}`);
    }
    if (epoch < this.#maxEpoch) this.#checkLate(master, epoch, end);
    this.#maxEpoch = Math.max(this.#maxEpoch, epoch);
  }

  /** Others have learned of a newer epoch; whatever is still acknowledged in the old one has to be part of that. */
  #checkLate(master: string, epoch: number, end: number): void {
    for (const newer of this.#firstAcks.keys()) {
      if (newer <= epoch) continue;
      const start = this.folded.startOf(newer);
      assert(
        start === undefined || end <= start,
        `${master} acknowledged up to ${end} in epoch ${epoch} after epoch ${newer}, from ${start} on, had acknowledged`,
      );
    }
  }
}

/** What the outside knows of a cluster; the cluster must never contradict it. */
export class ClusterLedger {
  readonly sends = new Map<string, Send>();
  readonly #groups = new Map<string, GroupLedger>();
  readonly #consumptions = new Map<string, Consumption>();
  /** Message by place: what was read there once is what is read there always. */
  readonly #places = new Map<string, string>();
  readonly #mayLose: boolean;
  readonly #isRetained: boolean;

  /** `isRetained`: nothing is deleted, so that a message that is sent again is always the one that is there. */
  constructor(groups: readonly string[], mayLose: boolean, isRetained: boolean) {
    this.#mayLose = mayLose;
    this.#isRetained = isRetained;
    for (const name of groups) this.#groups.set(name, new GroupLedger(name, mayLose));
  }

  group(name: string): GroupLedger {
    const group = this.#groups.get(name);
    assert(group !== undefined, `no group ${name}`);
    return group;
  }

  get groups(): Iterable<GroupLedger> {
    return this.#groups.values();
  }

  get acknowledgedCount(): number {
    let count = 0;
    for (const { answeredMs } of this.sends.values()) if (answeredMs !== undefined) count++;
    return count;
  }

  asked(id: string, producer: string, body: string, nowMs: number): Send {
    const send: Send = {
      id,
      producer,
      body,
      firstAskedMs: nowMs,
      brokerName: '',
      answeredMs: undefined,
      receipt: undefined,
    };
    this.sends.set(id, send);
    return send;
  }

  answered(send: Send, brokerName: string | undefined, offset: number, nowMs: number): void {
    const before = send.receipt;
    const isSameGroup = before?.brokerName !== undefined && before.brokerName === brokerName;
    if (isSameGroup && this.#isRetained && !this.hasLost(brokerName))
      assert(before.offset === offset, `${send.id} got offset ${before.offset}, then ${offset}`);
    send.receipt = { brokerName, offset };
    send.answeredMs ??= nowMs;
  }

  /** Some failover of the group took something back, as it may. */
  hasLost(brokerName: string): boolean {
    const losses = this.#groups.get(brokerName)?.folded.losses ?? [];
    return this.#mayLose && losses.length > 0;
  }

  get hasLostAnything(): boolean {
    return [...this.#groups.keys()].some((name) => this.hasLost(name));
  }

  /** `askedMs`: when the receive was asked for that brought it. */
  delivered(consumers: string, delivery: Delivery, askedMs: number): void {
    const { id, brokerName, queueId, offset, body } = delivery;
    const send = this.sends.get(id);
    assert(send !== undefined, `nobody sent ${id}`);
    assert(send.body === body, `${id} has another body`);
    const hasLost = this.hasLost(brokerName);
    const place = `${brokerName}/${queueId}/${offset}`;
    const there = this.#places.get(place);
    if (there !== undefined && !hasLost) assert(there === id, `${place} was ${there}, is ${id}`);
    this.#places.set(place, id);
    const consumption = this.consumption(consumers, delivery);
    consumption.deliveries++;
    const { acknowledgedMs } = consumption;
    const isAgain = acknowledgedMs !== undefined && acknowledgedMs < askedMs;
    assert(!isAgain || hasLost, `${consumers} gets ${id} of ${brokerName} again after its ack`);
  }

  /** A consumer is about to acknowledge it, now or again. */
  askedToAcknowledge(delivery: Delivery): void {
    this.group(delivery.brokerName).settlements.asked(delivery);
  }

  acknowledged(consumers: string, delivery: Delivery, nowMs: number): void {
    this.consumption(consumers, delivery).acknowledgedMs ??= nowMs;
  }

  /** Of one message at one place: sent again after retention has deleted it, it is another one. */
  consumption(
    consumers: string,
    { brokerName, id, queueId, offset }: Omit<Delivery, 'attempt' | 'handle' | 'body'>,
  ): Consumption {
    const key = `${consumers}/${brokerName}/${id}/${queueId}/${offset}`;
    let consumption = this.#consumptions.get(key);
    if (consumption === undefined) {
      consumption = { deliveries: 0, acknowledgedMs: undefined };
      this.#consumptions.set(key, consumption);
    }
    return consumption;
  }
}
