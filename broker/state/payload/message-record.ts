/**
 * Payload of a Message record: a message at its place in a queue. Also the payload of a Carry record, which repeats a message
 * whose segment is about to be deleted while something still refers to it.
 *
 * | at | size | field                                                                                |
 * |----|------|--------------------------------------------------------------------------------------|
 * | 0  | 4    | topic id                                                                             |
 * | 4  | 2    | queue id                                                                             |
 * | 6  | 6    | queue offset                                                                         |
 * | 12 | 4    | tag hash, 0 = no tag                                                                 |
 * | 16 | 8    | hash of topic and message id, for the idempotence window; in a Carry record the stamp |
 * |    |      | of the message that it repeats, 0 from brokers that did not write it                 |
 * | 24 | 4    | bytes of head                                                                        |
 * | 28 | 4    | bytes of system                                                                      |
 * | 32 |      | head: the message's wire bytes without system_properties; then system: its inner bytes |
 */
import type { StoredMessage } from '../../../common/wire/delivered-message.ts';
import { stampOf } from '../../../common/model/record-stamp.ts';
import { readUint48, writeUint48 } from './integers.ts';

const TOPIC_ID = 0;
const QUEUE_ID = TOPIC_ID + 4;
const QUEUE_OFFSET = QUEUE_ID + 2;
const TAG_HASH = QUEUE_OFFSET + 6;
const ID_HASH_HIGH = TAG_HASH + 4;
/** The two bytes before it stay 0. */
const CARRIED_STAMP = ID_HASH_HIGH + 2;
const ID_HASH_LOW = ID_HASH_HIGH + 4;
const HEAD_BYTES = ID_HASH_LOW + 4;
const SYSTEM_BYTES = HEAD_BYTES + 4;
export const MESSAGE_FIXED_BYTES = SYSTEM_BYTES + 4;

export interface MessagePlace {
  topicId: number;
  queueId: number;
  queueOffset: number;
  tagHash: number;
  idHashHigh: number;
  idHashLow: number;
}

export function writeMessageFixed(
  buffer: Buffer,
  at: number,
  place: MessagePlace,
  headBytes: number,
  systemBytes: number,
): void {
  buffer.writeUInt32BE(place.topicId, at + TOPIC_ID);
  buffer.writeUInt16BE(place.queueId, at + QUEUE_ID);
  writeUint48(buffer, place.queueOffset, at + QUEUE_OFFSET);
  buffer.writeUInt32BE(place.tagHash, at + TAG_HASH);
  buffer.writeUInt32BE(place.idHashHigh, at + ID_HASH_HIGH);
  buffer.writeUInt32BE(place.idHashLow, at + ID_HASH_LOW);
  buffer.writeUInt32BE(headBytes, at + HEAD_BYTES);
  buffer.writeUInt32BE(systemBytes, at + SYSTEM_BYTES);
}

export function readMessagePlace(buffer: Buffer, at: number): MessagePlace {
  return {
    topicId: buffer.readUInt32BE(at + TOPIC_ID),
    queueId: buffer.readUInt16BE(at + QUEUE_ID),
    queueOffset: readUint48(buffer, at + QUEUE_OFFSET),
    tagHash: buffer.readUInt32BE(at + TAG_HASH),
    idHashHigh: buffer.readUInt32BE(at + ID_HASH_HIGH),
    idHashLow: buffer.readUInt32BE(at + ID_HASH_LOW),
  };
}

/** After `writeMessageFixed`, whose hash of a message id it replaces. */
export function writeCarriedStamp(buffer: Buffer, at: number, stamp: number): void {
  writeUint48(buffer, stamp, at + CARRIED_STAMP);
}

/** Of the message that a Carry record repeats. */
export function readCarriedStamp(buffer: Buffer, at: number): number {
  return stampOf(readUint48(buffer, at + CARRIED_STAMP));
}

/** Where the parts of the message lie; views of nothing, copies of nothing. */
export function readStoredParts(buffer: Buffer, at: number): StoredMessage {
  const headStart = at + MESSAGE_FIXED_BYTES;
  const headEnd = headStart + buffer.readUInt32BE(at + HEAD_BYTES);
  return {
    buffer,
    headStart,
    headEnd,
    systemStart: headEnd,
    systemEnd: headEnd + buffer.readUInt32BE(at + SYSTEM_BYTES),
  };
}
