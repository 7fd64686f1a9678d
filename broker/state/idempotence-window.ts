/** Slots that a fresh window starts with; it doubles up to its bound. */
const INITIAL_CAPACITY = 4_096;

/** Where the first message of an id is stored. */
export interface FirstSend {
  physical: number;
  bytes: number;
}

/**
 * The last sends by (topic, message id), so that a client's retry gets the first one's receipt instead of a second message.
 * A ring of the newest `capacityMax` sends and a hash table over it, both in typed arrays: 36 bytes per send and nothing for
 * the garbage collector. Keyed by a 64-bit hash: a hit must be confirmed on the stored message.
 */
export class IdempotenceWindow {
  readonly #capacityMax: number;
  readonly #windowMs: number;
  #capacity: number;
  #high: Uint32Array;
  #low: Uint32Array;
  #physical: Float64Array;
  #bytes: Uint32Array;
  #storedMs: Float64Array;
  /** Slot + 1 of the ring by hash, 0 = free; twice the ring, linear probing. */
  #table: Int32Array;
  /** Oldest slot, and how many are in use. */
  #first = 0;
  #count = 0;
  /** Sends that have left the ring at its old end; with it the place of a send can be told while others come and go. */
  #dropped = 0;
  /** Records below this log offset are already contained. */
  asOf = 0;

  constructor(capacityMax: number, windowMs: number) {
    this.#capacityMax = capacityMax;
    this.#windowMs = windowMs;
    this.#capacity = Math.min(INITIAL_CAPACITY, capacityMax);
    this.#high = new Uint32Array(this.#capacity);
    this.#low = new Uint32Array(this.#capacity);
    this.#physical = new Float64Array(this.#capacity);
    this.#bytes = new Uint32Array(this.#capacity);
    this.#storedMs = new Float64Array(this.#capacity);
    this.#table = new Int32Array(this.#capacity * 2);
  }

  get count(): number {
    return this.#count;
  }

  /** The first send with this hash that is still inside the window at `nowMs` (wall clock). */
  find(high: number, low: number, nowMs: number): FirstSend | undefined {
    const at = this.#probe(high, low);
    const slot = (this.#table[at] ?? 0) - 1;
    if (slot < 0 || (this.#storedMs[slot] ?? 0) + this.#windowMs < nowMs) return undefined;
    return { physical: this.#physical[slot] ?? 0, bytes: this.#bytes[slot] ?? 0 };
  }

  /** Remembers a send; an id that is still in the ring is moved to its newest place. */
  add(high: number, low: number, physical: number, bytes: number, storedMs: number): void {
    if (this.#count === this.#capacity) {
      if (this.#capacity < this.#capacityMax) this.#grow();
      else this.#dropOldest();
    }
    const slot = (this.#first + this.#count) % this.#capacity;
    this.#high[slot] = high;
    this.#low[slot] = low;
    this.#physical[slot] = physical;
    this.#bytes[slot] = bytes;
    this.#storedMs[slot] = storedMs;
    this.#count++;
    this.#table[this.#probe(high, low)] = slot + 1;
  }

  /** A copy for a snapshot, oldest first. Layout: count u32, then per send high u32, low u32, physical f64, bytes u32, stored f64. */
  capture(): Buffer {
    return this.#capture(0, this.#count);
  }

  /**
   * What is in the window now, in copies of about a millisecond and a megabyte each, to be restored in this order. Between
   * them sends may be added, which are not in it, and old ones may leave.
   */
  *captureChunks(): Generator<Buffer> {
    const end = this.#dropped + this.#count;
    let next = this.#dropped;
    do {
      const from = Math.max(next, this.#dropped);
      next = Math.min(end, from + ENTRIES_PER_CHUNK);
      if (next >= from) yield this.#capture(from - this.#dropped, next - from);
    } while (next < end);
  }

  #capture(from: number, count: number): Buffer {
    const buffer = Buffer.allocUnsafe(4 + count * ENTRY_BYTES);
    buffer.writeUInt32BE(count, 0);
    for (let i = 0; i < count; i++) {
      const slot = (this.#first + from + i) % this.#capacity;
      const at = 4 + i * ENTRY_BYTES;
      buffer.writeUInt32BE(this.#high[slot] ?? 0, at);
      buffer.writeUInt32BE(this.#low[slot] ?? 0, at + 4);
      buffer.writeDoubleBE(this.#physical[slot] ?? 0, at + 8);
      buffer.writeUInt32BE(this.#bytes[slot] ?? 0, at + 16);
      buffer.writeDoubleBE(this.#storedMs[slot] ?? 0, at + 20);
    }
    return buffer;
  }

  restore(buffer: Buffer, isWanted: (physical: number) => boolean = () => true): void {
    const count = buffer.readUInt32BE(0);
    for (let i = 0; i < count; i++) {
      const at = 4 + i * ENTRY_BYTES;
      if (!isWanted(buffer.readDoubleBE(at + 8))) continue;
      this.add(
        buffer.readUInt32BE(at),
        buffer.readUInt32BE(at + 4),
        buffer.readDoubleBE(at + 8),
        buffer.readUInt32BE(at + 16),
        buffer.readDoubleBE(at + 20),
      );
    }
  }

  /** Forgets the sends that are stored where `isLost` says so: their records cannot confirm a hit any more. */
  forget(isLost: (physical: number) => boolean): void {
    const kept = this.capture();
    this.#table.fill(0);
    this.#first = 0;
    this.#count = 0;
    this.restore(kept, (physical) => !isLost(physical));
  }

  /** Index in the table of this hash, or of the free place where it belongs. The table is never more than half full. */
  #probe(high: number, low: number): number {
    const mask = this.#table.length;
    let at = (low ^ Math.imul(high, 0x9e3779b1)) >>> 0;
    at %= mask;
    for (;;) {
      const slot = (this.#table[at] ?? 0) - 1;
      if (slot < 0 || (this.#low[slot] === low && this.#high[slot] === high)) return at;
      at = at + 1 === mask ? 0 : at + 1;
    }
  }

  #dropOldest(): void {
    const slot = this.#first;
    const at = this.#probe(this.#high[slot] ?? 0, this.#low[slot] ?? 0);
    // A newer send of the same id has taken the table's entry over: then only the ring slot is freed.
    if (this.#table[at] === slot + 1) this.#vacate(at);
    this.#first = (slot + 1) % this.#capacity;
    this.#count--;
    this.#dropped++;
  }

  /** Frees a table place and moves later members of its probe run back, so that no run is ever broken. */
  #vacate(free: number): void {
    const size = this.#table.length;
    this.#table[free] = 0;
    let at = free;
    for (;;) {
      at = at + 1 === size ? 0 : at + 1;
      const entry = this.#table[at] ?? 0;
      if (entry === 0) return;
      this.#table[at] = 0;
      const slot = entry - 1;
      this.#table[this.#probe(this.#high[slot] ?? 0, this.#low[slot] ?? 0)] = entry;
    }
  }

  #grow(): void {
    const kept = this.capture();
    this.#capacity = Math.min(this.#capacity * 2, this.#capacityMax);
    this.#high = new Uint32Array(this.#capacity);
    this.#low = new Uint32Array(this.#capacity);
    this.#physical = new Float64Array(this.#capacity);
    this.#bytes = new Uint32Array(this.#capacity);
    this.#storedMs = new Float64Array(this.#capacity);
    this.#table = new Int32Array(this.#capacity * 2);
    this.#first = 0;
    this.#count = 0;
    this.restore(kept);
  }
}

const ENTRY_BYTES = 28;
/** Sends in one piece of a snapshot. */
const ENTRIES_PER_CHUNK = 32_768;
