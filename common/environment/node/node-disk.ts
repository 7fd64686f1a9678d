import * as fs from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Disk, DiskFile, DiskLock, DiskSpace } from '../disk.ts';
import { NodeDiskFile } from './node-disk-file.ts';
import { lockNodeFile } from './node-disk-lock.ts';

/** The file system of this machine, through node:fs (its calls run on libuv's thread pool, never on the event loop). */
export class NodeDisk implements Disk {
  open(path: string, options: { create: boolean }): Promise<DiskFile> {
    return NodeDiskFile.open(path, options.create);
  }

  readFile(path: string): Promise<Buffer> {
    return fs.readFile(path);
  }

  async list(directory: string): Promise<string[]> {
    const names = await unlessMissing(fs.readdir(directory));
    return names === undefined ? [] : names.sort();
  }

  /** Also makes the new names durable, parent by parent: a data directory is made once and then relied upon. */
  async makeDirectory(directory: string): Promise<void> {
    const last = resolve(directory);
    const first = await fs.mkdir(last, { recursive: true });
    if (first === undefined) return;
    for (let made = last; made.length >= first.length; made = dirname(made)) {
      await this.syncDirectory(dirname(made));
    }
  }

  rename(from: string, to: string): Promise<void> {
    return fs.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    await unlessMissing(fs.unlink(path));
  }

  async syncDirectory(directory: string): Promise<void> {
    const handle = await fs.open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async space(directory: string): Promise<DiskSpace> {
    const stats = await fs.statfs(directory);
    return { totalBytes: stats.blocks * stats.bsize, freeBytes: stats.bavail * stats.bsize };
  }

  lock(path: string): Promise<DiskLock> {
    return lockNodeFile(path);
  }
}

/** Undefined when the thing is not there; any other error stays an error. */
async function unlessMissing<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
