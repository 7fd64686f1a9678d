/**
 * What a consumer shows to acknowledge a delivery. Opaque to clients (base64url), readable for every node: any gateway can tell
 * from it which broker to ask, and only that broker can tell a genuine one from a forged one.
 *
 *   0      u8   version (1)
 *   1      u8   length of the broker name (1–127)
 *   2      …    broker name, UTF-8
 *   then   u32  topic id · u16 queue id · u48 queue offset · u16 attempt · u32 group id · u48 stamp
 *   last   16   MAC over everything before it
 *
 * The stamp says which message it is for, see record-stamp.ts. Brokers from before it wrote the time of the delivery there,
 * whose highest bit is not set, and never read it: so both take each other's handles, and there is one version.
 */
import { queueOffset, type QueueOffset } from './offsets.ts';
import { stampOf } from './record-stamp.ts';

export interface ReceiptHandle {
  readonly brokerName: string;
  /** Numbers that the broker has given to topic and group; never reused by it. */
  readonly topicId: number;
  readonly groupId: number;
  readonly queueId: number;
  readonly queueOffset: QueueOffset;
  /** Which delivery of the message this is, from 1. */
  readonly attempt: number;
  /** Of the message; NO_STAMP in a handle of a broker that did not say. */
  readonly stamp: number;
}

/** Keyed digest; at least `MAC_BYTES` bytes, of which that many are used. */
export type Mac = (message: Uint8Array) => Uint8Array;

export type DecodedReceipt =
  | { readonly ok: true; readonly handle: ReceiptHandle }
  | { readonly ok: false; readonly reason: 'malformed' | 'forged' };

const MAC_BYTES = 16;
const VERSION = 1;
const NAME_AT = 2;
const NAME_BYTES_MAX = 127;
const TOPIC_AT = 0;
const QUEUE_AT = TOPIC_AT + 4;
const OFFSET_AT = QUEUE_AT + 2;
const ATTEMPT_AT = OFFSET_AT + 6;
const GROUP_AT = ATTEMPT_AT + 2;
const STAMP_AT = GROUP_AT + 4;
const FIELDS_BYTES = STAMP_AT + 6;
/** Longest text that can be a handle; anything longer is refused before it is decoded. */
const TEXT_LENGTH_MAX = Math.ceil(((NAME_AT + NAME_BYTES_MAX + FIELDS_BYTES + MAC_BYTES) * 4) / 3);

export function encodeReceiptHandle(handle: ReceiptHandle, mac: Mac): string {
  const nameBytes = Buffer.byteLength(handle.brokerName);
  const fieldsAt = NAME_AT + nameBytes;
  const macAt = fieldsAt + FIELDS_BYTES;
  const bytes = Buffer.allocUnsafe(macAt + MAC_BYTES);
  bytes[0] = VERSION;
  bytes[1] = nameBytes;
  bytes.write(handle.brokerName, NAME_AT);
  bytes.writeUInt32BE(handle.topicId, fieldsAt + TOPIC_AT);
  bytes.writeUInt16BE(handle.queueId, fieldsAt + QUEUE_AT);
  bytes.writeUIntBE(handle.queueOffset, fieldsAt + OFFSET_AT, 6);
  bytes.writeUInt16BE(handle.attempt, fieldsAt + ATTEMPT_AT);
  bytes.writeUInt32BE(handle.groupId, fieldsAt + GROUP_AT);
  bytes.writeUIntBE(handle.stamp, fieldsAt + STAMP_AT, 6);
  bytes.set(mac(bytes.subarray(0, macAt)).subarray(0, MAC_BYTES), macAt);
  return bytes.toString('base64url');
}

export function decodeReceiptHandle(text: string, mac: Mac): DecodedReceipt {
  const bytes = toBytes(text);
  if (bytes === undefined) return { ok: false, reason: 'malformed' };
  const macAt = bytes.length - MAC_BYTES;
  if (!isEqual(mac(bytes.subarray(0, macAt)), bytes, macAt)) return { ok: false, reason: 'forged' };
  return { ok: true, handle: readFields(bytes) };
}

/**
 * The fields of a handle without proof that it is genuine: for finding the broker to forward to, never for acting on it.
 * Undefined when the text is no handle at all.
 */
export function peekReceiptHandle(text: string): ReceiptHandle | undefined {
  const bytes = toBytes(text);
  return bytes === undefined ? undefined : readFields(bytes);
}

function toBytes(text: string): Buffer | undefined {
  if (text.length === 0 || text.length > TEXT_LENGTH_MAX) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  if (bytes[0] !== VERSION) return undefined;
  const nameBytes = bytes[1] ?? 0;
  if (nameBytes === 0 || nameBytes > NAME_BYTES_MAX) return undefined;
  if (bytes.length !== NAME_AT + nameBytes + FIELDS_BYTES + MAC_BYTES) return undefined;
  // One text for one handle: lenient decoding (foreign characters, padding, spare bits) is not accepted.
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function readFields(bytes: Buffer): ReceiptHandle {
  const fieldsAt = bytes.length - MAC_BYTES - FIELDS_BYTES;
  return {
    brokerName: bytes.toString('utf8', NAME_AT, fieldsAt),
    topicId: bytes.readUInt32BE(fieldsAt + TOPIC_AT),
    queueId: bytes.readUInt16BE(fieldsAt + QUEUE_AT),
    queueOffset: queueOffset(bytes.readUIntBE(fieldsAt + OFFSET_AT, 6)),
    attempt: bytes.readUInt16BE(fieldsAt + ATTEMPT_AT),
    groupId: bytes.readUInt32BE(fieldsAt + GROUP_AT),
    stamp: stampOf(bytes.readUIntBE(fieldsAt + STAMP_AT, 6)),
  };
}

/** Constant time: does not tell by its duration how many bytes were right. */
function isEqual(expected: Uint8Array, bytes: Uint8Array, at: number): boolean {
  let difference = 0;
  for (let i = 0; i < MAC_BYTES; i += 1) {
    difference |= (expected[i] ?? 0) ^ (bytes[at + i] ?? 0);
  }
  return difference === 0;
}
