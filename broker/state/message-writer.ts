import type { Clock } from '../../common/environment/clock.ts';
import type { MessageView } from '../../common/wire/message-view.ts';
import { storedMessageFields } from '../../common/wire/stored-message.ts';
import { RecordType } from '../store/record-type.ts';
import type { BrokerState } from './broker-state.ts';
import type { FirstSend } from './idempotence-window.ts';
import type { CommitPipeline } from './commit-pipeline.ts';
import { messageIdHash, tagHash } from './hash.ts';
import type { MessageReader } from './message-reader.ts';
import {
  MESSAGE_FIXED_BYTES,
  readMessagePlace,
  readStoredParts,
  writeMessageFixed,
  type MessagePlace,
} from './payload/message-record.ts';
import type { Topic } from './topic-table.ts';

/** Where a message stands. */
export interface StoredReceipt {
  readonly queueId: number;
  readonly queueOffset: number;
  /** The message was there already: a retry of a send that had succeeded. */
  readonly isDuplicate: boolean;
}

/** Appends messages to queues, once per message id. */
export class MessageWriter {
  readonly #state: BrokerState;
  readonly #pipeline: CommitPipeline;
  readonly #reader: MessageReader;
  readonly #clock: Clock;
  /** Sends on their way through the log, by topic and id: a retry joins the first. */
  readonly #underWay = new Map<string, Promise<StoredReceipt>>();

  constructor(state: BrokerState, pipeline: CommitPipeline, reader: MessageReader, clock: Clock) {
    this.#state = state;
    this.#pipeline = pipeline;
    this.#reader = reader;
    this.#clock = clock;
  }

  /**
   * Stores one message in `queueId` and resolves when it is as durable as the broker promises. Rejects with `log-full` or
   * `log-failed` when nothing was written, with `outcome-unknown` when that is not known.
   */
  write(topic: Topic, queueId: number, message: MessageView): Promise<StoredReceipt> {
    const { messageId } = message.system;
    const hash = messageIdHash(topic.id, messageId);
    const key = `${topic.id}/${messageId}`;
    const first = this.#underWay.get(key);
    if (first !== undefined) return first.then((receipt) => ({ ...receipt, isDuplicate: true }));
    const known = this.#state.idempotence.find(hash.high, hash.low, this.#clock.nowMs());
    const stored =
      known === undefined
        ? this.#append(topic, queueId, message, hash)
        : this.#firstReceipt(known, topic.id, messageId).then(
            (receipt) => receipt ?? this.#append(topic, queueId, message, hash),
          );
    this.#underWay.set(key, stored);
    const forget = (): void => {
      this.#underWay.delete(key);
    };
    stored.then(forget, forget);
    return stored;
  }

  /** Undefined when the hash was of another message, or when retention has removed the first one. */
  async #firstReceipt(
    known: FirstSend,
    topicId: number,
    messageId: string,
  ): Promise<StoredReceipt | undefined> {
    const record = await this.#reader.recordIfKept(known);
    return record && receiptOf(record.buffer, record.payloadStart, topicId, messageId);
  }

  async #append(
    topic: Topic,
    queueId: number,
    message: MessageView,
    hash: { high: number; low: number },
  ): Promise<StoredReceipt> {
    const { head, system, raw } = message;
    const queueOffset = topic.nextOffsets[queueId] ?? 0;
    const place: MessagePlace = {
      topicId: topic.id,
      queueId,
      queueOffset,
      tagHash: tagHash(system.tag ?? ''),
      idHashHigh: hash.high,
      idHashLow: hash.low,
    };
    const payloadBytes = MESSAGE_FIXED_BYTES + head.bytes + system.kept.bytes;
    this.#pipeline.append(RecordType.Message, payloadBytes, (buffer, at) => {
      writeMessageFixed(buffer, at, place, head.bytes, system.kept.bytes);
      system.kept.copy(raw, buffer, head.copy(raw, buffer, at + MESSAGE_FIXED_BYTES));
    });
    topic.nextOffsets[queueId] = queueOffset + 1;
    await this.#pipeline.whenFolded();
    return { queueId, queueOffset, isDuplicate: false };
  }
}

/** The receipt of a stored record if it really is this message; its hash alone proves nothing. */
function receiptOf(
  buffer: Buffer,
  at: number,
  topicId: number,
  messageId: string,
): StoredReceipt | undefined {
  const place = readMessagePlace(buffer, at);
  const parts = readStoredParts(buffer, at);
  const stored = storedMessageFields(parts.buffer, parts.systemStart, parts.systemEnd).messageId;
  if (place.topicId !== topicId || stored !== messageId) return undefined;
  return { queueId: place.queueId, queueOffset: place.queueOffset, isDuplicate: true };
}
