import type { IndexMemory } from './core/index-memory.ts';
import { ENTRY_BYTES, physicalAt } from './core/index-entry.ts';
import { PAGE_HEADER_BYTES, pageBytes, sealPage } from './core/index-page.ts';
import {
  decodeDirectoryRow,
  DIRECTORY_ROW_BYTES,
  emptyRow,
  encodeDirectoryRow,
  type DirectoryRow,
} from './core/index-segment.ts';

/** Bytes of pages gathered into one write. Encoding that many takes about half a millisecond (measured). */
const BATCH_BYTES = 256 * 1024;
/** Pages in one batch, so that many short pages do not make a batch slow to encode. */
const BATCH_PAGES = 256;

/** Pages encoded for one write, with their directory rows; allocated once and reused. */
export class PageBatch {
  readonly #pages = Buffer.from(new ArrayBuffer(BATCH_BYTES));
  readonly #words = new Uint32Array(this.#pages.buffer);
  readonly #rows = Buffer.alloc(BATCH_PAGES * DIRECTORY_ROW_BYTES);
  readonly #row = emptyRow();
  #position = 0;
  #bytesMax = BATCH_BYTES;
  #bytes = 0;
  #count = 0;
  #physicalMax = 0;

  get count(): number {
    return this.#count;
  }

  get physicalMax(): number {
    return this.#physicalMax;
  }

  get pages(): Buffer {
    return this.#pages.subarray(0, this.#bytes);
  }

  get rows(): Buffer {
    return this.#rows.subarray(0, this.#count * DIRECTORY_ROW_BYTES);
  }

  /** Row `index`, in an object that the next call overwrites. */
  row(index: number): DirectoryRow {
    decodeDirectoryRow(this.#rows, index * DIRECTORY_ROW_BYTES, this.#row);
    return this.#row;
  }

  /** Empties the batch; its pages will be written at `position` of the segment, which has room for `bytes`. */
  reset(position: number, bytes: number): void {
    this.#position = position;
    this.#bytesMax = Math.min(bytes, BATCH_BYTES);
    this.#bytes = 0;
    this.#count = 0;
    this.#physicalMax = 0;
  }

  /** For one more page. The first one always has: a segment may end a page later than it should. */
  hasRoom(entries: number): boolean {
    if (this.#count === 0) return true;
    return this.#count < BATCH_PAGES && this.#bytes + pageBytes(entries) <= this.#bytesMax;
  }

  /** Encodes tail entries [from, from + count) of the queue as a page. */
  add(memory: IndexMemory, queueNo: number, from: number, count: number): void {
    const entriesAt = (this.#bytes + PAGE_HEADER_BYTES) / 4;
    memory.copyTail(queueNo, from, count, this.#words, entriesAt);
    const row = this.#row;
    row.queueNo = queueNo;
    row.generation = memory.queues.generation[queueNo] as number;
    row.firstOffset = from;
    row.count = count;
    row.firstPhysical = physicalAt(this.#words, entriesAt);
    row.lastPhysical = physicalAt(this.#words, entriesAt + ((count - 1) * ENTRY_BYTES) / 4);
    row.position = this.#position + this.#bytes;
    const end = this.#bytes + pageBytes(count);
    sealPage(this.#pages.subarray(this.#bytes, end), row);
    encodeDirectoryRow(this.#rows, this.#count * DIRECTORY_ROW_BYTES, row);
    this.#bytes = end;
    this.#count++;
    this.#physicalMax = Math.max(this.#physicalMax, row.lastPhysical);
  }
}
