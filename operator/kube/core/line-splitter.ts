const NEW_LINE = 0x0a;

/** Cuts a stream of bytes into lines. A line may not be longer than `lineBytesMax`: that is the bound of what it keeps. */
export class LineSplitter {
  readonly #lineBytesMax: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** Lines that end in `chunk`, without their ends and without empty ones. Undefined: a line is too long. */
  push(chunk: Uint8Array): string[] | undefined {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEW_LINE); end >= 0; end = chunk.indexOf(NEW_LINE, start)) {
      if (!this.#keep(chunk.subarray(start, end))) return undefined;
      if (this.#bytes > 0) lines.push(Buffer.concat(this.#parts).toString('utf8'));
      this.#parts = [];
      this.#bytes = 0;
      start = end + 1;
    }
    return this.#keep(chunk.subarray(start)) ? lines : undefined;
  }

  #keep(part: Uint8Array): boolean {
    if (part.length === 0) return true;
    this.#bytes += part.length;
    this.#parts.push(part);
    return this.#bytes <= this.#lineBytesMax;
  }
}
