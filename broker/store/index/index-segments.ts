import { assert } from '../../../common/assert.ts';
import type { Disk, DiskFile } from '../../../common/environment/disk.ts';
import { GrowingBuffer } from './core/growing-buffer.ts';
import {
  decodeSegmentTrailer,
  DIRECTORY_ROW_BYTES,
  encodeSegmentHeader,
  encodeSegmentTrailer,
  isDirectoryIntact,
  pageLocation,
  SEGMENT_HEADER_BYTES,
  SEGMENT_TRAILER_BYTES,
} from './core/index-segment.ts';
import { indexDamage, type IndexDamage } from './index-damage.ts';
import type { PageBatch } from './page-batch.ts';
import { rewritePages } from './rewrite-pages.ts';
import { SegmentFiles } from './segment-files.ts';

/** Pages per segment, so that its directory (2 MiB in memory while it grows) is bounded when pages are short. */
const SEGMENT_PAGES_MAX = 65_536;

export interface Segment {
  number: number;
  /** End of its pages. */
  pagesEnd: number;
  /** End of everything written: pages, and once it is sealed its directory and trailer. */
  end: number;
  /** Largest physical offset in it, 0 when it has no page. */
  physicalMax: number;
  isSealed: boolean;
  /** Bytes below are known to survive a power loss. */
  syncedEnd: number;
  /** A sync failed: what lies above `syncedEnd` may be gone from the disk though it was written without an error. */
  isSuspect: boolean;
}

/** Where the index ends: everything before it is complete. */
export interface SegmentPosition {
  /** 0 when there is no segment yet. */
  number: number;
  pagesEnd: number;
  /** Largest physical offset in any page written so far. */
  physicalMax: number;
  /** Which index this is: a snapshot must not be combined with the segments of one rebuilt since. */
  incarnation: number;
}

/**
 * The segment files of the index: pages are appended to the last one, full ones are sealed with a directory, those that
 * hold nothing alive are deleted from the front. One writer at a time; reading goes through `files`.
 */
export class IndexSegments {
  readonly files: SegmentFiles;
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #segmentBytes: number;
  /** Oldest first, without holes. The last one grows unless it is sealed. */
  readonly #segments: Segment[] = [];
  /** Directory rows of the growing segment. */
  readonly #rows = new GrowingBuffer(64 * 1024);
  #physicalMax = 0;
  #lastNumber = 0;
  #incarnation = 0;
  #areNamesSynced = true;

  constructor(disk: Disk, directory: string, segmentBytes: number) {
    this.#disk = disk;
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
    this.files = new SegmentFiles(disk, directory);
  }

  get segments(): readonly Readonly<Segment>[] {
    return this.#segments;
  }

  get position(): SegmentPosition {
    const pagesEnd = this.#segments.at(-1)?.pagesEnd ?? 0;
    const incarnation = this.#incarnation;
    return { number: this.#lastNumber, pagesEnd, physicalMax: this.#physicalMax, incarnation };
  }

  /** Takes over segments found at open; `rows` is the directory of the last one when that one grows on. */
  adopt(segments: readonly Segment[], rows: Buffer, position: SegmentPosition): void {
    assert(this.#lastNumber === 0, 'segments are adopted once, before the first write');
    this.#segments.push(...segments);
    this.#rows.append(rows);
    this.#lastNumber = position.number;
    this.#physicalMax = position.physicalMax;
    this.#incarnation = position.incarnation;
  }

  location(position: number): number {
    return pageLocation(this.#lastNumber, position);
  }

  /** Seals a full segment and starts one when there is none to write to; returns where the next page goes. */
  async prepare(): Promise<number> {
    const last = this.#segments.at(-1);
    if (last === undefined || last.isSealed) return (await this.#start()).pagesEnd;
    const isFull =
      last.pagesEnd >= this.#segmentBytes ||
      this.#rows.length >= SEGMENT_PAGES_MAX * DIRECTORY_ROW_BYTES;
    if (!isFull) return last.pagesEnd;
    await this.#seal(last);
    return (await this.#start()).pagesEnd;
  }

  /** Writes a batch that was gathered for the position `prepare` gave. After a rejection nothing has changed. */
  async write(batch: PageBatch): Promise<void> {
    const segment = this.#growing();
    const pages = batch.pages;
    await this.files.use(segment.number, (file) => file.write(segment.pagesEnd, [pages]));
    segment.pagesEnd += pages.length;
    segment.end = segment.pagesEnd;
    segment.physicalMax = Math.max(segment.physicalMax, batch.physicalMax);
    this.#physicalMax = Math.max(this.#physicalMax, batch.physicalMax);
    this.#rows.append(batch.rows);
  }

  /** Makes what has been written survive a power loss. Rejects when the disk fails; then call it again later. */
  async sync(): Promise<IndexDamage | undefined> {
    for (const segment of [...this.#segments]) {
      if (segment.syncedEnd === segment.end && !segment.isSuspect) continue;
      const damage = await this.files.use(segment.number, (file) => syncSegment(segment, file));
      if (damage !== undefined) return damage;
    }
    if (!this.#areNamesSynced) {
      await this.#disk.syncDirectory(this.#directory);
      this.#areNamesSynced = true;
    }
    return undefined;
  }

  /** Deletes the oldest segments as long as all their entries lie below `physical`; returns how many. */
  async deleteBefore(physical: number): Promise<number> {
    let deleted = 0;
    for (;;) {
      const [oldest] = this.#segments;
      if (oldest === undefined || !oldest.isSealed || oldest.physicalMax >= physical) break;
      await this.files.remove(oldest.number);
      this.#segments.shift();
      deleted++;
    }
    if (deleted > 0) await this.#disk.syncDirectory(this.#directory);
    return deleted;
  }

  close(): Promise<void> {
    return this.files.close();
  }

  #growing(): Segment {
    const last = this.#segments.at(-1);
    assert(last !== undefined && !last.isSealed, 'there is a segment to write to');
    return last;
  }

  async #start(): Promise<Segment> {
    const number = this.#lastNumber + 1;
    const header = encodeSegmentHeader({
      number,
      priorPhysicalMax: this.#physicalMax,
      incarnation: this.#incarnation,
    });
    const create = { create: true };
    await this.files.use(
      number,
      async (file) => {
        await file.truncate(0);
        await file.write(0, [header]);
      },
      create,
    );
    this.#areNamesSynced = false;
    this.#lastNumber = number;
    this.#rows.clear();
    const segment = newSegment(number);
    this.#segments.push(segment);
    return segment;
  }

  async #seal(segment: Segment): Promise<void> {
    const directory = this.#rows.content;
    const trailer = encodeSegmentTrailer(
      {
        number: segment.number,
        directoryPosition: segment.pagesEnd,
        rowCount: directory.length / DIRECTORY_ROW_BYTES,
        physicalMax: segment.physicalMax,
      },
      directory,
    );
    const end = segment.pagesEnd + directory.length + trailer.length;
    await this.files.use(segment.number, async (file) => {
      await file.write(segment.pagesEnd, [directory, trailer]);
      // A failed write may have left bytes behind the trailer, which must be the last thing in the file.
      await file.truncate(end);
    });
    segment.end = end;
    segment.isSealed = true;
  }
}

function newSegment(number: number): Segment {
  return {
    number,
    pagesEnd: SEGMENT_HEADER_BYTES,
    end: SEGMENT_HEADER_BYTES,
    physicalMax: 0,
    isSealed: false,
    syncedEnd: 0,
    isSuspect: false,
  };
}

/**
 * After a failed fdatasync the kernel may have dropped the dirty pages and call them clean, so a second fdatasync would
 * succeed without writing anything. What was not known to be durable is therefore read back, checked and written again.
 */
async function syncSegment(segment: Segment, file: DiskFile): Promise<IndexDamage | undefined> {
  const { end, pagesEnd } = segment;
  if (segment.isSuspect) {
    const damage = await rewriteUnsynced(segment, file, pagesEnd, end);
    if (damage !== undefined) return damage;
  }
  segment.isSuspect = true;
  await file.sync();
  segment.isSuspect = false;
  segment.syncedEnd = end;
  return undefined;
}

async function rewriteUnsynced(
  segment: Segment,
  file: DiskFile,
  pagesEnd: number,
  end: number,
): Promise<IndexDamage | undefined> {
  if (segment.syncedEnd < SEGMENT_HEADER_BYTES) {
    await file.write(0, [await file.read(0, SEGMENT_HEADER_BYTES)]);
  }
  const from = Math.max(segment.syncedEnd, SEGMENT_HEADER_BYTES);
  if (from < pagesEnd) {
    const damage = await rewritePages(file, from, pagesEnd);
    if (damage !== undefined) return damage;
  }
  if (end === pagesEnd) return undefined;
  const tail = await file.read(pagesEnd, end - pagesEnd);
  const trailer = tail.subarray(tail.length - SEGMENT_TRAILER_BYTES);
  const directory = tail.subarray(0, tail.length - SEGMENT_TRAILER_BYTES);
  const isIntact =
    tail.length === end - pagesEnd &&
    decodeSegmentTrailer(trailer) !== undefined &&
    isDirectoryIntact(directory, trailer);
  if (!isIntact) return indexDamage('the directory was lost by a failed sync', file.path);
  await file.write(pagesEnd, [tail]);
  return undefined;
}
