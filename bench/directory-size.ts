import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes that the files of a directory and its sub-directories take on disk. */
export function directoryBytes(directory: string): number {
  let bytes = 0;
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const stat = statSync(join(directory, name), { throwIfNoEntry: false }); // it may just have been removed
    if (stat?.isFile() === true) bytes += stat.blocks * BLOCK_BYTES;
  }
  return bytes;
}

/** Unit of `stat.blocks`, whatever the file system uses. */
const BLOCK_BYTES = 512;
