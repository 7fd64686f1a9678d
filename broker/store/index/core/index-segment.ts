import { crc32c } from '@node-rs/crc32';
import { readUint56, writeUint56 } from '../../core/uint56.ts';
import type { PageHeader } from './index-page.ts';

/*
 * An index segment `<n>.idx` (n in 10 digits, from 1, without holes): header, pages, and once it is full a directory
 * and a trailer, after which it never changes. All integers big-endian.
 *
 * Header
 *   0  u32  CRC-32C over [4, 28)
 *   4  u32  magic "OQIX"
 *   8  u16  format version, 1
 *  10  u16  reserved, 0
 *  12  u32  segment number
 *  16  u56  largest physical offset in any earlier segment, kept or deleted
 *  23  u8   reserved, 0
 *  24  u32  incarnation of the index: drawn anew whenever it is rebuilt from the log
 *
 * Directory: one row of 34 bytes per page, in the order of the pages
 *   0  u32  queue number
 *   4  u32  generation
 *   8  u48  queue offset of the first entry
 *  14  u16  count of entries
 *  16  u56  physical offset of the first entry
 *  23  u56  physical offset of the last entry
 *  30  u32  position of the page in the file
 *
 * Trailer, the last 28 bytes of the file
 *   0  u32  CRC-32C over the directory and [4, 28)
 *   4  u32  magic "OQID"
 *   8  u32  segment number
 *  12  u32  position of the directory = end of the pages
 *  16  u32  count of rows
 *  20  u56  largest physical offset in this segment
 *  27  u8   reserved, 0
 */
export const SEGMENT_HEADER_BYTES = 28;
export const DIRECTORY_ROW_BYTES = 34;
export const SEGMENT_TRAILER_BYTES = 28;

const HEADER_MAGIC = 0x4f514958;
const TRAILER_MAGIC = 0x4f514944;
const FORMAT_VERSION = 1;
const NAME_PATTERN = /^(\d{10})\.idx$/;

/** Factor that makes one safe integer of a segment number (< 2^21) and a position (< 2^32). */
const LOCATION_FACTOR = 2 ** 32;

/** Where a page is, as one safe integer. */
export function pageLocation(segmentNumber: number, position: number): number {
  return segmentNumber * LOCATION_FACTOR + position;
}

export function segmentOf(location: number): number {
  return Math.floor(location / LOCATION_FACTOR);
}

export function positionOf(location: number): number {
  return location % LOCATION_FACTOR;
}

export interface SegmentHeader {
  number: number;
  priorPhysicalMax: number;
  incarnation: number;
}

export interface SegmentTrailer {
  number: number;
  directoryPosition: number;
  rowCount: number;
  physicalMax: number;
}

export interface DirectoryRow extends PageHeader {
  position: number;
}

export function segmentName(number: number): string {
  return `${String(number).padStart(10, '0')}.idx`;
}

/** The segment number in a file name; undefined for a foreign file. */
export function segmentNumber(name: string): number | undefined {
  const digits = NAME_PATTERN.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const buffer = Buffer.alloc(SEGMENT_HEADER_BYTES);
  buffer.writeUInt32BE(HEADER_MAGIC, 4);
  buffer.writeUInt16BE(FORMAT_VERSION, 8);
  buffer.writeUInt32BE(header.number, 12);
  writeUint56(buffer, header.priorPhysicalMax, 16);
  buffer.writeUInt32BE(header.incarnation, 24);
  buffer.writeUInt32BE(crc32c(buffer.subarray(4)), 0);
  return buffer;
}

export function decodeSegmentHeader(buffer: Buffer): SegmentHeader | undefined {
  if (buffer.length < SEGMENT_HEADER_BYTES) return undefined;
  const isIntact =
    buffer.readUInt32BE(0) === crc32c(buffer.subarray(4, SEGMENT_HEADER_BYTES)) &&
    buffer.readUInt32BE(4) === HEADER_MAGIC &&
    buffer.readUInt16BE(8) === FORMAT_VERSION;
  if (!isIntact) return undefined;
  return {
    number: buffer.readUInt32BE(12),
    priorPhysicalMax: readUint56(buffer, 16),
    incarnation: buffer.readUInt32BE(24),
  };
}

export function encodeDirectoryRow(buffer: Buffer, at: number, row: DirectoryRow): void {
  buffer.writeUInt32BE(row.queueNo, at);
  buffer.writeUInt32BE(row.generation, at + 4);
  buffer.writeUIntBE(row.firstOffset, at + 8, 6);
  buffer.writeUInt16BE(row.count, at + 14);
  writeUint56(buffer, row.firstPhysical, at + 16);
  writeUint56(buffer, row.lastPhysical, at + 23);
  buffer.writeUInt32BE(row.position, at + 30);
}

/** Fills `row`, which the caller reuses: a directory has up to 65,536 rows. */
export function decodeDirectoryRow(buffer: Buffer, at: number, row: DirectoryRow): void {
  row.queueNo = buffer.readUInt32BE(at);
  row.generation = buffer.readUInt32BE(at + 4);
  row.firstOffset = buffer.readUIntBE(at + 8, 6);
  row.count = buffer.readUInt16BE(at + 14);
  row.firstPhysical = readUint56(buffer, at + 16);
  row.lastPhysical = readUint56(buffer, at + 23);
  row.position = buffer.readUInt32BE(at + 30);
}

export function emptyRow(): DirectoryRow {
  return {
    queueNo: 0,
    generation: 0,
    firstOffset: 0,
    count: 0,
    firstPhysical: 0,
    lastPhysical: 0,
    position: 0,
  };
}

export function encodeSegmentTrailer(trailer: SegmentTrailer, directory: Buffer): Buffer {
  const buffer = Buffer.alloc(SEGMENT_TRAILER_BYTES);
  buffer.writeUInt32BE(TRAILER_MAGIC, 4);
  buffer.writeUInt32BE(trailer.number, 8);
  buffer.writeUInt32BE(trailer.directoryPosition, 12);
  buffer.writeUInt32BE(trailer.rowCount, 16);
  writeUint56(buffer, trailer.physicalMax, 20);
  buffer.writeUInt32BE(crc32c(buffer.subarray(4), crc32c(directory)), 0);
  return buffer;
}

/** What a trailer says, before its checksum can be checked against the directory. */
export function decodeSegmentTrailer(buffer: Buffer): SegmentTrailer | undefined {
  if (buffer.length < SEGMENT_TRAILER_BYTES) return undefined;
  if (buffer.readUInt32BE(4) !== TRAILER_MAGIC) return undefined;
  return {
    number: buffer.readUInt32BE(8),
    directoryPosition: buffer.readUInt32BE(12),
    rowCount: buffer.readUInt32BE(16),
    physicalMax: readUint56(buffer, 20),
  };
}

export function isDirectoryIntact(directory: Buffer, trailer: Buffer): boolean {
  const body = trailer.subarray(4, SEGMENT_TRAILER_BYTES);
  return crc32c(body, crc32c(directory)) === trailer.readUInt32BE(0);
}
