/**
 * The disk port. Every method rejects with an `Error` that has a `code` (`ENOENT`, `ENOSPC`, `EIO`, …), as node:fs does.
 * Paths are absolute or relative to the process; `/` separates.
 */
export interface Disk {
  /** Opens for reading and writing. With `create` the file is made when missing; without it a missing file is ENOENT. */
  open(path: string, options: { create: boolean }): Promise<DiskFile>;
  /** The whole file. Only for small files; the log is read in ranges. */
  readFile(path: string): Promise<Buffer>;
  /** Names (not paths) in a directory, sorted; empty when it does not exist. */
  list(directory: string): Promise<string[]>;
  /** Makes the directory and its parents, durable when it resolves; no error when it exists. */
  makeDirectory(directory: string): Promise<void>;
  /** Atomic replacement. Durable only after `syncDirectory` of the parent. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; no error when it is missing. */
  remove(path: string): Promise<void>;
  /** Makes created, renamed and removed names of this directory durable. */
  syncDirectory(directory: string): Promise<void>;
  space(directory: string): Promise<DiskSpace>;
  /** Takes an exclusive lock for as long as this process lives. Rejects with code `ELOCKED` when another process has it. */
  lock(path: string): Promise<DiskLock>;
}

export interface DiskFile {
  readonly path: string;
  size(): Promise<number>;
  /** Reads up to `length` bytes at `position`; shorter only at the end of the file. */
  read(position: number, length: number): Promise<Buffer>;
  /** Writes all of `buffers`, gathered, at `position`. On rejection any prefix may have been written. */
  write(position: number, buffers: readonly Uint8Array[]): Promise<void>;
  /** fdatasync: after it resolves, everything written before the call survives a power loss. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

export interface DiskSpace {
  totalBytes: number;
  /** Bytes that an unprivileged process may still write. */
  freeBytes: number;
}

export interface DiskLock {
  release(): Promise<void>;
}
