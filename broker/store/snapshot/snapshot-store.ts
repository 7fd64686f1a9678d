import { assert } from '../../../common/assert.ts';
import type { Disk } from '../../../common/environment/disk.ts';
import type { PhysicalOffset } from '../../../common/model/offsets.ts';
import {
  isTemporaryName,
  snapshotName,
  snapshotSequence,
  temporaryName,
} from './core/snapshot-file.ts';
import { readSnapshotBegin, SnapshotReader } from './snapshot-reader.ts';
import { SnapshotWriter, type PublishOutcome, type SnapshotPublisher } from './snapshot-writer.ts';

/** Snapshots that are kept: the newest, and one to fall back to. */
const KEPT_COUNT = 2;

/** A snapshot that could not be used. */
export interface SnapshotProblem {
  file: string;
  reason: string;
  /** The disk refused to read it, maybe only for the moment; otherwise its bytes are damaged. */
  isUnreadable: boolean;
}

/**
 * The snapshots of one store directory. One is published in this order: everything written, file synced, renamed from its
 * temporary name, directory synced; so a crash leaves the one before or the new one, never a mixture. Whoever finds a
 * snapshot finds it whole or is told why not, and the one before is still there.
 */
export class SnapshotStore {
  readonly #disk: Disk;
  readonly #directory: string;
  /** Sequences of the published snapshots, oldest first. */
  readonly #sequences: number[];
  /** Of those, the ones found damaged or unreadable: they do not count among the kept ones. */
  readonly #damaged = new Set<number>();
  #problems: readonly SnapshotProblem[] = [];
  #previousBegin: PhysicalOffset | undefined;
  #nextSequence: number;
  #isWriting = false;

  private constructor(disk: Disk, directory: string, sequences: number[], nextSequence: number) {
    this.#disk = disk;
    this.#directory = directory;
    this.#sequences = sequences;
    this.#nextSequence = nextSequence;
  }

  /**
   * Removes what an interrupted publication left. The directory is synced: a rename whose sync failed in the last life shows
   * here, and the log may be cut on the strength of what is found, so it must outlive a power loss from now on.
   */
  static async open(directory: string, disk: Disk): Promise<SnapshotStore> {
    await disk.makeDirectory(directory);
    const names = await removeTemporaries(directory, disk);
    await disk.syncDirectory(directory);
    const sequences = names.map(snapshotSequence).filter((sequence) => sequence !== undefined);
    return new SnapshotStore(disk, directory, sequences, (sequences.at(-1) ?? 0) + 1);
  }

  /** What `latest` had to pass over, newest first: to be logged. */
  get problems(): readonly SnapshotProblem[] {
    return this.#problems;
  }

  /** Where the snapshot before the one that `latest` gave begins; undefined when there is none or it is damaged. */
  get previousBegin(): PhysicalOffset | undefined {
    return this.#previousBegin;
  }

  /**
   * The newest snapshot that is whole; an older one when newer ones are damaged, undefined when there is no whole one: see
   * `problems`. Rejects when it is not the file that is at fault (no file handles, no permission).
   */
  async latest(): Promise<SnapshotReader | undefined> {
    const problems: SnapshotProblem[] = [];
    let found: SnapshotReader | undefined;
    this.#previousBegin = undefined;
    for (const sequence of this.#sequences.toReversed()) {
      const path = this.#path(snapshotName(sequence));
      if (found !== undefined) {
        this.#previousBegin = await readableOr(
          readSnapshotBegin(this.#disk, path, sequence),
          () => undefined,
        );
        break;
      }
      const opened = await readableOr<SnapshotReader | string | Unreadable>(
        SnapshotReader.open(this.#disk, path, sequence),
        (error) => ({ unreadable: `it cannot be read: ${error.message}` }),
      );
      if (typeof opened === 'string') {
        problems.push({ file: path, reason: opened, isUnreadable: false });
      } else if ('unreadable' in opened) {
        problems.push({ file: path, reason: opened.unreadable, isUnreadable: true });
      } else {
        found = opened;
      }
      if (found === undefined) this.#damaged.add(sequence);
      else this.#damaged.delete(sequence);
    }
    this.#problems = problems;
    return found;
  }

  /**
   * Removes the snapshots that know of anything at or beyond `offset`, and those that cannot be read; durable when it resolves,
   * with the begin of the newest one left.
   */
  async removeBeyond(offset: PhysicalOffset): Promise<PhysicalOffset | undefined> {
    let newestBegin: PhysicalOffset | undefined;
    for (const sequence of this.#sequences.toReversed()) {
      const path = this.#path(snapshotName(sequence));
      const opened = await SnapshotReader.open(this.#disk, path, sequence);
      if (typeof opened !== 'string' && opened.end <= offset) {
        newestBegin ??= opened.begin;
        continue;
      }
      await this.#disk.remove(path);
      this.#sequences.splice(this.#sequences.indexOf(sequence), 1);
    }
    await this.#disk.syncDirectory(this.#directory);
    return newestBegin;
  }

  /** Starts a snapshot; the log will be folded from `begin` on after loading it. One at a time. */
  async create(begin: PhysicalOffset): Promise<SnapshotWriter> {
    assert(!this.#isWriting, 'one snapshot is written at a time');
    this.#isWriting = true;
    const sequence = this.#nextSequence++;
    const temporary = this.#path(temporaryName(sequence));
    try {
      await removeTemporaries(this.#directory, this.#disk);
      const file = await this.#disk.open(temporary, { create: true });
      const publisher: SnapshotPublisher = {
        publish: () => this.#publish(sequence),
        abort: (close) => this.#abort(temporary, close),
      };
      return new SnapshotWriter(file, { sequence, begin }, publisher);
    } catch (error) {
      this.#isWriting = false;
      throw error;
    }
  }

  async #publish(sequence: number): Promise<PublishOutcome> {
    const name = snapshotName(sequence);
    await this.#disk.rename(this.#path(temporaryName(sequence)), this.#path(name));
    this.#sequences.push(sequence);
    await this.#disk.syncDirectory(this.#directory);
    this.#isWriting = false;
    return { pruneFailure: await this.#prune() };
  }

  async #abort(temporary: string, close: () => Promise<void>): Promise<void> {
    if (!this.#isWriting) return;
    this.#isWriting = false;
    // The disk is failing already, and `create` removes what is left behind: the first error is the one to tell of.
    await unlessDiskError(close());
    await unlessDiskError(this.#disk.remove(temporary));
  }

  /**
   * Removes all but the newest two that are not known to be damaged. Power loss may bring a removed one back; it is older
   * than two whole ones, and goes again at the next publication.
   */
  async #prune(): Promise<PublishOutcome['pruneFailure']> {
    const whole = this.#sequences.filter((sequence) => !this.#damaged.has(sequence));
    const kept = new Set(whole.slice(-KEPT_COUNT));
    for (const sequence of this.#sequences.filter((candidate) => !kept.has(candidate))) {
      const failure = await unlessDiskError(this.#disk.remove(this.#path(snapshotName(sequence))));
      if (failure !== undefined) return failure;
      this.#sequences.splice(this.#sequences.indexOf(sequence), 1);
      this.#damaged.delete(sequence);
    }
    return undefined;
  }

  #path(name: string): string {
    return `${this.#directory}/${name}`;
  }
}

interface Unreadable {
  unreadable: string;
}

/** Removes what interrupted writers left; returns the other names. */
async function removeTemporaries(directory: string, disk: Disk): Promise<string[]> {
  const names = await disk.list(directory);
  for (const name of names.filter(isTemporaryName)) await disk.remove(`${directory}/${name}`);
  return names.filter((name) => !isTemporaryName(name));
}

/** Bytes that the medium does not give are as good as damaged ones: `instead` says so. */
async function readableOr<T>(
  reading: Promise<T>,
  instead: (error: NodeJS.ErrnoException) => T,
): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error;
    return instead(error as NodeJS.ErrnoException);
  }
}

/** A disk error as a value; anything else is a bug and rejects. */
async function unlessDiskError(
  work: Promise<void>,
): Promise<{ code: string; message: string } | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return { code, message };
  }
}
