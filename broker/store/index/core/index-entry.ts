import { assert } from '../../../../common/assert.ts';
import { readUint56 } from '../../core/uint56.ts';
import type { EntryBatch } from './entry-batch.ts';

/*
 * One index entry, 16 bytes. In memory it is four u32 words in the machine's order, on disk the same words big-endian:
 *
 *   word 0            physical offset, upper 32 of 56 bits      bytes  0..4
 *   word 1 (31..8)    physical offset, lower 24 bits            bytes  4..7
 *   word 1 (7..0)     record length in bytes, upper 8 bits      bytes  7..8
 *   word 2 (31..16)   record length in bytes, lower 16 bits     bytes  8..10
 *   word 2 (15..0)    flags u16                                 bytes 10..12
 *   word 3            hash of the tag u32                       bytes 12..16
 *
 * On disk, bytes 0..7 therefore read as one big-endian u56, and bytes 7..10 as a u24.
 */
export const ENTRY_WORDS = 4;
export const ENTRY_BYTES = ENTRY_WORDS * 4;

/** What fits the three bytes of the length; twice the longest record of the log. */
const ENTRY_RECORD_BYTES_MAX = 2 ** 24 - 1;
/** What word 1 holds of the physical offset, as a divisor. */
const PHYSICAL_LOW = 2 ** 24;

/** Of the entry's flags: the message of this queue offset is lost, and the physical offset says only roughly where it was. */
const FLAG_GONE = 0x8000;

export function isGone(flags: number | undefined): boolean {
  return ((flags ?? 0) & FLAG_GONE) !== 0;
}

/** What an entry says whose message is lost. */
export const GONE_ENTRY = { bytes: 0, tagHash: 0, flags: FLAG_GONE } as const;

const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

// eslint-disable-next-line max-params -- once per message: an object here would be garbage a hundred thousand times a second
export function writeEntry(
  words: Uint32Array,
  at: number,
  physical: number,
  bytes: number,
  tagHash: number,
  flags: number,
): void {
  assert(bytes <= ENTRY_RECORD_BYTES_MAX, 'a record length fits its entry');
  words[at] = physical / PHYSICAL_LOW;
  words[at + 1] = ((physical & (PHYSICAL_LOW - 1)) << 8) | (bytes >>> 16);
  words[at + 2] = ((bytes & 0xffff) << 16) | flags;
  words[at + 3] = tagHash;
}

export function physicalAt(words: Uint32Array, at: number): number {
  return (words[at] as number) * PHYSICAL_LOW + ((words[at + 1] as number) >>> 8);
}

function bytesAt(words: Uint32Array, at: number): number {
  return (((words[at + 1] as number) & 0xff) << 16) | ((words[at + 2] as number) >>> 16);
}

/** Copies `count` entries from `words` to the end of `into`; the caller has checked the room. */
export function copyEntries(words: Uint32Array, at: number, count: number, into: EntryBatch): void {
  let to = into.count;
  for (let from = at, end = at + count * ENTRY_WORDS; from < end; from += ENTRY_WORDS, to++) {
    into.physical[to] = physicalAt(words, from);
    into.bytes[to] = bytesAt(words, from);
    into.flags[to] = (words[from + 2] as number) & 0xffff;
    into.tagHash[to] = words[from + 3] as number;
  }
  into.count = to;
}

/** One entry in disk order, given to `visit` as its fields. */
export function readDiskEntry(
  entries: Buffer,
  at: number,
  visit: (physical: number, bytes: number, tagHash: number, flags: number) => void,
): void {
  visit(
    readUint56(entries, at),
    entries.readUIntBE(at + 7, 3),
    entries.readUInt32BE(at + 12),
    entries.readUInt16BE(at + 10),
  );
}

/** Turns words of the machine's order into big-endian ones or back, in place. */
export function swapToDiskOrder(entries: Buffer): void {
  if (IS_LITTLE_ENDIAN && entries.length > 0) entries.swap32();
}
