import { assert } from '../../../../common/assert.ts';
import { pageLocation, type DirectoryRow } from './index-segment.ts';
import type { IndexMemory } from './index-memory.ts';

/**
 * Decides, when a snapshot is restored, which of the pages on disk make up each queue.
 *
 * The snapshot knows where each tail starts; the pages before it must end there without a gap. But the segments may also
 * hold pages of removed queues (another generation), and pages that an earlier life of the process wrote and that were
 * written again later, cut differently. All are true to the log, but they overlap. A page that was written again stands
 * before its replacements, so walking backwards from the tail and taking each page that ends where the last one taken
 * starts gives a dense list. Pages written while the snapshot was being made follow the start of the tail; they are
 * taken, forwards, as long as each starts where the one before ended.
 */
export class PageSelection {
  readonly #memory: IndexMemory;
  /** Per segment, a bit per page: chosen by the walk backwards. */
  readonly #chosen = new Map<number, Uint8Array>();
  /** Per queue: where the next page backwards must end. */
  readonly #needed: Float64Array;
  /** Per queue: where its pages end so far. */
  readonly #reached: Float64Array;
  /** Per queue: chosen pages not yet attached. */
  readonly #pending: Uint32Array;
  readonly #lastPhysical: Float64Array;

  constructor(memory: IndexMemory) {
    this.#memory = memory;
    this.#needed = memory.queues.tailStart.slice();
    this.#reached = memory.queues.tailStart.slice();
    this.#pending = new Uint32Array(memory.queues.capacity);
    this.#lastPhysical = new Float64Array(memory.queues.capacity).fill(-1);
  }

  beginSegment(segmentNumber: number, pageCount: number): void {
    this.#chosen.set(segmentNumber, new Uint8Array(Math.ceil(pageCount / 8)));
  }

  /** Newest page first, over all segments. */
  chooseBackwards(segmentNumber: number, index: number, row: DirectoryRow): void {
    const { queueNo } = row;
    if (!this.#isOfQueue(row)) return;
    const needed = this.#needed[queueNo] as number;
    if (needed <= (this.#memory.queues.minOffset[queueNo] as number)) return;
    if (row.firstOffset + row.count !== needed) return;
    this.#needed[queueNo] = row.firstOffset;
    this.#pending[queueNo] = (this.#pending[queueNo] as number) + 1;
    const bits = this.#chosen.get(segmentNumber) as Uint8Array;
    bits[index >> 3] = (bits[index >> 3] as number) | (1 << (index & 7));
  }

  /** Oldest page first, after all were seen backwards. */
  attach(segmentNumber: number, index: number, row: DirectoryRow): void {
    const { queueNo } = row;
    if (!this.#isOfQueue(row)) return;
    const bits = this.#chosen.get(segmentNumber) as Uint8Array;
    const isChosen = ((bits[index >> 3] as number) & (1 << (index & 7))) !== 0;
    if (isChosen) {
      this.#pending[queueNo] = (this.#pending[queueNo] as number) - 1;
    } else {
      const isNext = this.#pending[queueNo] === 0 && this.#reached[queueNo] === row.firstOffset;
      if (!isNext) return;
      this.#reached[queueNo] = row.firstOffset + row.count;
    }
    const location = pageLocation(segmentNumber, row.position);
    this.#memory.pages.push(queueNo, row.firstOffset, row.firstPhysical, location);
    this.#lastPhysical[queueNo] = row.lastPhysical;
  }

  /**
   * Completes the queues. Where pages are missing in front, the minimum is raised to what is there if segments were deleted
   * at the front (retention went on after the snapshot); else the hole is returned.
   */
  finish(
    isFrontDeleted: boolean,
  ): { queueNo: number; startOffset: number; endOffset: number } | undefined {
    const { queues } = this.#memory;
    for (let queueNo = 0; queueNo < queues.capacity; queueNo++) {
      if (!queues.has(queueNo)) continue;
      assert(this.#pending[queueNo] === 0, 'every chosen page is attached');
      const startOffset = queues.minOffset[queueNo] as number;
      const endOffset = this.#needed[queueNo] as number;
      if (endOffset > startOffset) {
        if (!isFrontDeleted) return { queueNo, startOffset, endOffset };
        queues.minOffset[queueNo] = endOffset;
      }
      const reached = this.#reached[queueNo] as number;
      this.#memory.attachPages(queueNo, reached, this.#lastPhysical[queueNo] as number);
    }
    return undefined;
  }

  #isOfQueue(row: DirectoryRow): boolean {
    const { queues } = this.#memory;
    return queues.has(row.queueNo) && queues.generation[row.queueNo] === row.generation;
  }
}
