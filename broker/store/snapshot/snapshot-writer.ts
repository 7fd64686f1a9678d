import { assert } from '../../../common/assert.ts';
import type { DiskFile } from '../../../common/environment/disk.ts';
import type { PhysicalOffset } from '../../../common/model/offsets.ts';
import {
  chainCrc,
  encodeSectionHeader,
  encodeSnapshotHeader,
  encodeSnapshotTrailer,
  SECTION_BYTES_MAX,
  SNAPSHOT_TRAILER_BYTES,
  type SnapshotHeader,
} from './core/snapshot-file.ts';

/** Small sections are gathered into writes of this size; the writer holds no more than that. */
const GATHER_BYTES = 256 * 1024;
const SECTION_KIND_MAX = 0xfffe;

/** What the store does when the file is complete, or given up. */
export interface SnapshotPublisher {
  publish(): Promise<PublishOutcome>;
  abort(close: () => Promise<void>): Promise<void>;
}

export interface PublishOutcome {
  /** The snapshot is there, but older ones could not be removed; the next publication tries again. */
  pruneFailure: { code: string; message: string } | undefined;
}

/**
 * Writes one snapshot, section by section. The file becomes a snapshot by `publish` and by nothing else; before that the
 * caller has made durable everything that the sections refer to.
 */
export class SnapshotWriter {
  readonly #file: DiskFile;
  readonly #sequence: number;
  readonly #publisher: SnapshotPublisher;
  readonly #gather = Buffer.alloc(GATHER_BYTES);
  #gathered = 0;
  #position = 0;
  #sectionCount = 0;
  #sectionsCrc = 0;
  #isOver = false;
  #isFileOpen = true;

  constructor(file: DiskFile, header: SnapshotHeader, publisher: SnapshotPublisher) {
    this.#file = file;
    this.#sequence = header.sequence;
    this.#publisher = publisher;
    const bytes = encodeSnapshotHeader(header);
    this.#gathered = bytes.copy(this.#gather);
  }

  /** Appends a section; one call at a time. `payload` may be reused when it resolves. */
  async section(kind: number, payload: Buffer): Promise<void> {
    assert(!this.#isOver, 'a snapshot that is over takes no section');
    assert(kind >= 0 && kind <= SECTION_KIND_MAX, 'section kinds are u16');
    assert(payload.length <= SECTION_BYTES_MAX, 'a section fits its bound');
    const header = encodeSectionHeader(kind, payload);
    this.#sectionCount++;
    this.#sectionsCrc = chainCrc(this.#sectionsCrc, header);
    await this.#append(header);
    await this.#append(payload);
  }

  /**
   * `end`: log offset folded through when the last section was made. Rejects when it is not certain that the snapshot will
   * be found after a crash; then call `abort`.
   */
  async publish(end: PhysicalOffset): Promise<PublishOutcome> {
    assert(!this.#isOver, 'a snapshot is published once');
    this.#isOver = true;
    const unwritten = this.#position + this.#gathered;
    const trailer = encodeSnapshotTrailer({
      sequence: this.#sequence,
      sectionCount: this.#sectionCount,
      end,
      fileBytes: unwritten + SNAPSHOT_TRAILER_BYTES,
      sectionsCrc: this.#sectionsCrc,
    });
    assert(trailer.length === SNAPSHOT_TRAILER_BYTES, 'the trailer has its length');
    await this.#append(trailer);
    await this.#flush();
    await this.#file.sync();
    this.#isFileOpen = false;
    await this.#file.close();
    return this.#publisher.publish();
  }

  /** Gives the snapshot up and removes what was written. Also after a failed `publish`; harmless when repeated. */
  async abort(): Promise<void> {
    this.#isOver = true;
    const isOpen = this.#isFileOpen;
    this.#isFileOpen = false;
    await this.#publisher.abort(async () => {
      if (isOpen) await this.#file.close();
    });
  }

  async #append(bytes: Buffer): Promise<void> {
    if (this.#gathered + bytes.length > GATHER_BYTES) await this.#flush();
    if (bytes.length > GATHER_BYTES) {
      await this.#write(bytes);
      return;
    }
    this.#gathered += bytes.copy(this.#gather, this.#gathered);
  }

  async #flush(): Promise<void> {
    const gathered = this.#gathered;
    if (gathered === 0) return;
    await this.#write(this.#gather.subarray(0, gathered));
    this.#gathered = 0;
  }

  async #write(bytes: Buffer): Promise<void> {
    await this.#file.write(this.#position, [bytes]);
    this.#position += bytes.length;
  }
}
