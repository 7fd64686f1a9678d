/** The protobuf wire format, as little of it as the load generator needs; independent of the codecs that it measures. */

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

export function numberField(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8 + WIRE_VARINT), varint(value)]);
}

/** A string, bytes or message field; several buffers are one value. */
export function bytesField(field: number, ...parts: readonly (Uint8Array | string)[]): Buffer {
  const value = Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)),
  );
  return Buffer.concat([varint(field * 8 + WIRE_BYTES), varint(value.length), value]);
}

/** One field of an encoded message. `value` holds numbers, `start` and `end` bound strings, bytes and messages. */
export interface Field {
  readonly number: number;
  readonly value: number;
  readonly start: number;
  readonly end: number;
}

/** Walks the fields of the message in `bytes[start, end)`. Varints beyond 2^53 lose precision; we read none. */
export function* fieldsOf(bytes: Buffer, start = 0, end = bytes.length): Generator<Field> {
  const cursor = { at: start };
  while (cursor.at < end) {
    const tag = readVarint(bytes, cursor);
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === WIRE_VARINT) {
      yield { number, value: readVarint(bytes, cursor), start: 0, end: 0 };
    } else if (wireType === WIRE_BYTES) {
      const length = readVarint(bytes, cursor);
      yield { number, value: 0, start: cursor.at, end: cursor.at + length };
      cursor.at += length;
    } else if (wireType === WIRE_FIXED64) {
      cursor.at += 8;
    } else if (wireType === WIRE_FIXED32) {
      cursor.at += 4;
    } else {
      throw new Error(`wire type ${wireType} at ${cursor.at}`);
    }
  }
}

function readVarint(bytes: Buffer, cursor: { at: number }): number {
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw new Error('the message ends inside a number');
    value += (byte & 0x7f) * scale;
    if (byte < 128) return value;
    scale *= 128;
  }
}
