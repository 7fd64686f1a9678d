/**
 * The most recent part of the log in memory: where appends are built, what the next write takes, and what tail readers
 * get without a copy. A run of chunks without gap, ending at the end of the log; a record lies in one chunk.
 *
 * Bound: chunks that are written go as soon as the total exceeds `bytesMax`; unwritten ones stay, and group-commit.ts
 * bounds those. Bytes of a chunk are never changed once committed, so a reader may keep a view for as long as it likes.
 */
import { assert } from '../../common/assert.ts';
import { type PhysicalOffset, physicalOffset } from '../../common/model/offsets.ts';

/** Large enough to amortize allocation, small enough that evicting one is not a jolt. */
export const CHUNK_BYTES = 1024 * 1024;

interface Chunk {
  readonly start: number;
  end: number;
  readonly buffer: Buffer;
  /** No more appends: bytes after `end` may be seen by readers of a record that was dropped. */
  isClosed: boolean;
}

export class LogCache {
  readonly #bytesMax: number;
  #chunks: Chunk[] = [];
  #bytes = 0;
  #end: number;

  constructor(end: PhysicalOffset, bytesMax: number) {
    this.#end = end;
    this.#bytesMax = bytesMax;
  }

  /** First offset in memory; equals `endOffset` when there is nothing. */
  get startOffset(): PhysicalOffset {
    return physicalOffset(this.#chunks[0]?.start ?? this.#end);
  }

  get endOffset(): PhysicalOffset {
    return this.#end as PhysicalOffset;
  }

  /** Bytes of memory held by chunks, used or not. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /**
   * A place for the next `bytes` bytes; nothing is committed before `commit`. The buffer is whole, `tailPosition()` says
   * where in it the place starts.
   */
  reserve(bytes: number): Buffer {
    const last = this.#chunks.at(-1);
    if (last !== undefined && this.roomBytes >= bytes) return last.buffer;
    if (last !== undefined && last.end === last.start) this.#dropLast();
    const buffer = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes));
    this.#bytes += buffer.length;
    this.#chunks.push({ start: this.#end, end: this.#end, buffer, isClosed: false });
    return buffer;
  }

  /** Bytes that the chunk at the end still takes. */
  get roomBytes(): number {
    const last = this.#chunks.at(-1);
    if (last === undefined || last.isClosed) return 0;
    return last.buffer.length - (last.end - last.start);
  }

  /** Position in the buffer that `reserve` returned. */
  tailPosition(): number {
    const last = this.#chunks.at(-1);
    assert(last !== undefined, 'reserve comes first');
    return last.end - last.start;
  }

  commit(bytes: number): void {
    const last = this.#chunks.at(-1);
    assert(
      last !== undefined && this.tailPosition() + bytes <= last.buffer.length,
      'commit fits what was reserved',
    );
    last.end += bytes;
    this.#end = last.end;
  }

  /** The range [start, end) as views, for a gathered write. The range must be in memory. */
  slices(start: number, end: number): Buffer[] {
    assert(start >= this.startOffset && end <= this.#end, `[${start}, ${end}) is not in memory`);
    const slices: Buffer[] = [];
    for (let index = this.#indexOf(start); index < this.#chunks.length; index += 1) {
      const chunk = this.#chunks[index];
      if (chunk === undefined || chunk.start >= end) break;
      const from = Math.max(start, chunk.start) - chunk.start;
      slices.push(chunk.buffer.subarray(from, Math.min(end, chunk.end) - chunk.start));
    }
    return slices;
  }

  /** A view of [offset, offset + bytes) when one chunk holds all of it. */
  readSync(offset: number, bytes: number): Buffer | undefined {
    if (offset < this.startOffset || offset + bytes > this.#end) return undefined;
    const chunk = this.#chunks[this.#indexOf(offset)];
    if (chunk === undefined || offset + bytes > chunk.end) return undefined;
    return chunk.buffer.subarray(offset - chunk.start, offset - chunk.start + bytes);
  }

  /** Everything from `offset` to the end of its chunk, at most `bytesMax`. */
  tailFrom(offset: number, bytesMax: number): Buffer | undefined {
    if (offset < this.startOffset || offset >= this.#end) return undefined;
    const chunk = this.#chunks[this.#indexOf(offset)];
    assert(chunk !== undefined, 'an offset in memory has a chunk');
    return chunk.buffer.subarray(
      offset - chunk.start,
      Math.min(chunk.end, offset + bytesMax) - chunk.start,
    );
  }

  /** Lets go of the oldest chunks that lie below `writtenOffset` while there is more than the bound. */
  evict(writtenOffset: number): void {
    let count = 0;
    for (const chunk of this.#chunks) {
      if (
        this.#bytes <= this.#bytesMax ||
        chunk.end > writtenOffset ||
        chunk === this.#chunks.at(-1)
      )
        break;
      this.#bytes -= chunk.buffer.length;
      count += 1;
    }
    if (count > 0) this.#chunks.splice(0, count);
  }

  /** Forgets everything at and after `offset`; the log now ends there. */
  truncateTo(offset: PhysicalOffset): void {
    while ((this.#chunks.at(-1)?.start ?? -1) >= offset) this.#dropLast();
    const last = this.#chunks.at(-1);
    if (last !== undefined) {
      last.end = Math.min(last.end, offset);
      last.isClosed = true;
    }
    this.#end = offset;
  }

  #dropLast(): void {
    this.#bytes -= this.#chunks.pop()?.buffer.length ?? 0;
  }

  /** Index of the last chunk that starts at or below `offset`. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#chunks[middle]?.start ?? Infinity) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
