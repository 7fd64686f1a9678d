import { assert } from '../../../../common/assert.ts';
import { pageLocation, type DirectoryRow } from './index-segment.ts';
import type { IndexMemory } from './index-memory.ts';

/**
 * Decides, when a snapshot is restored, which of the pages on disk make up each queue.
 *
 * The snapshot knows where each tail starts; the pages before it end there without a gap. But the segments also hold pages
 * that do not count: of removed queues (another generation); written while the snapshot was being made, after the queue's
 * tail was captured; and ones that an earlier life of the process wrote, that were written again later, cut differently.
 * All are true to the log, but they overlap. A page that was written again stands before its replacements, so walking
 * backwards from the tail and taking each page that ends where the last one taken starts gives a dense list.
 *
 * Two passes over the directories of all segments: `chooseBackwards` for every page, newest first, then `attach` for every
 * page, oldest first.
 */
export class PageSelection {
  readonly #memory: IndexMemory;
  /** Per segment, a bit per page: chosen. */
  readonly #chosen = new Map<number, Uint8Array>();
  /** Per queue: where the next page backwards must end. */
  readonly #needed: Float64Array;

  constructor(memory: IndexMemory) {
    this.#memory = memory;
    this.#needed = memory.queues.tailStart.slice();
  }

  beginSegment(segmentNumber: number, pageCount: number): void {
    this.#chosen.set(segmentNumber, new Uint8Array(Math.ceil(pageCount / 8)));
  }

  chooseBackwards(segmentNumber: number, index: number, row: DirectoryRow): void {
    const { queues } = this.#memory;
    const { queueNo } = row;
    if (!queues.has(queueNo) || queues.generation[queueNo] !== row.generation) return;
    const needed = this.#needed[queueNo] as number;
    if (needed <= (queues.minOffset[queueNo] as number)) return;
    if (row.firstOffset + row.count !== needed) return;
    this.#needed[queueNo] = row.firstOffset;
    const bits = this.#chosen.get(segmentNumber) as Uint8Array;
    bits[index >> 3] = (bits[index >> 3] as number) | (1 << (index & 7));
  }

  attach(segmentNumber: number, index: number, row: DirectoryRow): void {
    const bits = this.#chosen.get(segmentNumber) as Uint8Array;
    if (((bits[index >> 3] as number) & (1 << (index & 7))) === 0) return;
    const location = pageLocation(segmentNumber, row.position);
    this.#memory.pages.push(row.queueNo, row.firstOffset, row.firstPhysical, location);
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
      const startOffset = queues.minOffset[queueNo] as number;
      const endOffset = this.#needed[queueNo] as number;
      if (endOffset > startOffset) {
        if (!isFrontDeleted) return { queueNo, startOffset, endOffset };
        queues.minOffset[queueNo] = endOffset;
      }
      assert(endOffset <= (queues.tailStart[queueNo] as number), 'pages end where the tail starts');
      this.#memory.restored(queueNo);
    }
    return undefined;
  }
}
