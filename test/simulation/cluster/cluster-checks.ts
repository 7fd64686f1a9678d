import { assert } from '../../../common/assert.ts';
import type { Broker } from '../../../broker/broker.ts';
import { storedMessageFields } from '../../../common/wire/stored-message.ts';
import type { ClusterLedger, Send } from './cluster-ledger.ts';
import { CONSUMERS, TOPIC } from './cluster-workers.ts';

interface Place {
  readonly queueId: number;
  readonly offset: number;
}

/** What a group has of the topic. */
export interface Stored {
  /** By message id. */
  readonly places: ReadonlyMap<string, Place>;
  /** Some messages below this queue offset may have been deleted. */
  readonly deletedBelow: number;
}

/** Every message of the topic in a group's master, by id; asserts that offsets are dense and each id is there once. */
export async function storedPlaces(name: string, broker: Broker): Promise<Stored> {
  const { state, locator, reader } = broker.services;
  const found = new Map<string, Place>();
  let deletedBelow = 0;
  for (const [queueId, queueNo] of state.topics.get(TOPIC)?.queueNos.entries() ?? []) {
    const end = state.index.endOffset(queueNo);
    deletedBelow = Math.max(deletedBelow, state.index.minOffset(queueNo));
    for (let offset = state.index.minOffset(queueNo); offset < end; offset++) {
      const entry = await locator.entry(queueNo, offset);
      // Retention goes on.
      deletedBelow = Math.max(deletedBelow, state.index.minOffset(queueNo));
      if (entry === undefined && offset < deletedBelow) continue;
      assert(entry !== undefined, `${name} has nothing at ${queueId}/${offset}`);
      const [message] = await reader.read([entry]);
      assert(message !== undefined, `${name} cannot read ${queueId}/${offset}`);
      const { buffer, systemStart, systemEnd } = message;
      const { messageId } = storedMessageFields(buffer, systemStart, systemEnd);
      const other = found.get(messageId);
      assert(
        other === undefined,
        `${messageId} is in ${name} twice, at ${other?.queueId}/${other?.offset} and ${queueId}/${offset}`,
      );
      found.set(messageId, { queueId, offset });
    }
  }
  return { places: found, deletedBelow };
}

/** Everything acknowledged is there, where the receipt said, and in the order of its producer. */
export function checkSends(ledger: ClusterLedger, stored: ReadonlyMap<string, Stored>): void {
  for (const send of ledger.sends.values()) {
    if (send.receipt === undefined) continue;
    const { brokerName, offset } = send.receipt;
    if (ledger.hasLost(brokerName ?? '')) continue;
    const group = stored.get(brokerName ?? '');
    const place = group?.places.get(send.id);
    if (place === undefined && offset < (group?.deletedBelow ?? 0)) continue;
    assert(place !== undefined, `${send.id} was acknowledged by ${brokerName} and is gone`);
    assert(place.offset === offset, `${send.id} was acknowledged at ${offset}, is ${place.offset}`);
  }
  checkOrder(ledger, stored);
}

function checkOrder(ledger: ClusterLedger, stored: ReadonlyMap<string, Stored>): void {
  /** By producer, group and queue: the last message that was answered. */
  const last = new Map<string, { send: Send; offset: number }>();
  for (const send of ledger.sends.values()) {
    const brokerName = send.receipt?.brokerName ?? '';
    const place = stored.get(brokerName)?.places.get(send.id);
    if (place === undefined || send.answeredMs === undefined) continue;
    if (ledger.hasLost(brokerName)) continue;
    const key = `${send.producer}/${brokerName}/${place.queueId}`;
    const before = last.get(key);
    assert(
      before === undefined || before.offset < place.offset,
      `${before?.send.id} was answered before ${send.id} was sent, and stands behind it`,
    );
    last.set(key, { send, offset: place.offset });
  }
}

/** What is stored and was not yet delivered. */
export function unconsumed(
  ledger: ClusterLedger,
  isDeleted: (brokerName: string, offset: number) => boolean,
  stored: ReadonlyMap<string, Stored>,
): string[] {
  const missing: string[] = [];
  for (const [brokerName, { places }] of stored) {
    for (const [id, { queueId, offset }] of places) {
      const { deliveries } = ledger.consumption(CONSUMERS, {
        ...{ brokerName, id, queueId, offset },
      });
      if (deliveries === 0 && !isDeleted(brokerName, offset)) missing.push(id);
    }
  }
  return missing;
}
