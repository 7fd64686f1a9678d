import type { EntryBatch } from './entry-batch.ts';

/*
 * One index entry, 16 bytes. In memory it is four u32 words in the machine's order, on disk the same words big-endian:
 *
 *   word 0            physical offset, upper 32 of 48 bits      bytes  0..4
 *   word 1 (31..16)   physical offset, lower 16 bits            bytes  4..6
 *   word 1 (15..0)    flags u16                                 bytes  6..8
 *   word 2            record length in bytes u32                bytes  8..12
 *   word 3            hash of the tag u32                       bytes 12..16
 *
 * On disk, bytes 0..6 therefore read as one big-endian u48.
 */
export const ENTRY_WORDS = 4;
export const ENTRY_BYTES = ENTRY_WORDS * 4;

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
  words[at] = physical / 0x10000;
  words[at + 1] = ((physical & 0xffff) << 16) | flags;
  words[at + 2] = bytes;
  words[at + 3] = tagHash;
}

export function physicalAt(words: Uint32Array, at: number): number {
  return (words[at] as number) * 0x10000 + ((words[at + 1] as number) >>> 16);
}

/** Copies `count` entries from `words` to the end of `into`; the caller has checked the room. */
export function copyEntries(words: Uint32Array, at: number, count: number, into: EntryBatch): void {
  let to = into.count;
  for (let from = at, end = at + count * ENTRY_WORDS; from < end; from += ENTRY_WORDS, to++) {
    into.physical[to] = physicalAt(words, from);
    into.flags[to] = (words[from + 1] as number) & 0xffff;
    into.bytes[to] = words[from + 2] as number;
    into.tagHash[to] = words[from + 3] as number;
  }
  into.count = to;
}

/** Turns words of the machine's order into big-endian ones or back, in place. */
export function swapToDiskOrder(entries: Buffer): void {
  if (IS_LITTLE_ENDIAN && entries.length > 0) entries.swap32();
}
