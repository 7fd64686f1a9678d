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

/** What a system property is made of; `strings` is a sub-message of two. */
export type FieldKind =
  'string' | 'int32' | 'int64' | 'timestamp' | 'duration' | 'digest' | 'strings';

/** By field number. */
export const FIELD_KINDS: readonly (FieldKind | undefined)[] = [
  undefined,
  'string', // tag
  'string', // keys
  'string', // message_id
  'digest', // body_digest
  'int32', // body_encoding
  'int32', // message_type
  'timestamp', // born_timestamp
  'string', // born_host
  'timestamp', // store_timestamp
  'string', // store_host
  'timestamp', // delivery_timestamp
  'string', // receipt_handle
  'int32', // queue_id
  'int64', // queue_offset
  'duration', // invisible_duration
  'int32', // delivery_attempt
  'string', // message_group
  'string', // trace_context
  'duration', // orphaned_transaction_recovery_duration
  'strings', // dead_letter_queue
  'string', // lite_topic
  'int32', // priority
];

/** By field number: whether only the server fills it, so that what a producer put there is dropped. */
export const IS_SERVER_FIELD: readonly boolean[] = FIELD_KINDS.map((_, field) =>
  [
    STORE_TIMESTAMP,
    STORE_HOST,
    RECEIPT_HANDLE,
    QUEUE_ID,
    QUEUE_OFFSET,
    INVISIBLE_DURATION,
    DELIVERY_ATTEMPT,
    DEAD_LETTER_QUEUE,
  ].includes(field),
);

/** By field number; the type that a known field must have on the wire. */
export const FIELD_WIRE_TYPES: readonly number[] = FIELD_KINDS.map((kind) =>
  kind === 'int32' || kind === 'int64' ? WIRE_VARINT : WIRE_BYTES,
);

/** Whether the field is a sub-message: where it occurs twice, some decoders merge and others replace. */
export function isSubMessage(kind: FieldKind): boolean {
  return kind !== 'string' && kind !== 'int32' && kind !== 'int64';
}

/** Tag of a length-delimited field. */
export function bytesTag(field: number): number {
  return (field << 3) | WIRE_BYTES;
}

/** Tag of a varint field. */
export function varintTag(field: number): number {
  return (field << 3) | WIRE_VARINT;
}
