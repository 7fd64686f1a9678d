import { WIRE_BYTES, WIRE_VARINT } from './wire-reader.ts';

// Field numbers of Message, Resource, SystemProperties and their parts, as far as the hand-written codecs need them.

export const MESSAGE_TOPIC = 1;
export const MESSAGE_USER_PROPERTIES = 2;
export const MESSAGE_SYSTEM_PROPERTIES = 3;
export const MESSAGE_BODY = 4;

export const TAG = 1;
export const KEYS = 2;
export const MESSAGE_ID = 3;
export const BODY_DIGEST = 4;
export const BODY_ENCODING = 5;
export const MESSAGE_TYPE = 6;
export const BORN_TIMESTAMP = 7;
export const BORN_HOST = 8;
export const STORE_TIMESTAMP = 9;
export const STORE_HOST = 10;
export const DELIVERY_TIMESTAMP = 11;
export const RECEIPT_HANDLE = 12;
export const QUEUE_ID = 13;
export const QUEUE_OFFSET = 14;
export const INVISIBLE_DURATION = 15;
export const DELIVERY_ATTEMPT = 16;
export const MESSAGE_GROUP = 17;
export const TRACE_CONTEXT = 18;
export const ORPHANED_TRANSACTION_RECOVERY_DURATION = 19;
export const DEAD_LETTER_QUEUE = 20;
export const LITE_TOPIC = 21;
export const PRIORITY = 22;
export const SYSTEM_FIELD_MAX = PRIORITY;

/** What a system property is made of. */
export type FieldKind = 'string' | 'int32' | 'timestamp' | 'duration' | 'digest';

/** Fields that a producer fills and that are kept as they are; the others below SYSTEM_FIELD_MAX are the server's. */
const PRODUCER_FIELDS: readonly (readonly [number, FieldKind])[] = [
  [TAG, 'string'],
  [KEYS, 'string'],
  [MESSAGE_ID, 'string'],
  [BODY_DIGEST, 'digest'],
  [BODY_ENCODING, 'int32'],
  [MESSAGE_TYPE, 'int32'],
  [BORN_TIMESTAMP, 'timestamp'],
  [BORN_HOST, 'string'],
  [DELIVERY_TIMESTAMP, 'timestamp'],
  [MESSAGE_GROUP, 'string'],
  [TRACE_CONTEXT, 'string'],
  [ORPHANED_TRANSACTION_RECOVERY_DURATION, 'duration'],
  [LITE_TOPIC, 'string'],
  [PRIORITY, 'int32'],
];

/** By field number; undefined for the server's own fields. */
export const FIELD_KINDS: readonly (FieldKind | undefined)[] = Array.from(
  { length: SYSTEM_FIELD_MAX + 1 },
  (_, field) => PRODUCER_FIELDS.find(([number]) => number === field)?.[1],
);

/** By field number; the type that a known field must have on the wire. */
export const FIELD_WIRE_TYPES: readonly number[] = FIELD_KINDS.map((kind) =>
  kind === 'int32' ? WIRE_VARINT : WIRE_BYTES,
);

/** Whether the field is a sub-message: where it occurs twice, some decoders merge and others replace. */
export function isSubMessage(kind: FieldKind): boolean {
  return kind === 'timestamp' || kind === 'duration' || kind === 'digest';
}

/** Tag of a length-delimited field. */
export function bytesTag(field: number): number {
  return (field << 3) | WIRE_BYTES;
}

/** Tag of a varint field. */
export function varintTag(field: number): number {
  return (field << 3) | WIRE_VARINT;
}
