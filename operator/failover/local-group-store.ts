import { createHash } from 'node:crypto';
import type { Disk, DiskLock } from '../../common/environment/disk.ts';
import type { Timers } from '../../common/environment/timers.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import { systemReason } from '../../common/errors/system-error.ts';
import type { GroupRecord } from './core/group-record.ts';
import type { GroupStore, RecordVersion, StoredGroup } from './group-store.ts';
import { recordFromJson, recordToJson } from './record-json.ts';

/** Lock held by another controller: a write of a few kilobytes takes milliseconds. */
const LOCK_RETRY_MS = 10;
const LOCK_RETRIES_MAX = 200;

/**
 * Records as one file for each group, for controllers on one machine. The version is a number that grows with each write and
 * stands in the file. A write holds a lock that ends with its process, so any number of controllers may use the directory; a
 * read needs none, since the file is replaced in one step.
 *
 *     NAME.json        the record, its version and a checksum over both
 *     NAME.json.new    what a write is about to put in its place
 *     NAME.lock        held while one is written
 */
export class LocalGroupStore implements GroupStore {
  readonly #disk: Disk;
  readonly #timers: Timers;
  readonly #directory: string;
  /** Ends of the chains of writes of this process, by group: the lock keeps out other processes only. */
  readonly #writes = new Map<string, Promise<unknown>>();

  constructor(
    { disk, timers }: { readonly disk: Disk; readonly timers: Timers },
    directory: string,
  ) {
    this.#disk = disk;
    this.#timers = timers;
    this.#directory = directory;
  }

  async open(): Promise<void> {
    await this.#disk.makeDirectory(this.#directory);
  }

  async read(brokerName: string): Promise<StoredGroup | undefined> {
    const file = this.#path(brokerName, 'json');
    let bytes: Buffer;
    try {
      bytes = await this.#disk.readFile(file);
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
      throw error;
    }
    return parseFile(file, brokerName, bytes.toString('utf8'));
  }

  write(
    brokerName: string,
    record: GroupRecord,
    expected: RecordVersion | undefined,
  ): Promise<'written' | 'conflict'> {
    const before = this.#writes.get(brokerName) ?? Promise.resolve();
    const written = before.then(() => this.#write(brokerName, record, expected));
    // The next write waits for this one, whatever comes of it; its own caller hears of a failure.
    this.#writes.set(
      brokerName,
      written.catch(() => undefined),
    );
    return written;
  }

  async #write(
    brokerName: string,
    record: GroupRecord,
    expected: RecordVersion | undefined,
  ): Promise<'written' | 'conflict'> {
    const lock = await this.#lock(brokerName);
    try {
      const stored = await this.read(brokerName);
      if (stored?.version !== expected) return 'conflict';
      const version = String(Number(stored?.version ?? 0) + 1);
      await this.#replace(this.#path(brokerName, 'json'), fileText(version, record));
      return 'written';
    } finally {
      await lock.release();
    }
  }

  /** Durable under its name before it resolves: an election that was answered with `written` is never forgotten. */
  async #replace(path: string, text: string): Promise<void> {
    const temporary = `${path}.new`;
    const file = await this.#disk.open(temporary, { create: true });
    try {
      await file.truncate(0);
      await file.write(0, [Buffer.from(text)]);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#disk.rename(temporary, path);
    await this.#disk.syncDirectory(this.#directory);
  }

  async #lock(brokerName: string): Promise<DiskLock> {
    const path = this.#path(brokerName, 'lock');
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#disk.lock(path);
      } catch (error) {
        const isHeld = (error as { code?: unknown }).code === 'ELOCKED';
        if (!isHeld || attempt >= LOCK_RETRIES_MAX) throw error;
      }
      await new Promise<void>((resolve) => this.#timers.after(LOCK_RETRY_MS, resolve));
    }
  }

  /** Names of groups have no separators and do not begin with a point: see the option brokerName. */
  #path(brokerName: string, extension: string): string {
    return `${this.#directory}/${brokerName}.${extension}`;
  }
}

function fileText(version: RecordVersion, record: GroupRecord): string {
  const body = recordToJson(record);
  return `${JSON.stringify({ version, sha256: checksum(version, body) })}\n${body}\n`;
}

function parseFile(file: string, brokerName: string, text: string): StoredGroup {
  try {
    const lineEnd = text.indexOf('\n');
    const head = JSON.parse(text.slice(0, Math.max(0, lineEnd))) as Record<string, unknown>;
    const { version, sha256 } = head;
    const body = text.slice(lineEnd + 1).replace(/\n$/, '');
    if (typeof version !== 'string' || !/^[1-9]\d*$/.test(version)) {
      throw new Error('its first line has no version');
    }
    if (sha256 !== checksum(version, body)) throw new Error('its checksum is another one');
    const record = recordFromJson(JSON.parse(body));
    if (record.brokerName !== brokerName) throw new Error(`it is of group ${record.brokerName}`);
    return { record, version };
  } catch (error) {
    throw new MqError('group-record-damaged', { file, reason: systemReason(error) }, error);
  }
}

function checksum(version: RecordVersion, body: string): string {
  return createHash('sha256').update(`${version}\n${body}`).digest('hex');
}
