import type { Random } from '../../common/environment/random.ts';

/**
 * Reproducible randomness (sfc32). A fork by label is a stream of its own: drawing more from one stream never changes
 * what another one yields, so adding a fault to the disk does not move the faults of the network.
 */
export class SeededRandom implements Random {
  readonly #origin: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number | string) {
    this.#origin = String(seed);
    this.#a = hashText(this.#origin, 0x9e3779b9);
    this.#b = hashText(this.#origin, 0x243f6a88);
    this.#c = hashText(this.#origin, 0xb7e15162);
    for (let i = 0; i < 15; i++) this.uint32();
  }

  fork(label: string): SeededRandom {
    return new SeededRandom(`${this.#origin}/${label}`);
  }

  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  bytes(length: number): Buffer {
    const buffer = Buffer.alloc(length);
    for (let i = 0; i < length; i++) buffer[i] = this.uint32() & 0xff;
    return buffer;
  }

  /** Uniform in [0, 1). */
  float(): number {
    return this.uint32() / 2 ** 32;
  }

  /** Uniform number in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.float();
  }

  /** Uniform integer in [0, count). */
  below(count: number): number {
    return Math.floor(this.float() * count);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.float() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError('nothing to pick from');
    return choice;
  }

  /** Mostly near `mean`, now and then many times as much: what delays look like. */
  exponential(mean: number): number {
    return -Math.log(1 - this.float()) * mean;
  }
}

function hashText(text: string, start: number): number {
  let hash = start;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return hash ^ (hash >>> 13);
}
