import { posix } from 'node:path';
import { diskError } from '../../common/environment/disk-error.ts';
import type { Disk, DiskFile, DiskLock, DiskSpace } from '../../common/environment/disk.ts';
import { damaged, type Work } from './disk-work.ts';
import type { DiskOperation, Fault } from './disk-faults.ts';
import type { SimProcess } from './event-queue.ts';
import type { Scheduler } from './scheduler.ts';
import { SimDiskFile } from './sim-disk-file.ts';
import { normalized, type SimDrive } from './sim-drive.ts';

/** The disk port for one life of a node, over a drive that outlives it. After the crash no promise of it settles. */
export class SimDisk implements Disk {
  readonly #drive: SimDrive;
  readonly #scheduler: Scheduler;
  readonly #process: SimProcess;

  constructor(drive: SimDrive, scheduler: Scheduler, process: SimProcess) {
    this.#drive = drive;
    this.#scheduler = scheduler;
    this.#process = process;
  }

  open(path: string, options: { create: boolean }): Promise<DiskFile> {
    const at = normalized(path);
    return this.#operate('open', at, true, () => {
      const { names } = this.#drive;
      if (names.isDirectory(at)) throw diskError('EISDIR', 'open', path, 'is a directory');
      const inode = names.find(at) ?? (options.create ? this.#create(at) : undefined);
      if (inode === undefined) throw diskError('ENOENT', 'open', path, 'no such file');
      return new SimDiskFile(path, inode, this.#drive, (kind, work) =>
        this.operate(kind, at, work),
      );
    });
  }

  readFile(path: string): Promise<Buffer> {
    const at = normalized(path);
    return this.operate('readFile', at, {
      isChange: false,
      run: (fault) => {
        if (this.#drive.names.isDirectory(at)) {
          throw diskError('EISDIR', 'read', path, 'is a directory');
        }
        const inode = this.#drive.names.find(at);
        if (inode === undefined) throw diskError('ENOENT', 'open', path, 'no such file');
        const content = inode.read(0, inode.length, this.#drive.random);
        return damaged(content, fault, path, this.#drive.random);
      },
    });
  }

  list(directory: string): Promise<string[]> {
    const at = normalized(directory);
    return this.#operate('list', at, false, () => {
      if (this.#drive.names.find(at) !== undefined) {
        throw diskError('ENOTDIR', 'scandir', directory, 'not a directory');
      }
      return this.#drive.names.list(at);
    });
  }

  makeDirectory(directory: string): Promise<void> {
    const at = normalized(directory);
    return this.#operate('makeDirectory', at, true, () => this.#drive.names.makeDirectory(at));
  }

  rename(from: string, to: string): Promise<void> {
    const source = normalized(from);
    const target = normalized(to);
    return this.#operate('rename', source, true, () => {
      const { names } = this.#drive;
      if (names.isDirectory(source)) throw new Error(`SimDisk renames files only: ${from}`);
      if (names.isDirectory(target)) throw diskError('EISDIR', 'rename', to, 'is a directory');
      this.#requireParent(target, 'rename');
      this.#drive.release(names.rename(source, target));
    });
  }

  remove(path: string): Promise<void> {
    const at = normalized(path);
    return this.#operate('remove', at, true, () => {
      if (this.#drive.names.isDirectory(at)) {
        throw diskError('EISDIR', 'unlink', path, 'is a directory');
      }
      this.#drive.release(this.#drive.names.remove(at));
    });
  }

  syncDirectory(directory: string): Promise<void> {
    const at = normalized(directory);
    return this.#operate('syncDirectory', at, false, () => {
      if (!this.#drive.names.isDirectory(at)) {
        throw diskError('ENOENT', 'open', directory, 'no such directory');
      }
      this.#drive.names.syncDirectory(at);
    });
  }

  space(directory: string): Promise<DiskSpace> {
    const at = normalized(directory);
    return this.#operate('space', at, false, () => {
      if (!this.#drive.names.isDirectory(at)) {
        throw diskError('ENOENT', 'statfs', directory, 'no such directory');
      }
      return { totalBytes: this.#drive.capacityBytes, freeBytes: this.#drive.freeBytes() };
    });
  }

  lock(path: string): Promise<DiskLock> {
    const at = normalized(path);
    return this.#operate('lock', at, true, () => {
      const { locks, names } = this.#drive;
      const holder = locks.get(at);
      if (holder?.isAlive) {
        throw diskError('ELOCKED', 'lock', path, `held by process ${holder.name}`);
      }
      if (names.find(at) === undefined) this.#create(at);
      locks.set(at, this.#process);
      let isHeld = true;
      const release = (): Promise<void> =>
        this.#operate('lock', at, false, () => {
          if (isHeld) locks.delete(at);
          isHeld = false;
        });
      return { release };
    });
  }

  /** Carries out `work` after a drawn time, unless the node dies first. */
  operate<T>(kind: DiskOperation, path: string, work: Work<T>): Promise<T> {
    const drive = this.#drive;
    if (!this.#process.isAlive) return new Promise(() => undefined);
    const { event, fault } = drive.begin(kind, path);
    const delayMs = drive.drawLatencyMs(kind) + (fault?.kind === 'delay' ? fault.delayMs : 0);
    const endChange = work.isChange
      ? drive.beginChange((fate) => attempt(work, fate === 'cut' ? CUT : fault))
      : undefined;
    const result = new Promise<T>((resolve, reject) => {
      const complete = (): void => {
        endChange?.();
        try {
          resolve(work.run(fault));
        } catch (error) {
          const failure = error as NodeJS.ErrnoException;
          if (failure.code === undefined) throw failure;
          reject(failure);
        }
      };
      this.#scheduler.schedule(delayMs, `disk ${kind}`, complete, this.#process);
    });
    drive.announce(event);
    return result;
  }

  #operate<T>(kind: DiskOperation, path: string, isChange: boolean, run: () => T): Promise<T> {
    return this.operate(kind, path, {
      isChange,
      run: (fault) => {
        if (fault?.kind === 'error') throw diskError(fault.code, kind, path, 'injected fault');
        return run();
      },
    });
  }

  #create(at: string): ReturnType<SimDrive['names']['create']> {
    this.#requireParent(at, 'open');
    return this.#drive.names.create(at);
  }

  #requireParent(at: string, operation: string): void {
    if (!this.#drive.names.isDirectory(posix.dirname(at))) {
      throw diskError('ENOENT', operation, at, 'no such directory');
    }
  }
}

/** A write that was cut short has written some prefix; any other change has not happened. */
const CUT: Fault = { kind: 'error', code: 'EIO' };

/** A change that a crash carries out may fail for the reasons that it would have failed for anyway. */
function attempt<T>(work: Work<T>, fault: Fault | undefined): void {
  try {
    work.run(fault);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
}
