/** Taken once: in jest's sandbox each look at a global is slow, and this runs for every character. */
const { imul } = Math;

/** Digest of everything that happened in a run, in order; two runs of one seed must end with the same one. */
export class TraceHash {
  #high = 0x6a09e667;
  #low = 0xbb67ae85;
  readonly #number = new DataView(new ArrayBuffer(8));
  /** Digests of texts that have come before: mostly the same few come. */
  readonly #texts = new Map<string, number>();

  addNumber(value: number): void {
    this.#number.setFloat64(0, value);
    this.#mix(this.#number.getInt32(0));
    this.#mix(this.#number.getInt32(4));
  }

  addText(text: string): void {
    let digest = this.#texts.get(text);
    if (digest === undefined) this.#texts.set(text, (digest = digestOf(text)));
    this.#mix(digest);
  }

  toString(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }

  #mix(word: number): void {
    this.#low = imul(this.#low ^ word, 0x01000193) ^ (this.#high >>> 7);
    this.#high = (imul(this.#high ^ this.#low, 0x85ebca6b) + 0x9e3779b9) | 0;
  }
}

function digestOf(text: string): number {
  let digest = text.length;
  for (let i = 0; i < text.length; i++) {
    digest = imul(digest ^ text.charCodeAt(i), 0x01000193);
    digest ^= digest >>> 15;
  }
  return digest;
}
