import { crc32c } from '@node-rs/crc32';
import { readUint56, UINT56_BYTES, writeUint56 } from '../../core/uint56.ts';
import { ENTRY_BYTES, physicalAt, swapToDiskOrder } from './index-entry.ts';

/*
 * A page: consecutive index entries of one queue. All integers big-endian.
 *
 *   0  u32  CRC-32C over [4, end of the entries)
 *   4  u16  magic 0x5047 ("PG")
 *   6  u16  count of entries, 1..65535
 *   8  u32  queue number
 *  12  u32  generation: which life of the queue number
 *  16  u48  queue offset of the first entry
 *  22  u56  physical offset of the first entry
 *  29  u56  physical offset of the last entry
 *  36  count × 16 bytes of entries (see index-entry.ts)
 */
const CRC = 0;
const MAGIC = CRC + 4;
const COUNT = MAGIC + 2;
const QUEUE_NUMBER = COUNT + 2;
const GENERATION = QUEUE_NUMBER + 4;
const FIRST_OFFSET = GENERATION + 4;
const FIRST_PHYSICAL = FIRST_OFFSET + 6;
const LAST_PHYSICAL = FIRST_PHYSICAL + UINT56_BYTES;
/** A multiple of 4, so that the entries of a page can be written through a Uint32Array. */
export const PAGE_HEADER_BYTES = LAST_PHYSICAL + UINT56_BYTES;

const MAGIC_VALUE = 0x5047;

/** What is known of a page without its entries. */
export interface PageHeader {
  queueNo: number;
  generation: number;
  firstOffset: number;
  count: number;
  firstPhysical: number;
  lastPhysical: number;
}

export function pageBytes(count: number): number {
  return PAGE_HEADER_BYTES + count * ENTRY_BYTES;
}

/**
 * Completes a page whose entries lie behind the header in the machine's word order: puts them into disk order, writes
 * the header and the checksum. `page` is exactly the page.
 */
export function sealPage(page: Buffer, header: PageHeader): void {
  swapToDiskOrder(page.subarray(PAGE_HEADER_BYTES));
  page.writeUInt16BE(MAGIC_VALUE, MAGIC);
  page.writeUInt16BE(header.count, COUNT);
  page.writeUInt32BE(header.queueNo, QUEUE_NUMBER);
  page.writeUInt32BE(header.generation, GENERATION);
  page.writeUIntBE(header.firstOffset, FIRST_OFFSET, 6);
  writeUint56(page, header.firstPhysical, FIRST_PHYSICAL);
  writeUint56(page, header.lastPhysical, LAST_PHYSICAL);
  page.writeUInt32BE(crc32c(page.subarray(MAGIC)), CRC);
}

/** The page that starts at `at`, or undefined when what is there is not a whole, undamaged page. */
export function decodePageHeader(buffer: Buffer, at: number): PageHeader | undefined {
  if (buffer.length - at < PAGE_HEADER_BYTES) return undefined;
  if (buffer.readUInt16BE(at + MAGIC) !== MAGIC_VALUE) return undefined;
  const count = buffer.readUInt16BE(at + COUNT);
  const end = at + pageBytes(count);
  if (count === 0 || end > buffer.length) return undefined;
  if (crc32c(buffer.subarray(at + MAGIC, end)) !== buffer.readUInt32BE(at + CRC)) return undefined;
  return {
    queueNo: buffer.readUInt32BE(at + QUEUE_NUMBER),
    generation: buffer.readUInt32BE(at + GENERATION),
    firstOffset: buffer.readUIntBE(at + FIRST_OFFSET, 6),
    count,
    firstPhysical: readUint56(buffer, at + FIRST_PHYSICAL),
    lastPhysical: readUint56(buffer, at + LAST_PHYSICAL),
  };
}

/** The entries of a page that `decodePageHeader` has accepted, as words in the machine's order, in memory of their own. */
export function decodePageEntries(buffer: Buffer, at: number, count: number): Uint32Array {
  const words = new Uint32Array((count * ENTRY_BYTES) / 4);
  const bytes = Buffer.from(words.buffer);
  buffer.copy(bytes, 0, at + PAGE_HEADER_BYTES, at + pageBytes(count));
  swapToDiskOrder(bytes);
  return words;
}

/** Index of the first entry at or above `physical` among `count` entries; `count` when all are below. */
export function firstEntryNotBelow(words: Uint32Array, count: number, physical: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (physicalAt(words, middle * 4) < physical) low = middle + 1;
    else high = middle;
  }
  return low;
}
