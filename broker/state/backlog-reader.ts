import { physicalOffset, type PhysicalOffset } from '../../common/model/offsets.ts';
import { inspectRecord, readLength } from '../store/record-codec.ts';
import { isStoreError, type StoreError } from '../store/store-error.ts';

/** What a reader of messages needs of the log. */
export interface MessageLog {
  readonly startOffset: PhysicalOffset;
  /** Undefined: not in memory. */
  readSync(offset: PhysicalOffset, bytes: number): Buffer | undefined;
  /** Whole, intact records; rejects with a StoreError. */
  read(offset: PhysicalOffset, bytes: number): Promise<Buffer>;
}

/** Somebody else who has the same log. */
export interface BacklogPeer {
  /** Undefined: cannot, or not in time. Not checked. */
  read(offset: number, bytes: number): Promise<Buffer | undefined>;
}

/**
 * The log of a master whose slaves help with old records. Its own disk is for writing first: when more than `readsMax` reads
 * of it are under way, or when it cannot give a range, an in-sync slave is asked. What a slave gives is checked like what a
 * disk gives. Nobody waits for a slave that does not help: then it is the own disk after all.
 */
export class BacklogReader implements MessageLog {
  readonly #log: MessageLog;
  readonly #peer: BacklogPeer;
  readonly #readsMax: number;
  readonly #onSpared: (error: StoreError) => void;
  #underWay = 0;

  /** `onSpared`: the own disk failed, and a slave had what it should have. */
  constructor(
    log: MessageLog,
    peer: BacklogPeer,
    readsMax: number,
    onSpared: (error: StoreError) => void,
  ) {
    this.#log = log;
    this.#peer = peer;
    this.#readsMax = readsMax;
    this.#onSpared = onSpared;
  }

  get startOffset(): PhysicalOffset {
    return this.#log.startOffset;
  }

  readSync(offset: PhysicalOffset, bytes: number): Buffer | undefined {
    return this.#log.readSync(offset, bytes);
  }

  async read(offset: PhysicalOffset, bytes: number): Promise<Buffer> {
    if (this.#underWay < this.#readsMax) return this.#fromDisk(offset, bytes);
    return (await this.#fromPeer(offset, bytes)) ?? this.#fromDisk(offset, bytes);
  }

  async #fromDisk(offset: PhysicalOffset, bytes: number): Promise<Buffer> {
    this.#underWay += 1;
    let failure: StoreError;
    try {
      return await this.#log.read(offset, bytes);
    } catch (error) {
      if (!isStoreError(error) || (error.kind !== 'io' && error.kind !== 'corrupt')) throw error;
      failure = error;
    } finally {
      this.#underWay -= 1;
    }
    const given = await this.#fromPeer(offset, bytes);
    if (given === undefined) throw failure;
    this.#onSpared(failure);
    return given;
  }

  async #fromPeer(offset: PhysicalOffset, bytes: number): Promise<Buffer | undefined> {
    const given = await this.#peer.read(offset, bytes);
    return given !== undefined && isIntact(given, offset, bytes) ? given : undefined;
  }
}

/** Whole records that say of themselves that they stand there. */
function isIntact(buffer: Buffer, offset: PhysicalOffset, bytes: number): boolean {
  if (buffer.length !== bytes) return false;
  let at = 0;
  while (at < bytes) {
    if (inspectRecord(buffer, at, bytes, physicalOffset(offset + at)) !== 'ok') return false;
    at += readLength(buffer, at);
  }
  return true;
}
