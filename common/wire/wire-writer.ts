import { assert } from '../assert.ts';

// Sizes and writes of protobuf values. A size function and its write function always agree; writes return the next position.

/** Bytes of a varint of type int32, int64, enum or uint32, given as a safe integer. */
export function varintBytes(value: number): number {
  if (value < 0) return 10;
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let bytes = 4;
  for (let rest = Math.floor(value / 0x1000_0000); rest > 0; rest = Math.floor(rest / 0x80))
    bytes += 1;
  return bytes;
}

export function writeVarint(target: Buffer, at: number, value: number): number {
  assert(Number.isSafeInteger(value), `varint ${value}`);
  if (value < 0) return writeNegative(target, at, value);
  let position = at;
  let rest = value;
  while (rest >= 0x8000_0000) {
    target[position++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    target[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[position++] = rest;
  return position;
}

/** Two's complement in 64 bits: always ten bytes. */
function writeNegative(target: Buffer, at: number, value: number): number {
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let index = 0; index < 9; index += 1) {
    target[at + index] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  target[at + 9] = Number(rest);
  return at + 10;
}

/** Bytes of a length-delimited value without its tag: its length prefix and `length` bytes. */
export function delimitedBytes(length: number): number {
  return varintBytes(length) + length;
}

/** Writes a one-byte tag and a varint. */
export function writeVarintField(target: Buffer, at: number, tag: number, value: number): number {
  target[at] = tag;
  return writeVarint(target, at + 1, value);
}

/** Writes a tag (one or two bytes) and a length; the value is for the caller to write. */
export function writeLengthPrefix(target: Buffer, at: number, tag: number, length: number): number {
  return writeVarint(target, writeVarint(target, at, tag), length);
}

/** Writes a tag and a string of which the caller knows the size in bytes. */
export function writeStringField(
  target: Buffer,
  at: number,
  tag: number,
  value: string,
  bytes: number,
): number {
  const start = writeLengthPrefix(target, at, tag, bytes);
  if (bytes === value.length) target.write(value, start, bytes, 'latin1');
  else target.write(value, start, bytes, 'utf8');
  return start + bytes;
}
