import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { hostname } from 'node:os';
import process from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { diskError } from '../disk-error.ts';
import type { DiskLock } from '../disk.ts';

/**
 * An exclusive lock that ends with the process, however it ends.
 *
 * Node has no flock. The choices were: a file with a process id (a crash leaves it behind; judging whether it is stale
 * races with a second judge, and a process id means nothing in another container), an abstract socket (ends with the
 * process, but two containers with one volume have two network namespaces and would both get it), and a lock that the kernel keeps on the
 * file itself. SQLite, which is part of Node, takes that last one (fcntl, F_WRLCK) when it opens a database exclusively:
 * it holds across containers on one machine and on NFS with locking, and SQLite keeps the books inside the process, so a
 * second lock from the same process is refused too. The database stays empty; nothing is ever written to it.
 *
 * Who holds the lock is told by a second file, `<path>.holder`. It is advice for the error message, nothing is decided by it.
 * The lock file itself must not be opened in any other way: closing it would drop the lock (a rule of POSIX).
 */
export async function lockNodeFile(path: string): Promise<DiskLock> {
  // SQLite would only say that it cannot open the file; this says why.
  await fs.access(dirname(path), fs.constants.W_OK);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // The journal is never needed, and a disk that is full must not keep a broker from starting.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error;
    throw diskError('ELOCKED', 'lock', path, `held by ${await readHolder(path)}`);
  }
  heldLocks.add(database);
  const lock = new NodeDiskLock(path, database);
  try {
    await writeHolder(path);
  } catch (error) {
    await lock.release();
    throw error;
  }
  return lock;
}

const SQLITE_BUSY = 5;

/** A database that is collected as garbage is closed, and its lock gone: whoever drops the handle keeps the lock. */
const heldLocks = new Set<DatabaseSync>();

class NodeDiskLock implements DiskLock {
  readonly #path: string;
  readonly #database: DatabaseSync;

  constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
  }

  async release(): Promise<void> {
    if (!heldLocks.delete(this.#database)) return;
    try {
      await fs.rm(holderPath(this.#path), { force: true });
    } finally {
      this.#database.close();
    }
  }
}

function holderPath(path: string): string {
  return `${path}.holder`;
}

/** On a full disk the note cannot be written; then the old one must at least not name the wrong process. */
async function writeHolder(path: string): Promise<void> {
  await fs.rm(holderPath(path), { force: true });
  try {
    await fs.writeFile(holderPath(path), `process ${process.pid} on ${hostname()}\n`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

async function readHolder(path: string): Promise<string> {
  try {
    return (await fs.readFile(holderPath(path), 'utf8')).trim() || 'another process';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'another process';
    throw error;
  }
}
