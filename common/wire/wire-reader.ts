import { isUtf8 } from 'node:buffer';
import { WireError } from './wire-error.ts';

/** How a field's value is laid out; the low three bits of a tag. */
export const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
export const WIRE_BYTES = 2;
const WIRE_GROUP_START = 3;
const WIRE_GROUP_END = 4;
const WIRE_FIXED32 = 5;

/** Groups are only found inside unknown fields; decoders give up at 100, so that deeper ones would be poison to them. */
const GROUP_DEPTH_MAX = 32;
/** Below this many bytes a loop beats the call into native code. */
const UTF8_LOOP_BYTES_MAX = 48;

const TWO_28 = 2 ** 28;
const TWO_56 = 2 ** 56;
const MASK_28 = TWO_28 - 1;

/**
 * Reads protobuf from a range of a buffer. Invariant: start <= position <= end <= buffer.length; whatever would break it
 * throws WireError. Every read moves on by at least one byte, so that loops over `hasMore` end.
 */
export class WireReader {
  readonly buffer: Buffer;
  position: number;
  /** Reads stop here; `enter` and `leave` narrow and widen it. */
  end: number;
  // The last varint, in 28 + 28 + 8 bits.
  #low = 0;
  #mid = 0;
  #high = 0;

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    if (start < 0 || start > end || end > buffer.length)
      throw new WireError('range outside the buffer', start);
    this.buffer = buffer;
    this.position = start;
    this.end = end;
  }

  get hasMore(): boolean {
    return this.position < this.end;
  }

  /** Field number and wire type as they stand on the wire: `number << 3 | type`. */
  tag(): number {
    const first = this.#byte();
    if (first < 0x80) {
      if (first >> 3 === 0) throw this.#error('field number 0');
      return first;
    }
    const start = this.position - 1;
    this.position = start;
    this.#varint();
    const isTooLong = this.position - start > 5 || this.#high !== 0 || this.#mid > 0xf;
    if (isTooLong) throw new WireError('tag of more than 32 bits', start);
    const tag = (this.#low | (this.#mid << 28)) >>> 0;
    if (tag >>> 3 === 0) throw new WireError('field number 0', start);
    return tag;
  }

  /** Length of a length-delimited value, which is known to lie inside the range. */
  length(): number {
    const start = this.position;
    let length = this.#byte();
    if (length >= 0x80) {
      this.position = start;
      this.#varint();
      length = this.#low + this.#mid * TWO_28;
      if (this.#high !== 0 || this.position - start > 5)
        throw new WireError('length of more than 32 bits', start);
    }
    if (length > this.end - this.position)
      throw new WireError(`length ${length} beyond the end`, start);
    return length;
  }

  /** A varint of type int32 or enum: its low 32 bits, signed. */
  int32(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    this.position -= 1;
    this.#varint();
    return this.#low | (this.#mid << 28);
  }

  /** A varint of type int64; beyond the safe integers it is rounded, and the caller checks. */
  int64(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    this.position -= 1;
    this.#varint();
    if (this.#high < 0x80) return this.#low + this.#mid * TWO_28 + this.#high * TWO_56;
    const magnitude =
      (this.#low ^ MASK_28) + (this.#mid ^ MASK_28) * TWO_28 + (this.#high ^ 0xff) * TWO_56;
    return -magnitude - 1;
  }

  /** Narrows the range to the length-delimited value that comes next; returns the end to give back to `leave`. */
  enter(): number {
    const length = this.length();
    const outerEnd = this.end;
    this.end = this.position + length;
    return outerEnd;
  }

  leave(outerEnd: number): void {
    this.position = this.end;
    this.end = outerEnd;
  }

  /** Passes over the value of a field of any type. */
  skip(tag: number): void {
    const open: number[] = [];
    let current = tag;
    for (;;) {
      if (!this.#skipScalar(current)) this.#skipGroupBoundary(current, open);
      if (open.length === 0) return;
      current = this.tag();
    }
  }

  #skipScalar(tag: number): boolean {
    switch (tag & 7) {
      case WIRE_VARINT:
        this.#varint();
        return true;
      case WIRE_FIXED64:
        this.#advance(8);
        return true;
      case WIRE_BYTES:
        this.#advance(this.length());
        return true;
      case WIRE_FIXED32:
        this.#advance(4);
        return true;
      default:
        return false;
    }
  }

  #skipGroupBoundary(tag: number, open: number[]): void {
    const type = tag & 7;
    if (type === WIRE_GROUP_START) {
      if (open.length === GROUP_DEPTH_MAX) throw this.#error('groups nested too deeply');
      open.push(tag >>> 3);
      return;
    }
    if (type !== WIRE_GROUP_END) throw this.#error(`wire type ${type}`);
    if (open.pop() !== tag >>> 3) throw this.#error('end of a group that is not open');
  }

  #advance(bytes: number): void {
    if (bytes > this.end - this.position) throw this.#error(`${bytes} bytes beyond the end`);
    this.position += bytes;
  }

  #byte(): number {
    if (this.position >= this.end) throw this.#error('truncated');
    return this.buffer[this.position++] as number;
  }

  /** At most ten bytes; bits beyond the 64th are dropped, as every decoder does. */
  #varint(): void {
    this.#low = this.#bits(4);
    this.#mid = 0;
    this.#high = 0;
    if (!this.#continues()) return;
    this.#mid = this.#bits(4);
    if (!this.#continues()) return;
    this.#high = this.#bits(2) & 0xff;
    if (this.#continues()) throw this.#error('varint of more than 10 bytes');
  }

  #bits(bytes: number): number {
    let value = 0;
    for (let shift = 0; shift < bytes * 7; shift += 7) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  }

  #continues(): boolean {
    return (this.buffer[this.position - 1] as number) >= 0x80;
  }

  #error(reason: string): WireError {
    return new WireError(reason, this.position);
  }
}

/** Refuses what strict decoders (Java, Go, Rust) refuse: one bad string would stop every consumer that receives it. */
export function checkUtf8(buffer: Buffer, start: number, end: number): void {
  if (end - start <= UTF8_LOOP_BYTES_MAX) {
    let at = start;
    while (at < end && (buffer[at] as number) < 0x80) at += 1;
    if (at === end) return;
  }
  if (!isUtf8(buffer.subarray(start, end))) throw new WireError('string is not UTF-8', start);
}
