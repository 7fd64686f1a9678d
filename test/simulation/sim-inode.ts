import type { SeededRandom } from './seeded-random.ts';

/** What a disk writes whole or not at all. Everything larger can be torn. */
export const SECTOR_BYTES = 512;

/** What the kernel caches, and drops, whole. */
const PAGE_SECTORS = 8;

/** Writes to one sector that are not known to be durable, as a range of the inode's sequence numbers. */
interface DirtySector {
  first: number;
  last: number;
}

/** A moment in the life of a file, at which a sync began. */
export interface SyncMark {
  readonly sequence: number;
  readonly length: number;
}

/** How much of what was not synced outlives a crash. */
export interface CrashLoss {
  /** Probability that a sector, a file length or a name that was not synced is lost. */
  lossProbability: number;
  /** Instead of zeros, sectors that were never written show what lay on the disk before. */
  exposesGarbage: boolean;
}

/**
 * A file as the kernel keeps it: content in the page cache, content on the platter, and which sectors differ.
 *
 *   write → cache, sector dirty;  sync → platter, sector clean
 *   failed sync → sector clean although never written: the cache may go on showing bytes that are nowhere else
 *
 * A sector that is overwritten while dirty may have reached the platter in between, as background write-back does.
 * Bytes at or beyond the length are zero in both contents.
 */
export class SimInode {
  /** Names in directories, and open handles, that keep the space in use. */
  links = 0;
  handles = 0;
  #cached = Buffer.alloc(0);
  #cachedLength = 0;
  #durable = Buffer.alloc(0);
  #durableLength = 0;
  #dirty = new Map<number, DirtySector>();
  /** Clean in the cache, never written to the platter. */
  #phantom = new Set<number>();
  /** Lengths that the file had since its length was last durable; what a crash may leave lies between them. */
  #lengthLow = 0;
  #lengthHigh = 0;
  #lengthChangedAt = 0;
  #newestSync: SyncMark = { sequence: 0, length: 0 };
  #sequence = 1;

  get length(): number {
    return this.#cachedLength;
  }

  /** Moment to hand to `sync`: everything written so far. */
  mark(): SyncMark {
    return { sequence: this.#sequence, length: this.#cachedLength };
  }

  get dirtySectorCount(): number {
    return this.#dirty.size;
  }

  clone(): SimInode {
    const copy = new SimInode();
    copy.links = this.links;
    copy.#cached = Buffer.from(this.#cached);
    copy.#cachedLength = this.#cachedLength;
    copy.#durable = Buffer.from(this.#durable);
    copy.#durableLength = this.#durableLength;
    for (const [sector, range] of this.#dirty) copy.#dirty.set(sector, { ...range });
    copy.#phantom = new Set(this.#phantom);
    copy.#lengthLow = this.#lengthLow;
    copy.#lengthHigh = this.#lengthHigh;
    copy.#lengthChangedAt = this.#lengthChangedAt;
    copy.#newestSync = this.#newestSync;
    copy.#sequence = this.#sequence;
    return copy;
  }

  /** A copy of up to `length` bytes. Sectors that are nowhere but in the cache may be evicted by it, with `random`. */
  read(position: number, length: number, random?: SeededRandom): Buffer {
    const end = Math.min(position + length, this.#cachedLength);
    if (end <= position) return Buffer.alloc(0);
    if (random && this.#phantom.size > 0) this.#evictPhantoms(position, end, random);
    return Buffer.from(this.#cached.subarray(position, end));
  }

  write(position: number, bytes: Uint8Array, random: SeededRandom): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    this.#sequence++;
    this.#touch(position, end, random);
    this.#reserve(end);
    this.#cached.set(bytes, position);
    if (end > this.#cachedLength) this.#setLength(end);
  }

  truncate(length: number, random: SeededRandom): void {
    if (length === this.#cachedLength) return;
    this.#sequence++;
    this.#reserve(length);
    if (length < this.#cachedLength) {
      this.#touch(length, this.#cachedLength, random);
      this.#cached.fill(0, length, this.#cachedLength);
    }
    this.#setLength(length);
  }

  /** Makes durable what was written up to the mark. Later writes to the same sectors are carried along. */
  sync({ sequence, length }: SyncMark): void {
    for (const [sector, range] of this.#dirty) {
      if (range.first > sequence) continue;
      this.#persist(sector);
      if (range.last <= sequence) this.#dirty.delete(sector);
      else range.first = sequence + 1;
    }
    // A sync that began earlier may end later: it takes nothing back of what the other one has made durable.
    if (sequence >= this.#newestSync.sequence) this.#newestSync = { sequence, length };
    const lengthHigh = this.#lengthHigh;
    this.#persistLength();
    if (this.#lengthChangedAt <= this.#newestSync.sequence) return;
    this.#lengthLow = Math.min(this.#newestSync.length, this.#cachedLength);
    this.#lengthHigh = lengthHigh;
  }

  /**
   * A failed fdatasync: some sectors have reached the platter, and all are clean from now on, so that the next sync
   * succeeds without them. Of each page that was not written the cache keeps the new content or falls back to the old.
   */
  failSync(random: SeededRandom): void {
    for (const sector of this.#dirty.keys()) {
      if (random.chance(0.5)) this.#persist(sector);
      else this.#phantom.add(sector);
    }
    this.#dirty.clear();
    if (random.chance(0.5)) this.#persistLength();
    if (random.chance(0.5)) this.#evictPhantoms(0, this.#cachedLength, random);
  }

  /** Power is lost: what was not synced may be lost sector by sector, and what remains is all there is. */
  crash(loss: CrashLoss, random: SeededRandom): void {
    const oldLength = this.#durableLength;
    for (const sector of this.#dirty.keys()) {
      if (!random.chance(loss.lossProbability)) this.#persist(sector);
      else if (loss.exposesGarbage && sector * SECTOR_BYTES >= oldLength) {
        this.#reserve((sector + 1) * SECTOR_BYTES);
        this.#durable.set(random.bytes(SECTOR_BYTES), sector * SECTOR_BYTES);
      }
    }
    this.#setDurableLength(this.#lengthAfterCrash(loss, random));
    this.#durable.fill(0, this.#durableLength);
    this.#cached = Buffer.from(this.#durable);
    this.#cachedLength = this.#durableLength;
    this.#dirty.clear();
    this.#phantom.clear();
    this.#persistLength();
    this.handles = 0;
  }

  /** Damages one byte at rest, in the cache and on the platter. */
  corrupt(position: number, mask: number): void {
    if (position >= this.#cachedLength) throw new RangeError(`no byte at ${position}`);
    this.#cached[position]! ^= mask;
    if (position < this.#durableLength) this.#durable[position]! ^= mask;
  }

  #lengthAfterCrash(loss: CrashLoss, random: SeededRandom): number {
    const low = Math.min(this.#lengthLow, this.#durableLength);
    const high = Math.max(this.#lengthHigh, this.#durableLength);
    if (low === high) return low;
    if (!random.chance(loss.lossProbability)) return this.#cachedLength;
    return random.chance(0.5) ? this.#durableLength : low + random.below(high - low + 1);
  }

  #touch(position: number, end: number, random: SeededRandom): void {
    const first = Math.floor(position / SECTOR_BYTES);
    for (let sector = first; sector * SECTOR_BYTES < end; sector++) {
      this.#phantom.delete(sector);
      const range = this.#dirty.get(sector);
      if (range === undefined) {
        this.#dirty.set(sector, { first: this.#sequence, last: this.#sequence });
        continue;
      }
      if (random.chance(0.5)) this.#persist(sector);
      range.last = this.#sequence;
    }
  }

  #setLength(length: number): void {
    this.#cachedLength = length;
    this.#lengthLow = Math.min(this.#lengthLow, length);
    this.#lengthHigh = Math.max(this.#lengthHigh, length);
    this.#lengthChangedAt = this.#sequence;
  }

  #persistLength(): void {
    this.#setDurableLength(this.#cachedLength);
    this.#lengthLow = this.#lengthHigh = this.#cachedLength;
  }

  /** A shorter length cuts off what lay behind it, so that a later extension shows zeros. */
  #setDurableLength(length: number): void {
    if (length < this.#durableLength) this.#durable.fill(0, length, this.#durableLength);
    this.#durableLength = length;
  }

  #persist(sector: number): void {
    const start = sector * SECTOR_BYTES;
    this.#reserve(start + SECTOR_BYTES);
    this.#cached.copy(this.#durable, start, start, start + SECTOR_BYTES);
  }

  #evictPhantoms(position: number, end: number, random: SeededRandom): void {
    const kept = new Map<number, boolean>();
    for (const sector of this.#phantom) {
      if (sector * SECTOR_BYTES >= end || (sector + 1) * SECTOR_BYTES <= position) continue;
      const page = Math.floor(sector / PAGE_SECTORS);
      const isKept = kept.get(page) ?? random.chance(0.5);
      kept.set(page, isKept);
      if (isKept) continue;
      const start = sector * SECTOR_BYTES;
      this.#durable.copy(this.#cached, start, start, start + SECTOR_BYTES);
      this.#phantom.delete(sector);
    }
  }

  /** Both contents have room, in whole sectors, for `bytes`. */
  #reserve(bytes: number): void {
    if (bytes <= this.#cached.length && bytes <= this.#durable.length) return;
    const capacity = Math.max(
      Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES,
      2 * this.#cached.length,
    );
    this.#cached = grown(this.#cached, capacity);
    this.#durable = grown(this.#durable, capacity);
  }
}

function grown(content: Buffer, capacity: number): Buffer<ArrayBuffer> {
  const larger = Buffer.alloc(capacity);
  content.copy(larger);
  return larger;
}
