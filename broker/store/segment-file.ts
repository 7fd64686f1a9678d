/**
 * One file of the log: the bytes [startOffset, endOffset), named by its start. It knows where its valid end is and
 * nothing of records. `endOffset` moves only after a write has succeeded, so bytes beyond it may exist on disk after a
 * failed write; `truncate` removes them.
 */
import { assert } from '../../common/assert.ts';
import { type PhysicalOffset, physicalOffset } from '../../common/model/offsets.ts';
import type { Disk, DiskFile } from '../../common/environment/disk.ts';

const NAME_DIGITS = 20;
const NAME_PATTERN = /^(\d{20})\.log$/;

export function segmentName(startOffset: PhysicalOffset): string {
  return `${String(startOffset).padStart(NAME_DIGITS, '0')}.log`;
}

/** Start offset of a segment file, or undefined for any other name. */
export function parseSegmentName(name: string): PhysicalOffset | undefined {
  const digits = NAME_PATTERN.exec(name)?.[1];
  return digits === undefined ? undefined : physicalOffset(Number(digits));
}

export class SegmentFile {
  readonly startOffset: PhysicalOffset;
  /** Store time of its first record, once known: what retention compares, see segment-list.ts. */
  firstStoreTimeMs: number | undefined;
  readonly #file: DiskFile;
  #endOffset: PhysicalOffset;

  private constructor(file: DiskFile, startOffset: PhysicalOffset, bytes: number) {
    this.#file = file;
    this.startOffset = startOffset;
    this.#endOffset = physicalOffset(startOffset + bytes);
  }

  static async open(
    disk: Disk,
    directory: string,
    startOffset: PhysicalOffset,
    create: boolean,
  ): Promise<SegmentFile> {
    const file = await disk.open(`${directory}/${segmentName(startOffset)}`, { create });
    try {
      return new SegmentFile(file, startOffset, await file.size());
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get path(): string {
    return this.#file.path;
  }

  get endOffset(): PhysicalOffset {
    return this.#endOffset;
  }

  get bytes(): number {
    return this.#endOffset - this.startOffset;
  }

  /** Reads up to `length` bytes at `offset`, never beyond the valid end. */
  async read(offset: PhysicalOffset, length: number): Promise<Buffer> {
    assert(
      offset >= this.startOffset && offset <= this.#endOffset,
      `read at ${offset} outside of ${this.path}`,
    );
    return this.#file.read(offset - this.startOffset, Math.min(length, this.#endOffset - offset));
  }

  async append(buffers: readonly Uint8Array[], bytes: number): Promise<void> {
    await this.#file.write(this.bytes, buffers);
    this.#endOffset = physicalOffset(this.#endOffset + bytes);
  }

  /** Writes again what is already part of the log, so that the pages are dirty and the next sync really writes them. */
  async rewrite(offset: PhysicalOffset, bytes: Uint8Array): Promise<void> {
    assert(
      offset >= this.startOffset && offset + bytes.length <= this.#endOffset,
      'rewrite stays inside the segment',
    );
    await this.#file.write(offset - this.startOffset, [bytes]);
  }

  async sync(): Promise<void> {
    await this.#file.sync();
  }

  /** Cuts the physical file to end at `offset`, also when only leftovers of a failed write lie beyond. Not yet durable. */
  async truncate(offset: PhysicalOffset): Promise<void> {
    assert(
      offset >= this.startOffset && offset <= this.#endOffset,
      `truncate to ${offset} outside of ${this.path}`,
    );
    await this.#file.truncate(offset - this.startOffset);
    this.#endOffset = offset;
  }

  /** Bytes the file really has; differs from `bytes` after a failed write, or when the disk lost some. */
  async physicalBytes(): Promise<number> {
    return this.#file.size();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
