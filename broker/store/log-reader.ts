/**
 * Reads of the log wherever the bytes are: in memory for the recent part, in segment files for the rest. Bytes from a
 * file are what a disk says they are; whoever asks for records validates them (`readRecords`, log-scanner.ts).
 */
import { type PhysicalOffset, physicalOffset } from '../../common/model/offsets.ts';
import type { LogCache } from './log-cache.ts';
import { LOOKS, type RangeSource } from './log-scanner.ts';
import type { RecordState } from './core/record-state.ts';
import { HEADER_BYTES, inspectRecord, readLength } from './record-codec.ts';
import type { SegmentFile } from './segment-file.ts';
import type { SegmentList } from './segment-list.ts';
import { isDiskError, StoreError } from './store-error.ts';

const NOTHING = Buffer.alloc(0);

export class LogReader implements RangeSource {
  readonly #segments: SegmentList;
  readonly #cache: LogCache;

  constructor(segments: SegmentList, cache: LogCache) {
    this.#segments = segments;
    this.#cache = cache;
  }

  /** Exactly [offset, offset + length), cut at the end of the log. */
  async read(offset: PhysicalOffset, length: number): Promise<Buffer> {
    const end = Math.min(offset + length, this.#cache.endOffset);
    const parts: Buffer[] = [];
    let position: number = offset;
    while (position < end) {
      const part =
        this.#cache.tailFrom(position, end - position) ?? (await this.#readFile(position, end));
      if (part.length === 0) break;
      parts.push(part);
      position += part.length;
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  /** As `read`, for a range of whole records; those that come from a file are validated. */
  async readRecords(offset: PhysicalOffset, bytes: number): Promise<Buffer> {
    const inMemory = this.#cache.readSync(offset, bytes);
    if (inMemory !== undefined) return inMemory;
    if (offset < this.#segments.startOffset || offset + bytes > this.#cache.endOffset) {
      throw this.#outOfRange(offset, `[${offset}, ${offset + bytes}) was asked for`);
    }
    for (let look = 1; ; look += 1) {
      const buffer = await this.read(offset, bytes);
      const damage = findDamage(buffer, offset, bytes);
      if (damage === undefined) return buffer;
      if (look === LOOKS) throw this.damaged(damage.offset, damage.state);
    }
  }

  /**
   * Whole records from the boundary `from` on, at most `bytesMax` unless the first one is longer, below the boundary `to`:
   * a view of memory, or one validated read of a file. It may end early, where memory or a segment starts.
   */
  readBatch(from: PhysicalOffset, to: number, bytesMax: number): Buffer | Promise<Buffer> {
    if (from === to) return NOTHING;
    if (from > to) return Promise.reject(this.#outOfRange(from, `${from} was asked for`));
    const inMemory = this.#cache.tailFrom(from, to - from);
    if (inMemory === undefined) return this.#readBatch(from, to, bytesMax);
    return inMemory.subarray(0, recordsWithin(inMemory, bytesMax));
  }

  async #readBatch(from: PhysicalOffset, to: number, bytesMax: number): Promise<Buffer> {
    if (from < this.#segments.startOffset) throw this.#outOfRange(from, `${from} was asked for`);
    let wanted = Math.max(bytesMax, HEADER_BYTES);
    for (let look = 1; ;) {
      const buffer = await this.#readFile(from, Math.min(from + wanted, to));
      const { bytes, state } = intactRecords(buffer, from);
      if (bytes > 0) return buffer.subarray(0, bytes);
      const length = state === 'short-body' ? readLength(buffer, 0) : 0;
      if (length > buffer.length && buffer.length === wanted) wanted = length;
      else if (look === LOOKS) throw this.damaged(from, state);
      else look += 1;
    }
  }

  /** The error for something at `offset` that is not the intact record that was there. */
  damaged(offset: PhysicalOffset, state: string): StoreError {
    return new StoreError({
      kind: 'corrupt',
      file: this.#segments.find(offset)?.path ?? this.#segments.directory,
      offset,
      reason: `${state} in a part of the log that had been written`,
      hint: 'Look with: orbitmq store verify DIR; then restore a copy, or stop the broker and: orbitmq store repair DIR',
    });
  }

  async #readFile(position: number, end: number): Promise<Buffer> {
    const offset = physicalOffset(position);
    const segment = this.#segments.find(offset);
    if (segment === undefined) throw this.#outOfRange(offset, 'no segment holds it');
    try {
      return await segment.read(offset, Math.min(end, this.#cache.startOffset) - position);
    } catch (error) {
      if (!isDiskError(error)) throw error;
      if (offset < this.#segments.startOffset)
        throw this.#outOfRange(offset, 'its segment was deleted meanwhile');
      throw ioError(segment, offset, error);
    }
  }

  #outOfRange(offset: PhysicalOffset, reason: string): StoreError {
    return new StoreError({
      kind: 'out-of-range',
      file: this.#segments.directory,
      offset,
      reason: `${reason}; the log holds [${this.#segments.startOffset}, ${this.#cache.endOffset})`,
      hint: 'Retention deletes whole segments; start from the first offset of the log.',
    });
  }
}

/** Length of the whole records of `bytesMax` bytes, and at least of the first one. They never left memory: not validated. */
function recordsWithin(records: Buffer, bytesMax: number): number {
  if (records.length <= bytesMax) return records.length;
  let end = readLength(records, 0);
  while (end < records.length) {
    const next = end + readLength(records, end);
    if (next > bytesMax) break;
    end = next;
  }
  return end;
}

/** Length of the intact records at the start of `buffer`, and what stands behind them. */
function intactRecords(buffer: Buffer, offset: number): { bytes: number; state: RecordState } {
  let bytes = 0;
  for (;;) {
    const state = inspectRecord(buffer, bytes, buffer.length, offset + bytes);
    if (state !== 'ok') return { bytes, state };
    bytes += readLength(buffer, bytes);
  }
}

function findDamage(
  buffer: Buffer,
  offset: PhysicalOffset,
  bytes: number,
): { offset: PhysicalOffset; state: string } | undefined {
  let at = 0;
  while (at < bytes) {
    const state = inspectRecord(buffer, at, buffer.length, offset + at);
    if (state !== 'ok') return { offset: physicalOffset(offset + at), state };
    at += readLength(buffer, at);
  }
  return undefined;
}

function ioError(
  segment: SegmentFile,
  offset: number,
  cause: { code: string; message: string },
): StoreError {
  return new StoreError({
    kind: 'io',
    file: segment.path,
    offset,
    reason: `read failed with ${cause.code}: ${cause.message}`,
    hint: 'The disk refuses this range; look at the kernel log of the machine.',
    cause,
  });
}
