/**
 * Payload of Ack and Redelivery records: what a consumer group did with messages of one queue.
 *
 * | at | size | field                                   |
 * |----|------|-----------------------------------------|
 * | 0  | 4    | group id                                |
 * | 4  | 4    | topic id                                |
 * | 8  | 2    | queue id                                |
 * | 10 | 2    | count of entries                        |
 * | 12 |      | entries                                 |
 *
 * Ack entry, 6 bytes: queue offset (6).
 * Redelivery entry, 14 bytes: queue offset (6), attempts ended so far (2), not before, wall ms (6).
 */
import { readUint48, writeUint48 } from './integers.ts';

const GROUP_ID = 0;
const TOPIC_ID = GROUP_ID + 4;
const QUEUE_ID = TOPIC_ID + 4;
const COUNT = QUEUE_ID + 2;
const ENTRIES = COUNT + 2;
const ACK_ENTRY_BYTES = 6;
const REDELIVERY_ENTRY_BYTES = ACK_ENTRY_BYTES + 2 + 6;

/** Entries of one record: fits the 16-bit count with room. */
export const SETTLEMENTS_PER_RECORD_MAX = 10_000;

export interface QueueKey {
  groupId: number;
  topicId: number;
  queueId: number;
}

export interface RedeliveryEntry {
  offset: number;
  ended: number;
  /** Wall clock, milliseconds. */
  notBeforeMs: number;
}

function writeKey(buffer: Buffer, at: number, key: QueueKey, count: number): void {
  buffer.writeUInt32BE(key.groupId, at + GROUP_ID);
  buffer.writeUInt32BE(key.topicId, at + TOPIC_ID);
  buffer.writeUInt16BE(key.queueId, at + QUEUE_ID);
  buffer.writeUInt16BE(count, at + COUNT);
}

export function readQueueKey(buffer: Buffer, at: number): QueueKey {
  return {
    groupId: buffer.readUInt32BE(at + GROUP_ID),
    topicId: buffer.readUInt32BE(at + TOPIC_ID),
    queueId: buffer.readUInt16BE(at + QUEUE_ID),
  };
}

export function ackBytes(count: number): number {
  return ENTRIES + count * ACK_ENTRY_BYTES;
}

export function writeAck(
  buffer: Buffer,
  at: number,
  key: QueueKey,
  offsets: readonly number[],
): void {
  writeKey(buffer, at, key, offsets.length);
  let entry = at + ENTRIES;
  for (const offset of offsets) {
    writeUint48(buffer, offset, entry);
    entry += ACK_ENTRY_BYTES;
  }
}

export function* readAck(buffer: Buffer, at: number): Generator<number> {
  const count = buffer.readUInt16BE(at + COUNT);
  for (let i = 0; i < count; i++) yield readUint48(buffer, at + ENTRIES + i * ACK_ENTRY_BYTES);
}

export function redeliveryBytes(count: number): number {
  return ENTRIES + count * REDELIVERY_ENTRY_BYTES;
}

export function writeRedelivery(
  buffer: Buffer,
  at: number,
  key: QueueKey,
  entries: readonly RedeliveryEntry[],
): void {
  writeKey(buffer, at, key, entries.length);
  let entry = at + ENTRIES;
  for (const { offset, ended, notBeforeMs } of entries) {
    writeUint48(buffer, offset, entry);
    buffer.writeUInt16BE(ended, entry + 6);
    writeUint48(buffer, notBeforeMs, entry + 8);
    entry += REDELIVERY_ENTRY_BYTES;
  }
}

export function* readRedelivery(buffer: Buffer, at: number): Generator<RedeliveryEntry> {
  const count = buffer.readUInt16BE(at + COUNT);
  for (let i = 0; i < count; i++) {
    const entry = at + ENTRIES + i * REDELIVERY_ENTRY_BYTES;
    yield {
      offset: readUint48(buffer, entry),
      ended: buffer.readUInt16BE(entry + 6),
      notBeforeMs: readUint48(buffer, entry + 8),
    };
  }
}
