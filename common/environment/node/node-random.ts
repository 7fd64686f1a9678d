import { randomBytes } from 'node:crypto';
import type { Random } from '../random.ts';

/** Bytes taken from the system at a time, so that `uint32` is not a system call each. */
const POOL_BYTES = 1024;

/** Cryptographic randomness: handles and keys derived from it cannot be guessed. */
export class NodeRandom implements Random {
  #pool = Buffer.alloc(0);
  #used = 0;

  bytes(length: number): Buffer {
    return randomBytes(length);
  }

  uint32(): number {
    if (this.#used + 4 > this.#pool.length) {
      this.#pool = randomBytes(POOL_BYTES);
      this.#used = 0;
    }
    const value = this.#pool.readUInt32BE(this.#used);
    this.#used += 4;
    return value;
  }
}
