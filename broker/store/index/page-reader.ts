import { PageCache } from './core/page-cache.ts';
import { decodePageEntries, decodePageHeader, pageBytes } from './core/index-page.ts';
import { indexDamage, isDamage, type IndexDamage } from './index-damage.ts';
import { positionOf, segmentOf } from './core/index-segment.ts';
import type { SegmentFiles } from './segment-files.ts';

/** Which page the caller believes to be at a location. */
export interface PageRef {
  queueNo: number;
  generation: number;
  firstOffset: number;
  count: number;
  location: number;
}

/** Reads pages through a bounded cache. A page is believed only if its checksum and its identity are right. */
export class PageReader {
  readonly #files: SegmentFiles;
  readonly #cache: PageCache;
  /** Reads under way, so that several readers of one page share one; bounded by the number of readers. */
  readonly #pending = new Map<number, Promise<Uint32Array | IndexDamage>>();

  constructor(files: SegmentFiles, cacheBytes: number) {
    this.#files = files;
    this.#cache = new PageCache(cacheBytes);
  }

  get cachedBytes(): number {
    return this.#cache.usedBytes;
  }

  cached(location: number): Uint32Array | undefined {
    return this.#cache.get(location);
  }

  /** The page's entries, kept in the cache for the next reader. */
  async read(ref: PageRef): Promise<Uint32Array | IndexDamage> {
    const cached = this.#cache.get(ref.location);
    if (cached !== undefined) return cached;
    let pending = this.#pending.get(ref.location);
    if (pending === undefined) {
      pending = this.#load(ref).finally(() => this.#pending.delete(ref.location));
      this.#pending.set(ref.location, pending);
    }
    const page = await pending;
    if (!isDamage(page)) this.#cache.set(ref.location, page);
    return page;
  }

  /** As `read`, without putting the page into the cache: for work that touches every page once. */
  readOnce(ref: PageRef): Promise<Uint32Array | IndexDamage> {
    const cached = this.#cache.get(ref.location);
    return cached === undefined ? this.#load(ref) : Promise.resolve(cached);
  }

  async #load(ref: PageRef): Promise<Uint32Array | IndexDamage> {
    const number = segmentOf(ref.location);
    const length = pageBytes(ref.count);
    const bytes = await this.#files.use(number, (file) =>
      file.read(positionOf(ref.location), length),
    );
    const header = decodePageHeader(bytes, 0);
    const isTheOne =
      header !== undefined &&
      header.queueNo === ref.queueNo &&
      header.generation === ref.generation &&
      header.firstOffset === ref.firstOffset &&
      header.count === ref.count;
    if (isTheOne) return decodePageEntries(bytes, 0, ref.count);
    const endOffset = ref.firstOffset + ref.count;
    const range = { queueNo: ref.queueNo, startOffset: ref.firstOffset, endOffset };
    const reason = `page at ${positionOf(ref.location)} is damaged`;
    return indexDamage(reason, this.#files.path(number), range);
  }
}
