import { assert } from '../../../../common/assert.ts';
import { ENTRY_BYTES, ENTRY_WORDS } from './index-entry.ts';

/** Entries per chunk: the unit in which a queue takes memory for its tail. A power of two. */
export const CHUNK_ENTRIES = 16;
export const CHUNK_BYTES = CHUNK_ENTRIES * ENTRY_BYTES;
export const NO_CHUNK = -1;

const CHUNK_WORDS = CHUNK_ENTRIES * ENTRY_WORDS;
/** Chunks per block, the unit in which the slab grows: 4096 chunks are 1 MiB. */
const BLOCK_CHUNKS = 4096;
const BLOCK_SHIFT = 12;
const BLOCK_MASK = BLOCK_CHUNKS - 1;

/**
 * Memory for the tails of all queues: equal chunks, linked into a list per queue, handed out and taken back in O(1).
 * It grows by blocks and keeps them: what it once needed it may need again. Bounds are the caller's business.
 */
export class EntrySlab {
  readonly #blocks: Uint32Array[] = [];
  /** Per block: for a chunk in use the next one of its list, for a free one the next free one. */
  readonly #links: Int32Array[] = [];
  #firstFree = NO_CHUNK;
  #usedChunks = 0;

  get usedBytes(): number {
    return this.#usedChunks * CHUNK_BYTES;
  }

  get allocatedBytes(): number {
    return this.#blocks.length * BLOCK_CHUNKS * (CHUNK_BYTES + 4);
  }

  allocate(): number {
    if (this.#firstFree === NO_CHUNK) this.#grow();
    const chunk = this.#firstFree;
    this.#firstFree = this.next(chunk);
    this.link(chunk, NO_CHUNK);
    this.#usedChunks++;
    return chunk;
  }

  /** Gives back one chunk and returns the one that followed it. */
  release(chunk: number): number {
    const next = this.next(chunk);
    this.link(chunk, this.#firstFree);
    this.#firstFree = chunk;
    this.#usedChunks--;
    assert(this.#usedChunks >= 0, 'a chunk is released once');
    return next;
  }

  next(chunk: number): number {
    return (this.#links[chunk >> BLOCK_SHIFT] as Int32Array)[chunk & BLOCK_MASK] as number;
  }

  link(chunk: number, next: number): void {
    (this.#links[chunk >> BLOCK_SHIFT] as Int32Array)[chunk & BLOCK_MASK] = next;
  }

  /** The words that hold the chunk; its first entry is at `wordIndex(chunk, 0)`. */
  words(chunk: number): Uint32Array {
    return this.#blocks[chunk >> BLOCK_SHIFT] as Uint32Array;
  }

  wordIndex(chunk: number, slot: number): number {
    return (chunk & BLOCK_MASK) * CHUNK_WORDS + slot * ENTRY_WORDS;
  }

  #grow(): void {
    const first = this.#blocks.length * BLOCK_CHUNKS;
    const links = new Int32Array(BLOCK_CHUNKS);
    for (let i = 0; i < BLOCK_CHUNKS - 1; i++) links[i] = first + i + 1;
    links[BLOCK_CHUNKS - 1] = NO_CHUNK;
    this.#blocks.push(new Uint32Array(BLOCK_CHUNKS * CHUNK_WORDS));
    this.#links.push(links);
    this.#firstFree = first;
  }
}
