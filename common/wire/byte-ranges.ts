import { WireError } from './wire-error.ts';

/** A message whose kept bytes lie in more pieces than this was made to hurt. */
const RANGES_MAX = 256;

/** Pieces of one buffer in ascending order, `starts[i]` to `ends[i]`, neighbours joined. */
export class ByteRanges {
  #starts: number[] = [];
  #ends: number[] = [];
  #bytes = 0;

  /** Length of all pieces together. */
  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#starts.length;
  }

  start(index: number): number {
    return this.#starts[index] as number;
  }

  end(index: number): number {
    return this.#ends[index] as number;
  }

  add(start: number, end: number): void {
    this.#bytes += end - start;
    const last = this.#ends.length - 1;
    if (last >= 0 && this.#ends[last] === start) {
      this.#ends[last] = end;
      return;
    }
    if (last + 1 === RANGES_MAX) throw new WireError('message in too many pieces', start);
    this.#starts.push(start);
    this.#ends.push(end);
  }

  /** Copies all pieces of `source` one after the other; returns the next position in `target`. */
  copy(source: Buffer, target: Buffer, at: number): number {
    let position = at;
    for (let index = 0; index < this.#starts.length; index += 1) {
      position += source.copy(target, position, this.#starts[index], this.#ends[index]);
    }
    return position;
  }
}
