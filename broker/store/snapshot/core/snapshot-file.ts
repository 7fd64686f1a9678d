import { crc32c } from '@node-rs/crc32';
import { readUint56, writeUint56 } from '../../core/uint56.ts';

/*
 * A snapshot `<sequence in 10 digits>.snapshot`: header, sections, trailer. While it is written its name ends in `.tmp`. All
 * integers big-endian.
 *
 * Header
 *   0  u32  CRC-32C over [4, 24)
 *   4  u32  magic "OQSN"
 *   8  u16  format version, 1
 *  10  u16  reserved, 0
 *  12  u32  sequence, as in the name
 *  16  u56  begin: log offset from which the log is folded after loading
 *  23  u8   reserved, 0
 *
 * Section, any number of them
 *   0  u32  CRC-32C over [4, 12 + length)
 *   4  u16  kind, 0..0xfffe; belongs to whoever wrote it
 *   6  u16  reserved, 0
 *   8  u32  length of the payload
 *  12  payload
 *
 * Trailer, the last 40 bytes
 *   0  u32  CRC-32C over [4, 40)
 *   4  u16  kind 0xffff
 *   6  u16  reserved, 0
 *   8  u32  magic "OQSE"
 *  12  u32  sequence
 *  16  u32  count of sections
 *  20  u56  end: log offset folded through when the last section was made
 *  27  u8   reserved, 0
 *  28  u48  bytes of the file, trailer included
 *  34  u16  reserved, 0
 *  36  u32  CRC-32C over the CRC fields of all sections, in order: none is missing, repeated or from elsewhere
 */
export const SNAPSHOT_HEADER_BYTES = 24;
export const SECTION_HEADER_BYTES = 12;
export const SNAPSHOT_TRAILER_BYTES = 40;

/** Payload of one section; the largest are tails of the queue index while the disk does not keep up. */
export const SECTION_BYTES_MAX = 2 ** 30;

const HEADER_MAGIC = 0x4f51534e;
const TRAILER_MAGIC = 0x4f515345;
const TRAILER_KIND = 0xffff;
const FORMAT_VERSION = 1;
const NAME_PATTERN = /^(\d{10})\.snapshot$/;
const TEMPORARY_PATTERN = /^\d{10}\.snapshot\.tmp$/;

export interface SnapshotHeader {
  sequence: number;
  begin: number;
}

export interface SnapshotTrailer {
  sequence: number;
  sectionCount: number;
  end: number;
  fileBytes: number;
  sectionsCrc: number;
}

export function snapshotName(sequence: number): string {
  return `${String(sequence).padStart(10, '0')}.snapshot`;
}

export function temporaryName(sequence: number): string {
  return `${snapshotName(sequence)}.tmp`;
}

/** The sequence in the name of a published snapshot; undefined for anything else. */
export function snapshotSequence(name: string): number | undefined {
  const digits = NAME_PATTERN.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function isTemporaryName(name: string): boolean {
  return TEMPORARY_PATTERN.test(name);
}

export function encodeSnapshotHeader(header: SnapshotHeader): Buffer {
  const buffer = Buffer.alloc(SNAPSHOT_HEADER_BYTES);
  buffer.writeUInt32BE(HEADER_MAGIC, 4);
  buffer.writeUInt16BE(FORMAT_VERSION, 8);
  buffer.writeUInt32BE(header.sequence, 12);
  writeUint56(buffer, header.begin, 16);
  buffer.writeUInt32BE(crc32c(buffer.subarray(4)), 0);
  return buffer;
}

/** The header, or what is wrong with it. */
export function decodeSnapshotHeader(buffer: Buffer): SnapshotHeader | string {
  if (buffer.length < SNAPSHOT_HEADER_BYTES) return 'the file is shorter than its header';
  const body = buffer.subarray(4, SNAPSHOT_HEADER_BYTES);
  if (buffer.readUInt32BE(0) !== crc32c(body)) return 'the header is damaged';
  if (buffer.readUInt32BE(4) !== HEADER_MAGIC) return 'it is not a snapshot';
  const version = buffer.readUInt16BE(8);
  if (version !== FORMAT_VERSION) return `format version ${version} is not known here`;
  return { sequence: buffer.readUInt32BE(12), begin: readUint56(buffer, 16) };
}

/** Section header; its checksum covers `payload`. */
export function encodeSectionHeader(kind: number, payload: Buffer): Buffer {
  const buffer = Buffer.alloc(SECTION_HEADER_BYTES);
  buffer.writeUInt16BE(kind, 4);
  buffer.writeUInt32BE(payload.length, 8);
  buffer.writeUInt32BE(crc32c(payload, crc32c(buffer.subarray(4))), 0);
  return buffer;
}

export interface SectionHeader {
  kind: number;
  length: number;
  crc: number;
}

export function decodeSectionHeader(buffer: Buffer): SectionHeader {
  const length = buffer.readUInt32BE(8);
  return { kind: buffer.readUInt16BE(4), length, crc: buffer.readUInt32BE(0) };
}

/** The checksum of a section as far as its header goes; continue it with the payload. */
export function sectionHeaderCrc(header: Buffer): number {
  return crc32c(header.subarray(4, SECTION_HEADER_BYTES));
}

/** Continues the checksum over all sections by the one whose header this is. */
export function chainCrc(sectionsCrc: number, sectionHeader: Buffer): number {
  return crc32c(sectionHeader.subarray(0, 4), sectionsCrc);
}

export function encodeSnapshotTrailer(trailer: SnapshotTrailer): Buffer {
  const buffer = Buffer.alloc(SNAPSHOT_TRAILER_BYTES);
  buffer.writeUInt16BE(TRAILER_KIND, 4);
  buffer.writeUInt32BE(TRAILER_MAGIC, 8);
  buffer.writeUInt32BE(trailer.sequence, 12);
  buffer.writeUInt32BE(trailer.sectionCount, 16);
  writeUint56(buffer, trailer.end, 20);
  buffer.writeUIntBE(trailer.fileBytes, 28, 6);
  buffer.writeUInt32BE(trailer.sectionsCrc, 36);
  buffer.writeUInt32BE(crc32c(buffer.subarray(4)), 0);
  return buffer;
}

/** The trailer, or what is wrong with it. */
export function decodeSnapshotTrailer(buffer: Buffer): SnapshotTrailer | string {
  if (buffer.length < SNAPSHOT_TRAILER_BYTES) return 'the file is shorter than its trailer';
  const isIntact =
    buffer.readUInt32BE(0) === crc32c(buffer.subarray(4, SNAPSHOT_TRAILER_BYTES)) &&
    buffer.readUInt16BE(4) === TRAILER_KIND &&
    buffer.readUInt32BE(8) === TRAILER_MAGIC;
  if (!isIntact) return 'the end is missing or damaged';
  return {
    sequence: buffer.readUInt32BE(12),
    sectionCount: buffer.readUInt32BE(16),
    end: readUint56(buffer, 20),
    fileBytes: buffer.readUIntBE(28, 6),
    sectionsCrc: buffer.readUInt32BE(36),
  };
}
