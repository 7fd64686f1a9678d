/**
 * The segments of a log in order, without gap or overlap; the last one is written to. Rules it keeps:
 * a segment file is created only after the one before it is durable (so an existing successor proves its predecessor
 * whole), and the list is never empty.
 */
import { assert } from '../../common/assert.ts';
import { type PhysicalOffset, physicalOffset } from '../../common/model/offsets.ts';
import type { Disk } from '../../common/environment/disk.ts';
import { inspectRecord, readLength, recordAt } from './record-codec.ts';
import { parseSegmentName, SegmentFile } from './segment-file.ts';
import { StoreError } from './store-error.ts';

/** Holds most first records whole; a longer one costs a second read. */
const FIRST_READ_BYTES = 4096;

export interface SegmentInfo {
  startOffset: PhysicalOffset;
  endOffset: PhysicalOffset;
  path: string;
  /**
   * Store time of the first record *after* this segment: no record in it is newer (but for clock jumps), and it costs one
   * header read instead of a scan. Undefined for the last segment and while its successor is empty.
   */
  newestStoreTimeMs: number | undefined;
  /** Store time of its first record; undefined while it is empty. */
  firstStoreTimeMs: number | undefined;
}

export class SegmentList {
  readonly directory: string;
  readonly #disk: Disk;
  readonly #segments: SegmentFile[];

  private constructor(disk: Disk, directory: string, segments: SegmentFile[]) {
    this.#disk = disk;
    this.directory = directory;
    this.#segments = segments;
  }

  /** Opens what is there, and makes the segment at offset 0 when there is none. Throws StoreError for a gap. */
  static async open(disk: Disk, directory: string): Promise<SegmentList> {
    await disk.makeDirectory(directory);
    const starts = (await disk.list(directory))
      .map(parseSegmentName)
      .filter((start) => start !== undefined);
    starts.sort((a, b) => a - b);
    const segments: SegmentFile[] = [];
    const list = new SegmentList(disk, directory, segments);
    try {
      for (const start of starts)
        segments.push(await SegmentFile.open(disk, directory, start, false));
      if (segments.length === 0) {
        segments.push(await SegmentFile.open(disk, directory, physicalOffset(0), true));
      }
      // Also names that were here: a process killed in the middle of a roll may have left one that is not durable.
      await disk.syncDirectory(directory);
      list.#requireContiguous();
      for (const segment of segments) await readFirstStoreTime(segment);
      return list;
    } catch (error) {
      await list.close();
      throw error;
    }
  }

  get startOffset(): PhysicalOffset {
    return this.#at(0).startOffset;
  }

  get endOffset(): PhysicalOffset {
    return this.last.endOffset;
  }

  get last(): SegmentFile {
    return this.#at(this.#segments.length - 1);
  }

  /** The segment that holds the byte at `offset`; the last one for the end of the log. */
  find(offset: PhysicalOffset): SegmentFile | undefined {
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#at(middle).startOffset <= offset) low = middle;
      else high = middle - 1;
    }
    const found = this.#at(low);
    return offset >= found.startOffset && offset <= found.endOffset ? found : undefined;
  }

  isLast(segment: SegmentFile): boolean {
    return segment === this.last;
  }

  /** Seals the last segment, which the caller has made durable, and starts the next one. */
  async roll(): Promise<void> {
    const start = this.endOffset;
    if (this.last.bytes === 0) return;
    const next = await SegmentFile.open(this.#disk, this.directory, start, true);
    if (next.bytes > 0) await next.truncate(start);
    this.#segments.push(next);
    await this.#disk.syncDirectory(this.directory);
  }

  /** Drops everything at and after `offset`: whole segments first, newest first, so that a crash leaves no gap. */
  async truncateTo(offset: PhysicalOffset): Promise<void> {
    assert(offset >= this.startOffset, `truncate to ${offset} below the log`);
    while (this.last.startOffset > offset) {
      const segment = this.last;
      await this.#disk.remove(segment.path);
      await this.#disk.syncDirectory(this.directory);
      // Only now: if the disk refuses, the next attempt starts with the same segment, and never cuts the one before it.
      this.#segments.pop();
      await segment.close();
    }
    await this.last.truncate(offset);
    if (this.last.bytes === 0) this.last.firstStoreTimeMs = undefined;
  }

  /** Removes whole segments that end at or below `offset`, oldest first, never the last. Returns how many. */
  async deleteBefore(offset: PhysicalOffset): Promise<number> {
    let count = 0;
    while (this.#segments.length > 1 && this.#at(0).endOffset <= offset) {
      const segment = this.#at(0);
      await this.#disk.remove(segment.path);
      // Before the next one goes: a crash that undid only this removal would leave a gap.
      await this.#disk.syncDirectory(this.directory);
      this.#segments.shift();
      count += 1;
      await segment.close();
    }
    return count;
  }

  infos(): SegmentInfo[] {
    return this.#segments.map((segment, index) => ({
      startOffset: segment.startOffset,
      endOffset: segment.endOffset,
      path: segment.path,
      newestStoreTimeMs: this.#segments[index + 1]?.firstStoreTimeMs,
      firstStoreTimeMs: segment.firstStoreTimeMs,
    }));
  }

  async close(): Promise<void> {
    for (const segment of this.#segments) await segment.close();
  }

  #at(index: number): SegmentFile {
    const segment = this.#segments[index];
    assert(segment !== undefined, `segment ${index} of ${this.#segments.length}`);
    return segment;
  }

  #requireContiguous(): void {
    for (let index = 1; index < this.#segments.length; index += 1) {
      const before = this.#at(index - 1);
      const next = this.#at(index);
      if (before.endOffset === next.startOffset) continue;
      const missing = next.startOffset - before.endOffset;
      throw new StoreError({
        kind: 'corrupt',
        file: before.path,
        offset: Math.min(before.endOffset, next.startOffset),
        reason:
          missing > 0
            ? `${missing} bytes are missing between this segment and ${next.path}`
            : `it overlaps ${next.path} by ${-missing} bytes`,
        hint: 'A segment that has a successor was durable. Restore it, or run: orbitmq store repair DIR',
      });
    }
  }
}

/**
 * Learns the time of the first record, for retention; leaves it unknown when the record is damaged. Damage is not judged
 * here: recovery, verify and reads do that.
 */
async function readFirstStoreTime(segment: SegmentFile): Promise<void> {
  const start = segment.startOffset;
  let bytes = await segment.read(start, FIRST_READ_BYTES);
  if (inspectRecord(bytes, 0, bytes.length, start) === 'short-body') {
    bytes = await segment.read(start, readLength(bytes, 0));
  }
  if (inspectRecord(bytes, 0, bytes.length, start) === 'ok')
    segment.firstStoreTimeMs = recordAt(bytes, 0).storeTimeMs;
}
