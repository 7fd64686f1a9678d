import { diskError } from '../../common/environment/disk-error.ts';
import type { DiskFile } from '../../common/environment/disk.ts';
import type { DiskOperation, Fault } from './disk-faults.ts';
import { damaged, type Work } from './disk-work.ts';
import type { SimDrive } from './sim-drive.ts';
import type { SimInode } from './sim-inode.ts';

type Operate = <T>(kind: DiskOperation, work: Work<T>) => Promise<T>;

/** An open file of a `SimDisk`. */
export class SimDiskFile implements DiskFile {
  readonly path: string;
  readonly #inode: SimInode;
  readonly #drive: SimDrive;
  readonly #operate: Operate;
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(path: string, inode: SimInode, drive: SimDrive, operate: Operate) {
    this.path = path;
    this.#inode = inode;
    this.#drive = drive;
    this.#operate = operate;
    inode.handles++;
  }

  size(): Promise<number> {
    return this.#tracked('size', { isChange: false, run: () => this.#inode.length });
  }

  read(position: number, length: number): Promise<Buffer> {
    return this.#tracked('read', {
      isChange: false,
      run: (fault) => {
        const content = this.#inode.read(position, length, this.#drive.random);
        return damaged(content, fault, this.path, this.#drive.random);
      },
    });
  }

  write(position: number, buffers: readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(buffers);
    return this.#tracked('write', {
      isChange: true,
      run: (fault) => {
        // A kernel may take the old or the new bytes; here the run fails, because the caller has a bug.
        if (!bytes.equals(Buffer.concat(buffers))) {
          throw new Error(`a buffer was changed while it was written to ${this.path}`);
        }
        this.#write(position, bytes, fault);
      },
    });
  }

  sync(): Promise<void> {
    const mark = this.#inode.mark();
    return this.#tracked('sync', {
      isChange: false,
      run: (fault) => {
        if (fault?.kind !== 'error') {
          this.#inode.sync(mark);
          return;
        }
        this.#inode.failSync(this.#drive.random);
        throw diskError(fault.code, 'fdatasync', this.path, 'injected fault');
      },
    });
  }

  truncate(length: number): Promise<void> {
    return this.#tracked('truncate', {
      isChange: true,
      run: (fault) => {
        if (fault?.kind === 'error') {
          throw diskError(fault.code, 'ftruncate', this.path, 'injected fault');
        }
        this.#inode.truncate(length, this.#drive.random);
      },
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await this.#operate('close', { isChange: false, run: () => this.#inode.handles-- });
  }

  #write(position: number, bytes: Buffer, fault: Fault | undefined): void {
    const free = this.#drive.freeBytes();
    const growth = Math.max(0, position + bytes.length - this.#inode.length);
    if (fault?.kind === 'error') {
      const prefixBytes = fault.prefixBytes ?? this.#drive.random.below(bytes.length + 1);
      this.#write(position, bytes.subarray(0, prefixBytes), undefined);
      throw diskError(fault.code, 'write', this.path, 'injected fault');
    }
    const written = growth <= free ? bytes.length : Math.max(0, bytes.length - (growth - free));
    this.#inode.write(position, bytes.subarray(0, written), this.#drive.random);
    if (written < bytes.length) {
      throw diskError('ENOSPC', 'write', this.path, 'no space left on device');
    }
  }

  #tracked<T>(kind: DiskOperation, work: Work<T>): Promise<T> {
    if (this.#closing) {
      return Promise.reject(diskError('EBADF', kind, this.path, 'file is closed'));
    }
    const result = this.#operate(kind, work);
    const settled = (): void => void this.#underWay.delete(result);
    this.#underWay.add(result);
    result.then(settled, settled);
    return result;
  }
}
