import { assert } from '../../../common/assert.ts';
import { storedMessageFields } from '../../../common/wire/stored-message.ts';
import { readMessagePlace, readStoredParts } from '../../../broker/state/payload/message-record.ts';
import { readAck, readQueueKey } from '../../../broker/state/payload/settlement-record.ts';
import type { LogRecord } from '../../../broker/store/record-codec.ts';
import { RecordType } from '../../../broker/store/record-type.ts';

/** A message at its place in one broker group. */
interface Settled {
  readonly id: string;
  readonly queueId: number;
  readonly offset: number;
}

/**
 * No message is acknowledged that nobody who had it has acknowledged: whatever stood at its place before, and whose receipts
 * are still about. Looks at the records that take effect, since what was settled in place of another is never seen again.
 */
export class SettlementLedger {
  readonly #name: string;
  /** Message id by place, as it is now: a failover that loses gives places to other messages. */
  readonly #ids = new Map<string, string>();
  readonly #asked = new Set<string>();

  constructor(name: string) {
    this.#name = name;
  }

  /** A consumer is about to acknowledge it. */
  asked(settled: Settled): void {
    this.#asked.add(askKey(settled));
  }

  /** The first fold of a record, by any member. */
  folded({ type, buffer, payloadStart }: LogRecord): void {
    if (type === RecordType.Message) {
      const { topicId, queueId, queueOffset } = readMessagePlace(buffer, payloadStart);
      const { systemStart, systemEnd } = readStoredParts(buffer, payloadStart);
      const { messageId } = storedMessageFields(buffer, systemStart, systemEnd);
      this.#ids.set(`${topicId}/${queueId}/${queueOffset}`, messageId);
    } else if (type === RecordType.Ack) {
      const { topicId, queueId } = readQueueKey(buffer, payloadStart);
      for (const offset of readAck(buffer, payloadStart))
        this.#settled(this.#ids.get(`${topicId}/${queueId}/${offset}`), queueId, offset);
    }
  }

  #settled(id: string | undefined, queueId: number, offset: number): void {
    if (id === undefined) return;
    assert(
      this.#asked.has(askKey({ id, queueId, offset })),
      `${id} at ${queueId}/${offset} of ${this.#name} is acknowledged, by nobody who had it`,
    );
  }
}

function askKey({ id, queueId, offset }: Settled): string {
  return `${id}/${queueId}/${offset}`;
}
