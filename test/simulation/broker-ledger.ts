import { assert } from '../../common/assert.ts';
import { deadLetterTopic, DLQ_PREFIX } from '../../common/model/topic.ts';
import type { MessageInLog } from '../../broker/state/message-reader.ts';
import { storedMessageFields } from '../../common/wire/stored-message.ts';
import type { Received, SendOutcome } from '../support/broker-kit.ts';
import type { BrokerKit } from '../support/broker-kit.ts';

/** A send, as its producer knows it. */
interface Send {
  readonly topic: string;
  readonly tag: string | undefined;
  /** Queue offset of the receipt; undefined while none is known, or while a fault may have taken it back. */
  offset: number | undefined;
  /** End of the log when the receipt came: with flush async, durable is what lies below the durable offset. */
  logEnd: number;
  /** Its topic may be gone, and it with it. */
  isForgotten: boolean;
}

/** What one group has done with a message at a place of a queue. */
interface Consumption {
  readonly id: string;
  readonly topic: string;
  lastAttempt: number;
  /** End of the log when an acknowledgement was answered with OK. */
  acknowledgedAt: number | undefined;
  /** An acknowledgement or a burial was asked for, whatever came of it. */
  isSettlementAsked: boolean;
}

export interface GroupRules {
  readonly maxAttempts: number;
  wants(tag: string | undefined): boolean;
}

/** Where a message was found. */
interface Found {
  readonly queueId: number;
  readonly offset: number;
}

/** What the outside knows of a broker; the broker must never contradict it. */
export class BrokerLedger {
  readonly sends = new Map<string, Send>();
  readonly #groups = new Map<string, Map<string, Consumption>>();
  readonly #incarnations = new Map<string, number>();
  readonly #isRetained: boolean;

  /** `isRetained`: nothing is deleted by retention. */
  constructor(isRetained: boolean) {
    this.#isRetained = isRetained;
  }

  asked(id: string, topic: string, tag: string | undefined): void {
    this.sends.set(id, { topic, tag, offset: undefined, logEnd: 0, isForgotten: false });
  }

  answered(id: string, outcome: SendOutcome, logEnd: number): void {
    const send = this.sends.get(id);
    if (send === undefined || send.isForgotten || outcome.message !== 'OK') return;
    const isMoved = send.offset !== undefined && send.offset !== outcome.offset;
    // Its first copy may have been deleted; then it was a new message.
    assert(
      !isMoved || !this.#isRetained,
      `${id} was stored at ${send.offset}, now at ${outcome.offset}`,
    );
    send.offset = outcome.offset;
    send.logEnd = logEnd;
  }

  delivered(group: string, topic: string, message: Received, rules: GroupRules): void {
    const { id, attempt } = message;
    assert(this.sends.has(id), `nobody sent ${id}`);
    assert(this.sends.get(id)?.tag === message.tag, `${id} with the tag ${message.tag}`);
    assert(rules.wants(message.tag), `${group} does not want ${id} with tag ${message.tag}`);
    const consumption = this.#consumption(group, topic, message);
    assert(consumption.acknowledgedAt === undefined, `${id} was acknowledged by ${group}`);
    assert(
      attempt >= consumption.lastAttempt,
      `attempt ${attempt} of ${id} after ${consumption.lastAttempt}`,
    );
    assert(attempt <= rules.maxAttempts, `attempt ${attempt} of ${id}`);
    consumption.lastAttempt = attempt;
  }

  settling(group: string, topic: string, message: Received): void {
    this.#consumption(group, topic, message).isSettlementAsked = true;
  }

  acknowledged(group: string, topic: string, message: Received, logEnd: number): void {
    this.#consumption(group, topic, message).acknowledgedAt = logEnd;
  }

  /** Nothing at or after `durable` is known to have survived. */
  lost(durable: number): void {
    for (const send of this.sends.values()) if (send.logEnd > durable) send.offset = undefined;
    for (const group of this.#groups.values()) {
      for (const consumption of group.values()) {
        consumption.lastAttempt = 0;
        if ((consumption.acknowledgedAt ?? 0) > durable) consumption.acknowledgedAt = undefined;
      }
    }
  }

  /** The topic may be gone with everything in it. */
  topicForgotten(topic: string): void {
    for (const send of this.sends.values()) {
      if (send.topic !== topic) continue;
      send.isForgotten = true;
      send.offset = undefined;
    }
  }

  /** Changes whenever the group may have become another one; what began before says nothing of that one. */
  incarnation(group: string): number {
    return this.#incarnations.get(group) ?? 0;
  }

  groupForgotten(group: string): void {
    this.#groups.delete(group);
    this.#incarnations.set(group, this.incarnation(group) + 1);
  }

  /** Compares what is stored with what was promised. The disk must be sound meanwhile. */
  async check(kit: BrokerKit): Promise<void> {
    const { state } = kit.services;
    for (const topic of state.topics.all()) {
      const { name } = topic.config;
      const found = await storedIds(kit, name);
      for (const [id, send] of this.sends) {
        if (send.topic !== name || send.offset === undefined) continue;
        const at = found.get(id);
        const { offset } = send;
        const mayBeDeleted = topic.queueNos.some((no) => state.index.minOffset(no) > offset);
        assert(at !== undefined || mayBeDeleted, `${id} is gone from ${name} offset ${offset}`);
        assert(
          at === undefined || at.offset === offset,
          `${id} was acknowledged at ${offset}, found at ${at?.offset}`,
        );
      }
    }
  }

  /** After everything was delivered and acknowledged: `drained` are the ids that came to the group then. */
  async checkFinished(
    kit: BrokerKit,
    group: string,
    topic: string,
    drained: ReadonlySet<string>,
    rules: GroupRules,
  ): Promise<void> {
    const stored = await storedIds(kit, topic);
    const dead = await storedIds(kit, deadLetterTopic(group));
    const { state } = kit.services;
    const deadQueues = state.topics.get(deadLetterTopic(group))?.queueNos ?? [];
    // Attempts may end unseen, so what is missing may have been a dead letter that retention has deleted.
    if (deadQueues.some((queueNo) => state.index.minOffset(queueNo) > 0)) return;
    const settled = new Map<string, Consumption>();
    for (const consumption of this.#groups.get(group)?.values() ?? []) {
      const { id, lastAttempt } = consumption;
      settled.set(id, consumption);
      const isBuried = consumption.isSettlementAsked || lastAttempt >= rules.maxAttempts;
      const isFinished =
        isBuried || drained.has(id) || dead.has(id) || this.sends.get(id)?.isForgotten;
      // One ended attempt is on record: what waits for another one outlives its segment.
      assert(
        isFinished || lastAttempt < 2 || consumption.topic !== topic,
        `${id} was given up by ${group} after attempt ${lastAttempt}`,
      );
    }
    const isGone = (id: string): boolean => drained.has(id) || dead.has(id) || !stored.has(id);
    this.#checkDelivered(group, topic, settled, isGone, rules);
  }

  #checkDelivered(
    group: string,
    topic: string,
    settled: ReadonlyMap<string, Consumption>,
    isGone: (id: string) => boolean,
    rules: GroupRules,
  ): void {
    for (const [id, send] of this.sends) {
      if (send.topic !== topic || send.offset === undefined || !rules.wants(send.tag)) continue;
      const consumption = settled.get(id);
      const isSettled =
        consumption?.isSettlementAsked === true ||
        (consumption?.lastAttempt ?? 0) >= rules.maxAttempts;
      const isFinished = isSettled || isGone(id);
      assert(isFinished, `${id} at ${send.offset} was never delivered to ${group}`);
    }
  }

  #consumption(group: string, topic: string, message: Received): Consumption {
    let consumptions = this.#groups.get(group);
    if (consumptions === undefined)
      this.#groups.set(group, (consumptions = new Map<string, Consumption>()));
    const key = `${topic} ${message.id} ${message.queueId}/${message.queueOffset}`;
    let consumption = consumptions.get(key);
    if (consumption === undefined) {
      const { id } = message;
      consumption = {
        id,
        topic,
        lastAttempt: 0,
        acknowledgedAt: undefined,
        isSettlementAsked: false,
      };
      consumptions.set(key, consumption);
    }
    return consumption;
  }
}

/** Every message of a topic by id; asserts that each is there once, readable, and at the place that it says. */
async function storedIds(kit: BrokerKit, name: string): Promise<Map<string, Found>> {
  const { state } = kit.services;
  const found = new Map<string, Found>();
  for (const [queueId, queueNo] of state.topics.get(name)?.queueNos.entries() ?? []) {
    const end = state.index.endOffset(queueNo);
    for (let offset = state.index.minOffset(queueNo); offset < end; offset++) {
      const message = await messageAt(kit, queueNo, offset);
      // Retention runs on meanwhile.
      if (message === undefined && offset < state.index.minOffset(queueNo)) continue;
      // A crash during a deletion may leave the entry of a dead letter that was to go as well.
      if (message === undefined && name.startsWith(DLQ_PREFIX)) continue;
      assert(message !== undefined, `${name} has nothing at ${queueId}/${offset}`);
      const id = storedMessageFields(
        message.buffer,
        message.systemStart,
        message.systemEnd,
      ).messageId;
      // A group that was deleted and made again may give up a message a second time.
      const isOnce = !found.has(id) || name.startsWith(deadLetterTopic('fleeting'));
      assert(isOnce, `${id} is in ${name} twice, at ${found.get(id)?.offset} and ${offset}`);
      found.set(id, { queueId, offset });
    }
  }
  return found;
}

/** Retention may carry it forward, or delete it, between finding and reading. */
async function messageAt(
  { services }: BrokerKit,
  queueNo: number,
  offset: number,
): Promise<MessageInLog | undefined> {
  const { locator, reader } = services;
  for (let located = await locator.entry(queueNo, offset); located !== undefined;) {
    try {
      return (await reader.read([located]))[0];
    } catch (error) {
      const again = await locator.entry(queueNo, offset);
      if (again?.physical === located.physical) {
        if (await reader.isRemoved(located)) return undefined;
        throw error;
      }
      located = again;
    }
  }
  return undefined;
}
