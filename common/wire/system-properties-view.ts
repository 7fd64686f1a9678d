import { ByteRanges } from './byte-ranges.ts';
import {
  BODY_DIGEST,
  BODY_ENCODING,
  BORN_HOST,
  BORN_TIMESTAMP,
  DELIVERY_TIMESTAMP,
  FIELD_KINDS,
  FIELD_WIRE_TYPES,
  type FieldKind,
  IS_SERVER_FIELD,
  isSubMessage,
  KEYS,
  LITE_TOPIC,
  MESSAGE_GROUP,
  MESSAGE_ID,
  MESSAGE_TYPE,
  ORPHANED_TRANSACTION_RECOVERY_DURATION,
  PRIORITY,
  QUEUE_ID,
  SYSTEM_FIELD_MAX,
  TAG,
  TRACE_CONTEXT,
  bytesTag,
  varintTag,
} from './message-fields.ts';
import { emptyStringPair, readStringPair } from './string-pair.ts';
import { readDurationMs, readTimestampMs } from './time-value.ts';
import { WireError } from './wire-error.ts';
import { checkUtf8, WireReader } from './wire-reader.ts';

const ABSENT = -1;
const DIGEST_TYPE_TAG = varintTag(1);
const DIGEST_CHECKSUM_TAG = bytesTag(2);

/** Checksum of a body, as its sender gave it. */
export interface DigestValue {
  /** A DigestType. */
  readonly type: number;
  readonly checksum: string;
}

/**
 * The inner bytes of a SystemProperties message: where each field lies, decoded when asked. Parsing checks all that a
 * consumer's decoder would stumble over, so that a stored message can always be delivered.
 */
export class SystemPropertiesView {
  readonly buffer: Buffer;
  /** What is stored: all fields except those that only the server fills. */
  readonly kept = new ByteRanges();
  /** Whether a sub-message occurs twice, which decoders do not agree about. */
  hasRepeatedSubMessage = false;
  keyCount = 0;
  /** Bytes of all keys together. */
  keyBytes = 0;
  // By field number: where its value starts and ends. Of a number, #starts has the value itself.
  readonly #starts: number[] = new Array<number>(SYSTEM_FIELD_MAX + 1).fill(ABSENT);
  readonly #ends: number[] = new Array<number>(SYSTEM_FIELD_MAX + 1).fill(ABSENT);
  readonly #reader: WireReader;

  /** Throws WireError when the bytes are not a SystemProperties message. */
  constructor(buffer: Buffer, start: number, end: number) {
    this.buffer = buffer;
    this.#reader = new WireReader(buffer, start, end);
    while (this.#reader.hasMore) this.#readField(this.#reader);
  }

  get tag(): string | undefined {
    return this.#string(TAG);
  }

  get tagBytes(): number {
    return this.#bytes(TAG);
  }

  /** Decoded anew at each call. */
  get keys(): string[] {
    const keys: string[] = [];
    for (let index = 0; index < this.kept.count; index += 1) {
      const reader = new WireReader(this.buffer, this.kept.start(index), this.kept.end(index));
      while (reader.hasMore) {
        const tag = reader.tag();
        if (tag === bytesTag(KEYS)) keys.push(readString(reader));
        else reader.skip(tag);
      }
    }
    return keys;
  }

  /** '' when absent. */
  get messageId(): string {
    return this.#string(MESSAGE_ID) ?? '';
  }

  get messageIdBytes(): number {
    return this.#bytes(MESSAGE_ID);
  }

  get bodyDigest(): DigestValue | undefined {
    if (!this.has(BODY_DIGEST)) return undefined;
    return readDigest(this.#fieldReader(BODY_DIGEST));
  }

  /** An Encoding; 0 when absent. */
  get bodyEncoding(): number {
    return this.#number(BODY_ENCODING) ?? 0;
  }

  /** A MessageType; 0 when absent. */
  get messageType(): number {
    return this.#number(MESSAGE_TYPE) ?? 0;
  }

  get bornTimestampMs(): number | undefined {
    return this.has(BORN_TIMESTAMP)
      ? readTimestampMs(this.#fieldReader(BORN_TIMESTAMP))
      : undefined;
  }

  /** '' when absent. */
  get bornHost(): string {
    return this.#string(BORN_HOST) ?? '';
  }

  get deliveryTimestampMs(): number | undefined {
    return this.has(DELIVERY_TIMESTAMP)
      ? readTimestampMs(this.#fieldReader(DELIVERY_TIMESTAMP))
      : undefined;
  }

  get messageGroup(): string | undefined {
    return this.#string(MESSAGE_GROUP);
  }

  get traceContext(): string | undefined {
    return this.#string(TRACE_CONTEXT);
  }

  get orphanedTransactionRecoveryMs(): number | undefined {
    const field = ORPHANED_TRANSACTION_RECOVERY_DURATION;
    return this.has(field) ? readDurationMs(this.#fieldReader(field)) : undefined;
  }

  get liteTopic(): string | undefined {
    return this.#string(LITE_TOPIC);
  }

  get priority(): number | undefined {
    return this.#number(PRIORITY);
  }

  /** Queue that the sender had in mind; many leave it 0. Never trusted, never stored. */
  get requestedQueueId(): number {
    return this.#number(QUEUE_ID) ?? 0;
  }

  /** Whether a field is present. */
  has(field: number): boolean {
    return this.#ends[field] !== ABSENT;
  }

  #readField(reader: WireReader): void {
    const start = reader.position;
    const tag = reader.tag();
    const field = tag >>> 3;
    const kind = FIELD_KINDS[field];
    if (kind === undefined) {
      reader.skip(tag);
    } else {
      if ((tag & 7) !== FIELD_WIRE_TYPES[field]) {
        throw new WireError(`wire type of system property ${field}`, start);
      }
      this.#readKnown(reader, field, kind);
      if (IS_SERVER_FIELD[field] === true) return;
    }
    this.kept.add(start, reader.position);
  }

  #readKnown(reader: WireReader, field: number, kind: FieldKind): void {
    if (kind === 'int32' || kind === 'int64') {
      this.#starts[field] = kind === 'int32' ? reader.int32() : reader.int64();
      this.#ends[field] = reader.position;
      return;
    }
    if (isSubMessage(kind) && this.has(field)) this.hasRepeatedSubMessage = true;
    const outerEnd = reader.enter();
    this.#starts[field] = reader.position;
    this.#ends[field] = reader.end;
    if (field === KEYS) {
      this.keyCount += 1;
      this.keyBytes += reader.end - reader.position;
    }
    check(reader, kind);
    reader.leave(outerEnd);
  }

  #fieldReader(field: number): WireReader {
    return new WireReader(this.buffer, this.#starts[field], this.#ends[field]);
  }

  #bytes(field: number): number {
    return this.has(field) ? (this.#ends[field] as number) - (this.#starts[field] as number) : 0;
  }

  #number(field: number): number | undefined {
    return this.has(field) ? this.#starts[field] : undefined;
  }

  #string(field: number): string | undefined {
    return this.has(field)
      ? this.#text(this.#starts[field] as number, this.#ends[field] as number)
      : undefined;
  }

  #text(start: number, end: number): string {
    return this.buffer.toString('utf8', start, end);
  }
}

/** Reads a value only to see that it can be read. */
function check(reader: WireReader, kind: FieldKind): void {
  if (kind === 'string') checkUtf8(reader.buffer, reader.position, reader.end);
  else if (kind === 'timestamp') readTimestampMs(reader);
  else if (kind === 'duration') readDurationMs(reader);
  else if (kind === 'digest') readDigest(reader);
  else readStringPair(reader, emptyStringPair());
}

function readDigest(reader: WireReader): DigestValue {
  let type = 0;
  let checksum = '';
  while (reader.hasMore) {
    const start = reader.position;
    const tag = reader.tag();
    if (tag === DIGEST_TYPE_TAG) type = reader.int32();
    else if (tag === DIGEST_CHECKSUM_TAG) checksum = readString(reader);
    else if (tag >>> 3 <= 2) throw new WireError('wire type of a digest field', start);
    else reader.skip(tag);
  }
  return { type, checksum };
}

/** Reads a length-delimited string, checked to be UTF-8. */
function readString(reader: WireReader): string {
  const length = reader.length();
  const start = reader.position;
  checkUtf8(reader.buffer, start, start + length);
  reader.position = start + length;
  return reader.buffer.toString('utf8', start, start + length);
}
