/**
 * The framing of one log record. All integers are big-endian; a record is never split over two segments.
 *
 * | at | bytes | field         | meaning                                                                          |
 * |----|-------|---------------|----------------------------------------------------------------------------------|
 * |  0 | 4     | length        | whole record, this header included                                               |
 * |  4 | 4     | crc           | CRC-32C of bytes [8, length)                                                     |
 * |  8 | 1     | type          | see record-type.ts                                                               |
 * |  9 | 1     | flags         | belong to the type                                                               |
 * | 10 | 2     | version       | of this framing and of the payloads: 1                                           |
 * | 12 | 4     | epoch         | term of the master that appended it                                              |
 * | 16 | 7     | offset        | its own physical offset: a stale or misplaced copy cannot pass for this record   |
 * | 23 | 6     | storeTimeMs   | wall clock of the appending master                                               |
 * | 29 | 7     | durableOffset | end of the log known durable when it was appended; never above its own offset    |
 * | 36 |       | payload       |                                                                                  |
 *
 * Bytes 0..11 keep their place in every later version, so that an old program can tell "newer" from "damaged".
 * This file knows bytes only: no files, no decisions. What damage means is decided in core/recovery-decision.ts.
 */
import { crc32c } from '@node-rs/crc32';
import { assert } from '../../common/assert.ts';
import type { Epoch, PhysicalOffset } from '../../common/model/offsets.ts';
import type { RecordState } from './core/record-state.ts';
import { readUint56, UINT56_BYTES, writeUint56 } from './core/uint56.ts';
import { isRecordType, type RecordType } from './record-type.ts';

const LENGTH_AT = 0;
const CRC_AT = LENGTH_AT + 4;
const TYPE_AT = CRC_AT + 4;
const FLAGS_AT = TYPE_AT + 1;
const VERSION_AT = FLAGS_AT + 1;
const EPOCH_AT = VERSION_AT + 2;
const OFFSET_AT = EPOCH_AT + 4;
const STORE_TIME_AT = OFFSET_AT + UINT56_BYTES;
const DURABLE_AT = STORE_TIME_AT + 6;
/** First byte of the payload. */
export const HEADER_BYTES = DURABLE_AT + UINT56_BYTES;
/** Lowest byte of the offset field: differs between all places that are less than 256 bytes apart. */
export const OFFSET_LOW_BYTE_AT = OFFSET_AT + UINT56_BYTES - 1;

const CRC_FROM = TYPE_AT;
const FORMAT_VERSION = 1;

/** No record is longer: 4 MiB body, 16 KiB properties, our own fields, and room. Bounds what a damaged length can cost. */
export const RECORD_BYTES_MAX = 8 * 1024 * 1024;

export interface RecordHeader {
  length: number;
  type: RecordType;
  flags: number;
  epoch: Epoch;
  offset: PhysicalOffset;
  storeTimeMs: number;
  durableOffset: PhysicalOffset;
}

/** A validated record inside a buffer that holds others too. */
export interface LogRecord {
  readonly type: RecordType;
  readonly flags: number;
  readonly epoch: Epoch;
  readonly offset: PhysicalOffset;
  /** Whole record, header included: the next one starts at `offset + bytes`. */
  readonly bytes: number;
  readonly storeTimeMs: number;
  readonly durableOffset: PhysicalOffset;
  readonly buffer: Buffer;
  readonly payloadStart: number;
  readonly payloadEnd: number;
}

/** Writes the header at `at`, in front of a payload that is already in place, and seals both with the checksum. */
export function encodeRecord(buffer: Buffer, at: number, header: RecordHeader): void {
  assert(
    header.length >= HEADER_BYTES && header.length <= RECORD_BYTES_MAX,
    `record of ${header.length} bytes`,
  );
  assert(
    header.durableOffset <= header.offset,
    'a record cannot know of durable bytes beyond itself',
  );
  assert(header.flags >= 0 && header.flags <= 0xff, `record flags ${header.flags}`);
  buffer.writeUInt32BE(header.length, at + LENGTH_AT);
  buffer[at + TYPE_AT] = header.type;
  buffer[at + FLAGS_AT] = header.flags;
  buffer.writeUInt16BE(FORMAT_VERSION, at + VERSION_AT);
  buffer.writeUInt32BE(header.epoch, at + EPOCH_AT);
  writeUint56(buffer, header.offset, at + OFFSET_AT);
  buffer.writeUIntBE(header.storeTimeMs, at + STORE_TIME_AT, 6);
  writeUint56(buffer, header.durableOffset, at + DURABLE_AT);
  buffer.writeUInt32BE(checksum(buffer, at, header.length), at + CRC_AT);
}

/** Classifies the bytes [at, end) as the record that should stand at physical offset `expected`. */
export function inspectRecord(
  buffer: Buffer,
  at: number,
  end: number,
  expected: number,
): RecordState {
  if (end - at < HEADER_BYTES) return 'short-header';
  const length = buffer.readUInt32BE(at + LENGTH_AT);
  if (length === 0 && isZero(buffer, at, at + HEADER_BYTES)) return 'zero-header';
  if (length < HEADER_BYTES || length > RECORD_BYTES_MAX) return 'bad-length';
  if (length > end - at) return 'short-body';
  if (checksum(buffer, at, length) !== buffer.readUInt32BE(at + CRC_AT)) return 'bad-crc';
  return inspectIntact(buffer, at, expected);
}

/** The checksum is right: these bytes were written by some program, for some place. */
function inspectIntact(buffer: Buffer, at: number, expected: number): RecordState {
  if (readOffset(buffer, at) !== expected) return 'wrong-position';
  if (buffer.readUInt16BE(at + VERSION_AT) !== FORMAT_VERSION) return 'bad-version';
  return isRecordType(buffer[at + TYPE_AT] ?? 0) ? 'ok' : 'bad-type';
}

/** The record at `at`. Only for bytes that `inspectRecord` found 'ok', or that this process encoded itself. */
export function recordAt(buffer: Buffer, at: number): LogRecord {
  const bytes = buffer.readUInt32BE(at + LENGTH_AT);
  return {
    type: (buffer[at + TYPE_AT] ?? 0) as RecordType,
    flags: buffer[at + FLAGS_AT] ?? 0,
    epoch: buffer.readUInt32BE(at + EPOCH_AT) as Epoch,
    offset: readOffset(buffer, at) as PhysicalOffset,
    bytes,
    storeTimeMs: buffer.readUIntBE(at + STORE_TIME_AT, 6),
    durableOffset: readUint56(buffer, at + DURABLE_AT) as PhysicalOffset,
    buffer,
    payloadStart: at + HEADER_BYTES,
    payloadEnd: at + bytes,
  };
}

/** The length field; needs 4 bytes, says nothing about validity. */
export function readLength(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + LENGTH_AT);
}

/** Type and epoch fields; need HEADER_BYTES, say nothing about validity. */
export function readType(buffer: Buffer, at: number): number {
  return buffer[at + TYPE_AT] ?? 0;
}

export function readEpoch(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + EPOCH_AT);
}

/** The record's own idea of where it stands. Needs HEADER_BYTES. */
export function readOffset(buffer: Buffer, at: number): number {
  return readUint56(buffer, at + OFFSET_AT);
}

function checksum(buffer: Buffer, at: number, length: number): number {
  return crc32c(buffer.subarray(at + CRC_FROM, at + length));
}

function isZero(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (buffer[at] !== 0) return false;
  return true;
}
