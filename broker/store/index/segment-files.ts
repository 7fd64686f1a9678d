import { assert } from '../../../common/assert.ts';
import type { Disk, DiskFile } from '../../../common/environment/disk.ts';
import { segmentName } from './core/index-segment.ts';

/** Files held open at once: 64 segments of 64 MiB hold 268 million entries. */
const OPEN_FILES_MAX = 64;

interface OpenFile {
  file: Promise<DiskFile>;
  users: number;
  isDoomed: boolean;
}

/** The open files of the index, opened when needed and closed, the longest unused first, when there are too many. */
export class SegmentFiles {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #open = new Map<number, OpenFile>();

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  path(number: number): string {
    return `${this.#directory}/${segmentName(number)}`;
  }

  /** Runs `work` on the file and keeps it open meanwhile. */
  async use<T>(
    number: number,
    work: (file: DiskFile) => Promise<T>,
    options = { create: false },
  ): Promise<T> {
    const entry = this.#open.get(number) ?? this.#add(number, options);
    this.#open.delete(number);
    this.#open.set(number, entry);
    entry.users++;
    try {
      return await work(await entry.file);
    } finally {
      entry.users--;
      if (entry.isDoomed && entry.users === 0) await closeFile(entry);
      await this.#evict();
    }
  }

  /** Removes the file. Whoever is reading it may finish. */
  async remove(number: number): Promise<void> {
    await this.#disk.remove(this.path(number));
    await this.#forget(number);
  }

  async close(): Promise<void> {
    for (const number of [...this.#open.keys()]) await this.#forget(number);
  }

  #add(number: number, options: { create: boolean }): OpenFile {
    const file = this.#disk.open(this.path(number), options);
    const entry = { file, users: 0, isDoomed: false };
    // A file that did not open must not be remembered; the error itself reaches whoever awaits `file`.
    file.catch(() => {
      if (this.#open.get(number) === entry) this.#open.delete(number);
    });
    return entry;
  }

  async #forget(number: number): Promise<void> {
    const entry = this.#open.get(number);
    if (entry === undefined) return;
    this.#open.delete(number);
    entry.isDoomed = true;
    if (entry.users === 0) await closeFile(entry);
  }

  async #evict(): Promise<void> {
    while (this.#open.size > OPEN_FILES_MAX) {
      const unused = [...this.#open].find(([, entry]) => entry.users === 0);
      if (unused === undefined) return;
      await this.#forget(unused[0]);
    }
  }
}

async function closeFile(entry: OpenFile): Promise<void> {
  assert(entry.users === 0, 'a file in use is not closed');
  const file = await entry.file;
  await file.close();
}
