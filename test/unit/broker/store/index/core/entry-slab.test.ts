import { describe, expect, it } from '@jest/globals';
import {
  CHUNK_BYTES,
  EntrySlab,
  NO_CHUNK,
} from '../../../../../../broker/store/index/core/entry-slab.ts';

describe('EntrySlab', () => {
  it('hands out chunks that do not overlap, over many blocks', () => {
    const slab = new EntrySlab();
    const chunks = Array.from({ length: 10_000 }, () => slab.allocate());
    chunks.forEach((chunk, i) =>
      slab.words(chunk).fill(i, slab.wordIndex(chunk, 0), slab.wordIndex(chunk, 16)),
    );
    const isKept = chunks.every((chunk, i) => {
      const words = slab.words(chunk);
      return words[slab.wordIndex(chunk, 0)] === i && words[slab.wordIndex(chunk, 15) + 3] === i;
    });
    expect(isKept).toBe(true);
    expect(slab.usedBytes).toBe(10_000 * CHUNK_BYTES);
  });

  it('uses released chunks again before it grows', () => {
    const slab = new EntrySlab();
    const chunks = Array.from({ length: 4096 }, () => slab.allocate());
    const allocated = slab.allocatedBytes;
    for (const chunk of chunks) slab.release(chunk);
    expect(slab.usedBytes).toBe(0);
    for (let i = 0; i < 4096; i++) expect(slab.next(slab.allocate())).toBe(NO_CHUNK);
    expect(slab.allocatedBytes).toBe(allocated);
    slab.allocate();
    expect(slab.allocatedBytes).toBeGreaterThan(allocated);
  });
});
