import { crc32c } from '@node-rs/crc32';
import type { Disk, DiskFile } from '../../../common/environment/disk.ts';
import { physicalOffset, type PhysicalOffset } from '../../../common/model/offsets.ts';
import {
  chainCrc,
  decodeSectionHeader,
  decodeSnapshotHeader,
  decodeSnapshotTrailer,
  SECTION_HEADER_BYTES,
  sectionHeaderCrc,
  SNAPSHOT_HEADER_BYTES,
  SNAPSHOT_TRAILER_BYTES,
  type SnapshotHeader,
  type SnapshotTrailer,
} from './core/snapshot-file.ts';

/** Bytes read at once while checking. */
const WINDOW_BYTES = 2 ** 20;

export interface SnapshotSection {
  kind: number;
  payload: Buffer;
}

/** A snapshot that was whole when it was checked is not any more. To be told by `code`. */
class SnapshotDamagedError extends Error {
  override readonly name = 'SnapshotDamagedError';
  readonly code = 'SNAPSHOT_DAMAGED';
}

/** A snapshot all of whose bytes have been checked. */
export class SnapshotReader {
  readonly path: string;
  /** Log offset from which the log is folded after loading. */
  readonly begin: PhysicalOffset;
  /** Log offset folded through when the last section was made: the log must reach it. */
  readonly end: PhysicalOffset;
  readonly #disk: Disk;
  readonly #sectionsEnd: number;

  private constructor(disk: Disk, path: string, header: SnapshotHeader, trailer: SnapshotTrailer) {
    this.#disk = disk;
    this.path = path;
    this.begin = physicalOffset(header.begin);
    this.end = physicalOffset(trailer.end);
    this.#sectionsEnd = trailer.fileBytes - SNAPSHOT_TRAILER_BYTES;
  }

  /** Checks the whole file, in bounded memory. Answers what is wrong with it, if anything; rejects with a disk error. */
  static async open(disk: Disk, path: string, sequence: number): Promise<SnapshotReader | string> {
    const file = await disk.open(path, { create: false });
    try {
      const checked = await check(file, sequence);
      if (typeof checked === 'string') return checked;
      return new SnapshotReader(disk, path, checked.header, checked.trailer);
    } finally {
      await file.close();
    }
  }

  /**
   * The sections in the order in which they were written; memory holds one at a time. Each is checked once more: rejects
   * with `SnapshotDamagedError` should the disk now give other bytes than before.
   */
  async *sections(): AsyncGenerator<SnapshotSection, void, void> {
    const file = await this.#disk.open(this.path, { create: false });
    try {
      for (let at = SNAPSHOT_HEADER_BYTES; at < this.#sectionsEnd;) {
        const headerBytes = await this.#exactly(file, at, SECTION_HEADER_BYTES);
        const { kind, length, crc } = decodeSectionHeader(headerBytes);
        const payload = await this.#exactly(file, at + SECTION_HEADER_BYTES, length);
        if (crc32c(payload, sectionHeaderCrc(headerBytes)) !== crc) throw this.#damaged(at);
        yield { kind, payload };
        at += SECTION_HEADER_BYTES + length;
      }
    } finally {
      await file.close();
    }
  }

  async #exactly(file: DiskFile, at: number, length: number): Promise<Buffer> {
    if (at + length > this.#sectionsEnd) throw this.#damaged(at);
    const bytes = await file.read(at, length);
    if (bytes.length !== length) throw this.#damaged(at);
    return bytes;
  }

  #damaged(at: number): SnapshotDamagedError {
    return new SnapshotDamagedError(`${this.path} changed at byte ${at} after it was checked`);
  }
}

/** Reads only the header: where the snapshot begins, if that can be told. */
export async function readSnapshotBegin(
  disk: Disk,
  path: string,
  sequence: number,
): Promise<PhysicalOffset | undefined> {
  const file = await disk.open(path, { create: false });
  try {
    const header = decodeSnapshotHeader(await file.read(0, SNAPSHOT_HEADER_BYTES));
    if (typeof header === 'string' || header.sequence !== sequence) return undefined;
    return physicalOffset(header.begin);
  } finally {
    await file.close();
  }
}

async function check(
  file: DiskFile,
  sequence: number,
): Promise<{ header: SnapshotHeader; trailer: SnapshotTrailer } | string> {
  const header = decodeSnapshotHeader(await file.read(0, SNAPSHOT_HEADER_BYTES));
  if (typeof header === 'string') return header;
  const fileBytes = await file.size();
  const trailerAt = Math.max(0, fileBytes - SNAPSHOT_TRAILER_BYTES);
  const trailer = decodeSnapshotTrailer(await file.read(trailerAt, SNAPSHOT_TRAILER_BYTES));
  if (typeof trailer === 'string') return trailer;
  const isWhole =
    trailer.fileBytes === fileBytes &&
    trailer.sequence === sequence &&
    header.sequence === sequence &&
    trailer.end >= header.begin;
  if (!isWhole) return 'header, trailer and file do not belong together';
  const problem = await checkSections(file, trailerAt, trailer);
  return problem ?? { header, trailer };
}

async function checkSections(
  file: DiskFile,
  end: number,
  trailer: SnapshotTrailer,
): Promise<string | undefined> {
  let sectionsCrc = 0;
  let count = 0;
  for (let at = SNAPSHOT_HEADER_BYTES; at < end; count++) {
    const headerBytes = await file.read(at, SECTION_HEADER_BYTES);
    if (headerBytes.length < SECTION_HEADER_BYTES) return `section ${count} is cut off`;
    const { length, crc } = decodeSectionHeader(headerBytes);
    const payloadAt = at + SECTION_HEADER_BYTES;
    if (payloadAt + length > end) return `section ${count} is longer than the file`;
    const found = await rangeCrc(file, payloadAt, length, sectionHeaderCrc(headerBytes));
    if (found !== crc) return `section ${count} is damaged`;
    sectionsCrc = chainCrc(sectionsCrc, headerBytes);
    at = payloadAt + length;
  }
  const isComplete = count === trailer.sectionCount && sectionsCrc === trailer.sectionsCrc;
  return isComplete ? undefined : 'sections are missing';
}

/** Continues `crc` over a range; a range that cannot be read to its end gives a number that matches nothing. */
async function rangeCrc(
  file: DiskFile,
  start: number,
  length: number,
  crc: number,
): Promise<number> {
  let value = crc;
  for (let at = start; at < start + length;) {
    const bytes = await file.read(at, Math.min(WINDOW_BYTES, start + length - at));
    if (bytes.length === 0) return -1;
    value = crc32c(bytes, value);
    at += bytes.length;
  }
  return value;
}
