import * as fs from 'node:fs';
import { assert } from '../../assert.ts';
import type { DiskFile } from '../disk.ts';
import { diskError } from '../disk-error.ts';

/** Buffers per system call: the kernel's IOV_MAX on Linux and macOS. */
const GATHER_COUNT_MAX = 1024;

type Callback<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

/**
 * A file by its descriptor. `close` waits for the operations that are still under way: the number of a descriptor closed
 * too early is given to the next file opened, and a late write would land in that one.
 */
export class NodeDiskFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;
  #inFlight = 0;
  #closing: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  private constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  static async open(path: string, create: boolean): Promise<NodeDiskFile> {
    const { O_RDWR, O_CREAT } = fs.constants;
    const flags = create ? O_RDWR | O_CREAT : O_RDWR;
    const descriptor = await called<number>((done) => fs.open(path, flags, 0o640, done));
    return new NodeDiskFile(path, descriptor);
  }

  size(): Promise<number> {
    return this.#tracked('size', async () => {
      const stats = await called<fs.Stats>((done) => fs.fstat(this.#descriptor, done));
      return stats.size;
    });
  }

  read(position: number, length: number): Promise<Buffer> {
    return this.#tracked('read', async () => {
      const buffer = Buffer.allocUnsafe(length);
      let filled = 0;
      while (filled < length) {
        const count = await called<number>((done) =>
          fs.read(this.#descriptor, buffer, filled, length - filled, position + filled, done),
        );
        if (count === 0) break;
        filled += count;
      }
      return buffer.subarray(0, filled);
    });
  }

  write(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    return this.#tracked('write', async () => {
      const gather = new Gather(buffers);
      let at = position;
      for (let next = gather.next(); next.length > 0; next = gather.next()) {
        const batch = next;
        const count = await called<number>((done) => fs.writev(this.#descriptor, batch, at, done));
        // The kernel never answers 0 to a non-empty write on a regular file; looping on it would never end.
        if (count === 0) throw diskError('EIO', 'write', this.path, 'wrote no bytes');
        gather.advance(count);
        at += count;
      }
    });
  }

  sync(): Promise<void> {
    return this.#tracked('fdatasync', () =>
      called<void>((done) => fs.fdatasync(this.#descriptor, (error) => done(error, undefined))),
    );
  }

  truncate(length: number): Promise<void> {
    return this.#tracked('ftruncate', () =>
      called<void>((done) =>
        fs.ftruncate(this.#descriptor, length, (error) => done(error, undefined)),
      ),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeWhenIdle();
    return this.#closing;
  }

  async #closeWhenIdle(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    await called<void>((done) => fs.close(this.#descriptor, (error) => done(error, undefined)));
  }

  async #tracked<T>(operation: string, run: () => Promise<T>): Promise<T> {
    if (this.#closing) throw diskError('EBADF', operation, this.path, 'file is closed');
    this.#inFlight++;
    try {
      return await run();
    } finally {
      this.#inFlight--;
      if (this.#inFlight === 0) this.#whenIdle?.();
    }
  }
}

/** What is left to write of a list of buffers, taken in batches that the kernel accepts. */
class Gather {
  readonly #buffers: Uint8Array[];
  #first = 0;

  constructor(buffers: readonly Uint8Array[]) {
    this.#buffers = buffers.filter((buffer) => buffer.length > 0);
  }

  next(): Uint8Array[] {
    return this.#buffers.slice(this.#first, this.#first + GATHER_COUNT_MAX);
  }

  advance(bytes: number): void {
    let left = bytes;
    while (left > 0) {
      const buffer = this.#buffers[this.#first];
      assert(buffer !== undefined, 'the kernel writes no more than it was given');
      if (left < buffer.length) {
        this.#buffers[this.#first] = buffer.subarray(left);
        return;
      }
      left -= buffer.length;
      this.#first++;
    }
  }
}

function called<T>(start: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error ? reject(error) : resolve(value)));
  });
}
