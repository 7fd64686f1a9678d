import {
  BODY_DIGEST,
  BODY_ENCODING,
  BORN_TIMESTAMP,
  bytesTag,
  DEAD_LETTER_QUEUE,
  DELIVERY_ATTEMPT,
  INVISIBLE_DURATION,
  MESSAGE_SYSTEM_PROPERTIES,
  MESSAGE_TOPIC,
  MESSAGE_TYPE,
  QUEUE_ID,
  QUEUE_OFFSET,
  RECEIPT_HANDLE,
  STORE_HOST,
  STORE_TIMESTAMP,
  SYSTEM_FIELD_MAX,
  varintTag,
} from './message-fields.ts';
import type { MessageView } from './message-view.ts';
import { timeValueBytes, writeTimeValue } from './time-value.ts';
import { WireReader } from './wire-reader.ts';
import { delimitedBytes, writeLengthPrefix, writeStringField, writeVarint } from './wire-writer.ts';

const ENCODING_IDENTITY = 1;
/** `message` in ReceiveMessageResponse and in PullMessageResponse alike. */
const RESPONSE_MESSAGE_TAG = bytesTag(2);

/** Several clients refuse larger gRPC messages unless their users raise the limit. */
export const RESPONSE_BYTES_MAX = 4 * 1024 * 1024 - 1;
/**
 * Room for everything that delivery adds to the stored bytes, apart from the message id of a dead letter: receipt handle
 * (<= 512 bytes), store host (<= 255), topic and origin of a dead letter (<= 3 × 255), numbers, tags and lengths.
 */
const DELIVERY_BYTES_MAX = 2048;

/** Where a stored message lies: what MessageView.head and MessageView.system.kept were copied to. */
export interface StoredMessage {
  readonly buffer: Buffer;
  readonly headStart: number;
  readonly headEnd: number;
  readonly systemStart: number;
  readonly systemEnd: number;
}

/** What only the server says of a message; stored bytes never contain any of it. */
export interface DeliveryFields {
  readonly queueId: number;
  readonly queueOffset: number;
  readonly storeTimestampMs: number;
  readonly storeHost: string;
  /** Undefined where nothing is checked out: peek, pull, transaction check. */
  readonly receiptHandle?: string | undefined;
  readonly invisibleDurationMs?: number | undefined;
  /** From 1. */
  readonly deliveryAttempt?: number | undefined;
  /** A MessageType to deliver instead of the stored one; undefined keeps that. */
  readonly messageType?: number | undefined;
  /** Delivered instead of the stored topic: a dead letter arrives under its dead-letter topic. */
  readonly topic?: { readonly namespace: string; readonly name: string } | undefined;
  /** Where a dead letter came from. */
  readonly deadLetter?: { readonly topic: string; readonly messageId: string } | undefined;
}

/** Upper bound for the size of the response that delivers the message, whatever becomes of it. */
export function deliveredBytesMax(message: MessageView): number {
  const { head, system } = message;
  return head.bytes + system.kept.bytes + system.messageIdBytes + DELIVERY_BYTES_MAX;
}

/** Whether every client can receive the message; one that is not must be refused when it is sent. */
export function isDeliverable(message: MessageView): boolean {
  return deliveredBytesMax(message) <= RESPONSE_BYTES_MAX;
}

/** An encoded ReceiveMessageResponse (or PullMessageResponse, which has the same form) with its `message` arm set. */
export function composeMessageResponse(stored: StoredMessage, fields: DeliveryFields): Buffer {
  const parts = encodeDelivery(stored, fields);
  const target = Buffer.allocUnsafe(1 + delimitedBytes(parts.messageBytes));
  writeMessage(
    target,
    writeLengthPrefix(target, 0, RESPONSE_MESSAGE_TAG, parts.messageBytes),
    stored,
    parts,
  );
  return target;
}

/** An encoded Message. */
export function composeMessage(stored: StoredMessage, fields: DeliveryFields): Buffer {
  const parts = encodeDelivery(stored, fields);
  const target = Buffer.allocUnsafe(parts.messageBytes);
  writeMessage(target, 0, stored, parts);
  return target;
}

/**
 * The few delivery fields are encoded here first, so that the message can be allocated exactly and its large parts copied
 * once: system properties in [0, systemEnd), the overriding topic field in [systemEnd, topicEnd). Used within one call only.
 */
let scratch = Buffer.allocUnsafe(2 * DELIVERY_BYTES_MAX);

interface DeliveryParts {
  readonly systemEnd: number;
  readonly topicEnd: number;
  readonly systemBytes: number;
  readonly messageBytes: number;
}

function encodeDelivery(stored: StoredMessage, fields: DeliveryFields): DeliveryParts {
  reserveScratch(fields);
  const systemEnd = writeServerFields(writeMissingFields(0, stored, fields), fields);
  const topicEnd =
    fields.topic === undefined
      ? systemEnd
      : writePair(systemEnd, bytesTag(MESSAGE_TOPIC), fields.topic.namespace, fields.topic.name);
  const systemBytes = stored.systemEnd - stored.systemStart + systemEnd;
  const topicBytes = topicEnd - systemEnd;
  const headBytes = stored.headEnd - stored.headStart;
  return {
    systemEnd,
    topicEnd,
    systemBytes,
    messageBytes: headBytes + topicBytes + 1 + delimitedBytes(systemBytes),
  };
}

/** Message ids of clients have no limit of their own, so the scratch grows when one is long; UTF-8 takes 3 bytes per unit. */
function reserveScratch(fields: DeliveryFields): void {
  const { deadLetter, topic, receiptHandle = '', storeHost } = fields;
  const units =
    receiptHandle.length +
    storeHost.length +
    (deadLetter === undefined ? 0 : deadLetter.topic.length + deadLetter.messageId.length) +
    (topic === undefined ? 0 : topic.namespace.length + topic.name.length);
  const bytes = 3 * units + 256;
  if (bytes > scratch.length) scratch = Buffer.allocUnsafe(bytes);
}

/** Fields without which some client fails. The last of several wins, so an encoding of 0 is overridden by one more. */
function writeMissingFields(at: number, stored: StoredMessage, fields: DeliveryFields): number {
  const present = presentFields(stored);
  let position = at;
  if ((present & (1 << BODY_DIGEST)) === 0)
    position = writeLengthPrefix(scratch, position, bytesTag(BODY_DIGEST), 0);
  if ((present & (1 << BODY_ENCODING)) === 0)
    position = writeNumber(position, BODY_ENCODING, ENCODING_IDENTITY);
  if ((present & (1 << BORN_TIMESTAMP)) === 0)
    position = writeTime(position, BORN_TIMESTAMP, fields.storeTimestampMs);
  return position;
}

function writeServerFields(at: number, fields: DeliveryFields): number {
  let position = writeNumber(at, MESSAGE_TYPE, fields.messageType);
  position = writeTime(position, STORE_TIMESTAMP, fields.storeTimestampMs);
  position = writeText(position, STORE_HOST, fields.storeHost);
  position = writeText(position, RECEIPT_HANDLE, fields.receiptHandle);
  position = writeNumber(position, QUEUE_ID, fields.queueId);
  position = writeNumber(position, QUEUE_OFFSET, fields.queueOffset);
  position = writeTime(position, INVISIBLE_DURATION, fields.invisibleDurationMs);
  position = writeNumber(position, DELIVERY_ATTEMPT, fields.deliveryAttempt);
  const { deadLetter } = fields;
  if (deadLetter === undefined) return position;
  return writePair(position, bytesTag(DEAD_LETTER_QUEUE), deadLetter.topic, deadLetter.messageId);
}

/** Bit set by field number. */
function presentFields(stored: StoredMessage): number {
  const reader = new WireReader(stored.buffer, stored.systemStart, stored.systemEnd);
  let present = 0;
  while (reader.hasMore) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if (tag === varintTag(BODY_ENCODING)) {
      present = reader.int32() === 0 ? present & ~(1 << field) : present | (1 << field);
      continue;
    }
    reader.skip(tag);
    if (field <= SYSTEM_FIELD_MAX) present |= 1 << field;
  }
  return present;
}

function writeNumber(at: number, field: number, value: number | undefined): number {
  if (value === undefined) return at;
  return writeVarint(scratch, writeVarint(scratch, at, varintTag(field)), value);
}

function writeText(at: number, field: number, value: string | undefined): number {
  if (value === undefined) return at;
  return writeStringField(scratch, at, bytesTag(field), value, Buffer.byteLength(value));
}

function writeTime(at: number, field: number, ms: number | undefined): number {
  if (ms === undefined) return at;
  return writeTimeValue(
    scratch,
    writeLengthPrefix(scratch, at, bytesTag(field), timeValueBytes(ms)),
    ms,
  );
}

/** A sub-message of two strings; both are written even when empty, so that nothing of an earlier value shines through. */
function writePair(at: number, tag: number, first: string, second: string): number {
  const firstBytes = Buffer.byteLength(first);
  const secondBytes = Buffer.byteLength(second);
  const length = 2 + delimitedBytes(firstBytes) + delimitedBytes(secondBytes);
  const next = writeStringField(
    scratch,
    writeLengthPrefix(scratch, at, tag, length),
    bytesTag(1),
    first,
    firstBytes,
  );
  return writeStringField(scratch, next, bytesTag(2), second, secondBytes);
}

function writeMessage(
  target: Buffer,
  at: number,
  stored: StoredMessage,
  parts: DeliveryParts,
): void {
  let position = at + stored.buffer.copy(target, at, stored.headStart, stored.headEnd);
  position += scratch.copy(target, position, parts.systemEnd, parts.topicEnd);
  position = writeLengthPrefix(
    target,
    position,
    bytesTag(MESSAGE_SYSTEM_PROPERTIES),
    parts.systemBytes,
  );
  position += stored.buffer.copy(target, position, stored.systemStart, stored.systemEnd);
  scratch.copy(target, position, 0, parts.systemEnd);
}
