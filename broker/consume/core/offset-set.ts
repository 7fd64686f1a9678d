const WORD_BITS = 32;
const INITIAL_WORDS = 4;
const ALL_BITS = 0xffffffff;

/** Ones in a 32-bit word: sums over pairs, nibbles and bytes at once. */
function bitCount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/**
 * A set of offsets at or above a floor that only rises: one bit per offset between the floor and the largest member.
 * Holds what a consumer group has finished out of order, so its size follows the spread, not the count.
 */
export class OffsetSet {
  /** Offset of bit 0 of `#words`; a multiple of 32. */
  #base: number;
  #words = new Uint32Array(INITIAL_WORDS);
  /** One past the largest member ever added. */
  #end: number;
  #floor: number;

  constructor(floor: number) {
    this.#base = floor - (floor % WORD_BITS);
    this.#end = floor;
    this.#floor = floor;
  }

  /** One past the largest member; the floor when empty. */
  get end(): number {
    return this.#end;
  }

  has(offset: number): boolean {
    const bit = offset - this.#base;
    if (bit < 0 || offset >= this.#end) return false;
    return ((this.#words[Math.floor(bit / WORD_BITS)] ?? 0) & (1 << (bit % WORD_BITS))) !== 0;
  }

  /** `offset` must not be below the floor. */
  add(offset: number): void {
    const bit = offset - this.#base;
    const word = Math.floor(bit / WORD_BITS);
    if (word >= this.#words.length) this.#grow(word + 1);
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (bit % WORD_BITS));
    if (offset >= this.#end) this.#end = offset + 1;
  }

  /** Adds [from, to); whole words at a time, since a range may have millions. */
  addRange(from: number, to: number): void {
    const aligned = (offset: number): boolean => (offset - this.#base) % WORD_BITS === 0;
    let offset = from;
    for (; offset < to && !aligned(offset); offset++) this.add(offset);
    const words = Math.floor((to - offset) / WORD_BITS);
    if (words > 0) {
      const first = (offset - this.#base) / WORD_BITS;
      if (first + words > this.#words.length) this.#grow(first + words);
      this.#words.fill(ALL_BITS, first, first + words);
      offset += words * WORD_BITS;
      this.#end = Math.max(this.#end, offset);
    }
    for (; offset < to; offset++) this.add(offset);
  }

  /** The first offset at or after `from` that is not a member. */
  firstMissing(from: number): number {
    let offset = from;
    while (offset < this.#end) {
      const bit = offset - this.#base;
      const inWord = bit % WORD_BITS;
      const word = (this.#words[Math.floor(bit / WORD_BITS)] ?? 0) >>> inWord;
      const missing = ~word >>> 0;
      const run = missing === 0 ? WORD_BITS : Math.clz32(missing & -missing) ^ (WORD_BITS - 1);
      if (run < WORD_BITS - inWord) return offset + run;
      offset += WORD_BITS - inWord;
    }
    return Math.max(from, this.#end);
  }

  /** Raises the floor: everything below is forgotten and its memory given back in steps. */
  dropBelow(floor: number): void {
    this.#floor = floor;
    const words = Math.floor((floor - this.#base) / WORD_BITS);
    if (words <= this.#words.length / 2) return;
    const kept = this.#words.subarray(Math.min(words, this.#words.length));
    const next = new Uint32Array(Math.max(kept.length, INITIAL_WORDS));
    next.set(kept);
    this.#words = next;
    this.#base += words * WORD_BITS;
    if (this.#end < this.#base) this.#end = this.#base;
  }

  /** Members at or above the floor; counted each time, since only people ask. */
  get count(): number {
    const floorBit = this.#floor - this.#base;
    let count = 0;
    for (let word = Math.floor(floorBit / WORD_BITS); word < this.#words.length; word++) {
      const below = Math.max(0, floorBit - word * WORD_BITS);
      count += bitCount((this.#words[word] ?? 0) >>> below);
    }
    return count;
  }

  /** The raw bits, for a snapshot; `restore` reads them back. */
  capture(): { base: number; end: number; words: Uint32Array } {
    const used = Math.min(this.#words.length, Math.ceil((this.#end - this.#base) / WORD_BITS));
    return { base: this.#base, end: this.#end, words: this.#words.slice(0, Math.max(used, 0)) };
  }

  static restore(captured: { base: number; end: number; words: Uint32Array }): OffsetSet {
    const set = new OffsetSet(captured.base);
    set.#words = new Uint32Array(Math.max(captured.words.length, INITIAL_WORDS));
    set.#words.set(captured.words);
    set.#end = captured.end;
    return set;
  }

  #grow(words: number): void {
    const next = new Uint32Array(Math.max(words, this.#words.length * 2));
    next.set(this.#words);
    this.#words = next;
  }
}
