/**
 * DIR/replica: what a member of a group must never forget about terms. It is one line of JSON:
 *
 *     {"body":{"version":1,"acceptedEpoch":7,"epochs":[{"epoch":6,"startOffset":0,"isOwn":false},…]},"crc32c":"1a2b3c4d"}
 *
 * `crc32c` is over the text of `body`. Each change is written to a temporary file, synced, renamed, and the directory synced,
 * before the change is seen in memory.
 */
import { crc32c } from '@node-rs/crc32';
import type { Disk } from '../../common/environment/disk.ts';
import type { EpochStart } from '../../common/model/broker-group.ts';
import { epoch as epochOf } from '../../common/model/offsets.ts';
import { isDiskError, StoreError } from '../store/store-error.ts';
import { EpochHistory, isRising } from './core/epoch-history.ts';

const REPLICA_NAME = 'replica';
const TEMPORARY_NAME = 'replica.tmp';
const VERSION = 1;

interface Content {
  readonly acceptedEpoch: number;
  readonly starts: readonly EpochStart[];
  /** Epochs of which this member was the master and wrote the records itself. */
  readonly own: ReadonlySet<number>;
}

export class ReplicaFile {
  /** One object for the whole life: others hold on to it. */
  readonly history: EpochHistory;
  readonly #directory: string;
  readonly #disk: Disk;
  #acceptedEpoch: number;
  #own: ReadonlySet<number>;
  /** Changes happen one after another. Never rejects. */
  #lastChange: Promise<void> = Promise.resolve();

  private constructor(directory: string, disk: Disk, content: Content) {
    this.#directory = directory;
    this.#disk = disk;
    this.#acceptedEpoch = content.acceptedEpoch;
    this.#own = content.own;
    this.history = new EpochHistory(content.starts);
  }

  /** A missing file is that of a member that was never told anything; a damaged one is a StoreError. */
  static async open(directory: string, disk: Disk): Promise<ReplicaFile> {
    const path = `${directory}/${REPLICA_NAME}`;
    let text: string;
    try {
      text = (await disk.readFile(path)).toString('utf8');
    } catch (error) {
      if (!isDiskError(error) || error.code !== 'ENOENT') throw error;
      return new ReplicaFile(directory, disk, { acceptedEpoch: 0, starts: [], own: new Set() });
    }
    return new ReplicaFile(directory, disk, parse(text, path));
  }

  /** Highest epoch accepted: lower ones are refused for ever. */
  get acceptedEpoch(): number {
    return this.#acceptedEpoch;
  }

  /** Whether this member was the master of that epoch: only then its records speak of this disk. */
  isOwnEpoch(epoch: number): boolean {
    return this.#own.has(epoch);
  }

  /** Durable when it resolves. A lower epoch than the accepted one changes nothing. */
  accept(epoch: number): Promise<void> {
    return this.#change((content) =>
      epoch <= content.acceptedEpoch ? content : { ...content, acceptedEpoch: epoch },
    );
  }

  /**
   * Has to resolve before the first record of the epoch is appended. For an epoch that is known already it says whose records
   * follow: those of an own epoch that come back from another member speak of that one's disk.
   */
  beginEpoch(epoch: number, startOffset: number, isOwn: boolean): Promise<void> {
    return this.#change((content) => {
      const history = new EpochHistory(content.starts);
      const isKnown = content.starts.some((known) => known.epoch === epoch);
      if (isKnown && content.own.has(epoch) === isOwn) return content;
      if (!isKnown) history.begin(epoch, startOffset);
      const own = new Set(content.own);
      if (isOwn) own.add(epoch);
      else own.delete(epoch);
      return { ...content, starts: history.starts, own };
    });
  }

  /** After the log was truncated to `offset`: a crash in between leaves entries that `reconcile` removes. */
  truncateHistory(offset: number): Promise<void> {
    return this.#change((content) => {
      const history = new EpochHistory(content.starts);
      history.truncateTo(offset);
      return history.starts.length === content.starts.length
        ? content
        : { ...content, starts: history.starts };
    });
  }

  /** The log is going to be filled with another member's records, from somewhere in its middle. */
  adoptHistory(starts: readonly EpochStart[]): Promise<void> {
    return this.#change((content) => ({ ...content, starts, own: new Set() }));
  }

  /** After recovery: the log ends at `logEndOffset`, and these are the epochs that were seen in it. */
  reconcile(logEndOffset: number, scanned: readonly EpochStart[]): Promise<void> {
    return this.#change((content) => {
      const known = new Map(content.starts.map((start) => [start.epoch, start]));
      const own = new Set(content.own);
      for (const [index, seen] of scanned.entries()) {
        if (known.has(seen.epoch)) continue;
        // Epochs rise: in front of a record from before the first master there are only such.
        const isFirstOfAll = seen.epoch === 0 && index === 0;
        known.set(seen.epoch, isFirstOfAll ? { ...seen, startOffset: 0 } : seen);
        if (seen.epoch === 0) own.add(0);
      }
      const starts = [...known.values()]
        .filter((start) => start.startOffset < logEndOffset)
        .sort((a, b) => a.epoch - b.epoch);
      const acceptedEpoch = Math.max(content.acceptedEpoch, starts.at(-1)?.epoch ?? 0);
      return { acceptedEpoch, starts, own };
    });
  }

  async #change(next: (content: Content) => Content): Promise<void> {
    const change = this.#lastChange.then(async () => {
      const present: Content = {
        acceptedEpoch: this.#acceptedEpoch,
        starts: this.history.starts,
        own: this.#own,
      };
      const content = bounded(next(present));
      if (format(content) === format(present)) return;
      await this.#write(format(content));
      this.#acceptedEpoch = content.acceptedEpoch;
      this.#own = content.own;
      this.history.replace(content.starts);
    });
    this.#lastChange = change.then(noop, noop); // whoever asked for the change hears of its failure
    await change;
  }

  async #write(text: string): Promise<void> {
    const temporary = `${this.#directory}/${TEMPORARY_NAME}`;
    await this.#disk.makeDirectory(this.#directory);
    await this.#disk.remove(temporary);
    const file = await this.#disk.open(temporary, { create: true });
    try {
      await file.write(0, [Buffer.from(text)]);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#disk.rename(temporary, `${this.#directory}/${REPLICA_NAME}`);
    await this.#disk.syncDirectory(this.#directory);
  }
}

/** As many epochs as a history remembers, and of the own ones those. */
function bounded(content: Content): Content {
  const { starts } = new EpochHistory(content.starts);
  const own = new Set(starts.map(({ epoch }) => epoch).filter((known) => content.own.has(known)));
  return { acceptedEpoch: content.acceptedEpoch, starts, own };
}

function format({ acceptedEpoch, starts, own }: Content): string {
  const epochs = starts.map(({ epoch, startOffset }) => ({
    epoch,
    startOffset,
    isOwn: own.has(epoch),
  }));
  const body = { version: VERSION, acceptedEpoch, epochs };
  return `${JSON.stringify({ body, crc32c: checksum(body) })}\n`;
}

function checksum(body: unknown): string {
  return crc32c(JSON.stringify(body)).toString(16).padStart(8, '0');
}

function parse(text: string, path: string): Content {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged(path, 'it is not JSON');
  }
  const { body, crc32c: sum } = (value ?? {}) as { body?: Body; crc32c?: unknown };
  if (body === undefined || sum !== checksum(body)) throw damaged(path, 'its checksum is wrong');
  if (body.version !== VERSION) throw newer(path, body.version);
  const starts = body.epochs.map(({ epoch, startOffset }) => ({
    epoch: epochOf(epoch),
    startOffset,
  }));
  if (!isRising(starts)) throw damaged(path, 'its epochs do not rise');
  const own = new Set(body.epochs.filter(({ isOwn }) => isOwn).map(({ epoch }) => epoch));
  return { acceptedEpoch: epochOf(body.acceptedEpoch), starts, own };
}

/** As far as the checksum vouches for it. */
interface Body {
  readonly version: number;
  readonly acceptedEpoch: number;
  readonly epochs: readonly {
    readonly epoch: number;
    readonly startOffset: number;
    readonly isOwn: boolean;
  }[];
}

function damaged(file: string, reason: string): StoreError {
  return new StoreError({
    kind: 'corrupt',
    file,
    offset: 0,
    reason: `the epochs that this member accepted cannot be read: ${reason}`,
    hint: 'Restore the file from a copy, or empty the data directory and let the member start anew from its master.',
  });
}

function newer(file: string, version: number): StoreError {
  return new StoreError({
    kind: 'unsupported',
    file,
    offset: 0,
    reason: `format version ${version} is not known here`,
    hint: 'Start it with the newer OrbitMQ that wrote it.',
  });
}

function noop(): void {
  // Told to the caller of the change.
}
