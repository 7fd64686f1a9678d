import { assert } from '../../../common/assert.ts';
import { CHUNK_ENTRIES } from './core/entry-slab.ts';

export interface QueueIndexOptions {
  /** Where the segments live; nothing else is kept there. */
  directory: string;
  /** Memory for tails above which the longest tails are written early, as short pages. */
  indexBufferBytes: number;
  /** Memory for tails at which `isSaturated()` turns true: the disk does not keep up and the log must refuse writes. */
  indexBufferBytesMax: number;
  /** Memory for pages read back from disk. */
  pageCacheBytes: number;
  /** Entries per page; a multiple of 16. */
  pageEntries: number;
  /** Size at which a segment is sealed. */
  segmentBytes: number;
  /** How long full pages may gather before they are written, for fewer and larger writes. */
  writeDelayMs: number;
  /** Pause after a failed write. */
  writeRetryMs: number;
  /** Size at which a chunk of a snapshot is closed. Making one of 128 KiB takes well below a millisecond. */
  captureChunkBytes: number;
}

const MIB = 2 ** 20;

export function queueIndexOptions(
  given: Partial<QueueIndexOptions> & { directory: string },
): QueueIndexOptions {
  const indexBufferBytes = given.indexBufferBytes ?? 64 * MIB;
  const options = {
    indexBufferBytes,
    indexBufferBytesMax: indexBufferBytes * 2,
    pageCacheBytes: 16 * MIB,
    pageEntries: 256,
    segmentBytes: 64 * MIB,
    writeDelayMs: 100,
    writeRetryMs: 1000,
    captureChunkBytes: 128 * 1024,
    ...given,
  };
  assert(options.indexBufferBytesMax > indexBufferBytes, 'the hard bound is above the soft one');
  assert(options.pageEntries % CHUNK_ENTRIES === 0, 'a page holds whole chunks');
  assert(
    options.pageEntries > 0 && options.pageEntries <= PAGE_ENTRIES_MAX,
    'a page has 16 to 2048 entries',
  );
  assert(options.captureChunkBytes >= 64, 'a chunk takes at least one queue');
  assert(options.segmentBytes <= 2 ** 31, 'a position in a segment fits 32 bits');
  return options;
}

/** So that several pages fit into one batch of writes (256 KiB). */
const PAGE_ENTRIES_MAX = 2048;
