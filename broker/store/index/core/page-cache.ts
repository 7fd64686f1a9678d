import { ENTRY_BYTES } from './index-entry.ts';

/** What a cached page costs beside its entries: the typed array and its place in the map (estimated from V8's sizes). */
const OVERHEAD_BYTES = 320;

/** Pages read from disk, decoded, the least recently used thrown out first; bounded in bytes. */
export class PageCache {
  readonly #bytesMax: number;
  /** By location. A Map iterates in order of insertion, and a hit inserts anew, so the first key is the oldest. */
  readonly #pages = new Map<number, Uint32Array>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get usedBytes(): number {
    return this.#bytes;
  }

  get(location: number): Uint32Array | undefined {
    const page = this.#pages.get(location);
    if (page === undefined) return undefined;
    this.#pages.delete(location);
    this.#pages.set(location, page);
    return page;
  }

  set(location: number, page: Uint32Array): void {
    this.delete(location);
    this.#pages.set(location, page);
    this.#bytes += costOf(page);
    for (const oldest of this.#pages.keys()) {
      if (this.#bytes <= this.#bytesMax) break;
      this.delete(oldest);
    }
  }

  delete(location: number): void {
    const page = this.#pages.get(location);
    if (page === undefined) return;
    this.#pages.delete(location);
    this.#bytes -= costOf(page);
  }
}

function costOf(page: Uint32Array): number {
  return (page.length / 4) * ENTRY_BYTES + OVERHEAD_BYTES;
}
