import type { Disk, DiskFile } from '../../../common/environment/disk.ts';
import type { Environment } from '../../../common/environment/environment.ts';
import type { Random } from '../../../common/environment/random.ts';
import { decodeChunk, type ChunkRow, type IndexEnd } from './core/index-chunk.ts';
import { ENTRY_BYTES, readDiskEntry } from './core/index-entry.ts';
import { IndexMemory } from './core/index-memory.ts';
import {
  decodeDirectoryRow,
  decodeSegmentHeader,
  decodeSegmentTrailer,
  DIRECTORY_ROW_BYTES,
  emptyRow,
  encodeDirectoryRow,
  isDirectoryIntact,
  SEGMENT_HEADER_BYTES,
  SEGMENT_TRAILER_BYTES,
  segmentNumber,
  type DirectoryRow,
} from './core/index-segment.ts';
import { GrowingBuffer } from './core/growing-buffer.ts';
import { PageSelection } from './core/page-selection.ts';
import { indexDamage, isDamage, type IndexDamage } from './index-damage.ts';
import { IndexSegments, type Segment } from './index-segments.ts';
import type { QueueIndexOptions } from './queue-index-options.ts';
import { scanPages } from './scan-pages.ts';

export interface RestoredIndex {
  memory: IndexMemory;
  segments: IndexSegments;
  asOf: Float64Array | undefined;
}

/**
 * Brings the index back as a snapshot saw it: queues and tails from its chunks, page lists from the directories of the
 * segments. What was written to the segments after the snapshot is cut off: it may describe log records that a crash has
 * undone. Which page belongs to which queue is decided by `PageSelection`.
 */
export class IndexRestore {
  readonly #disk: Disk;
  readonly #random: Random;
  readonly #options: QueueIndexOptions;
  readonly #memory: IndexMemory;
  readonly #segments: IndexSegments;
  #asOf = new Float64Array(0);
  #end: IndexEnd | undefined;
  #problem: string | undefined;
  #isBased = false;

  constructor(options: QueueIndexOptions, environment: Pick<Environment, 'disk' | 'random'>) {
    this.#options = options;
    this.#disk = environment.disk;
    this.#random = environment.random;
    this.#memory = new IndexMemory(options.pageEntries);
    this.#segments = new IndexSegments(this.#disk, options.directory, options.segmentBytes);
  }

  /** Takes the next chunk of the snapshot. What is wrong with it is reported by `finish`. */
  add(chunk: Buffer): void {
    this.#isBased = true;
    this.#problem ??= decodeChunk(chunk, {
      queue: (row, entries, asOf) => this.#addQueue(row, entries, asOf),
      end: (end) => (this.#end = end),
    });
  }

  /** `logStartOffset` undefined: there is no snapshot, everything on disk goes. */
  async finish(logStartOffset: number | undefined): Promise<RestoredIndex | IndexDamage> {
    await this.#disk.makeDirectory(this.#options.directory);
    if (logStartOffset !== undefined && this.#end === undefined) {
      this.#problem ??= 'the snapshot has no end chunk of the index';
    }
    if (this.#problem !== undefined) return this.#damage(this.#problem);
    const damage = await this.#restorePages(
      this.#end ?? this.#nothing(),
      logStartOffset ?? 0,
    ).catch(async (error: unknown) => {
      await this.#segments.close();
      throw error;
    });
    if (damage !== undefined) {
      await this.#segments.close();
      return damage;
    }
    const asOf = this.#isBased ? this.#asOf : undefined;
    return { memory: this.#memory, segments: this.#segments, asOf };
  }

  #nothing(): IndexEnd {
    const incarnation = this.#random.uint32();
    return { segmentNumber: 0, pagesEnd: 0, physicalMax: 0, nextGeneration: 1, incarnation };
  }

  #addQueue(row: ChunkRow, entries: Buffer, asOf: number): void {
    const memory = this.#memory;
    memory.restore(row.queueNo, row.tailStart, row.generation);
    memory.queues.minOffset[row.queueNo] = row.minOffset;
    const append = (physical: number, bytes: number, tagHash: number, flags: number): void =>
      void memory.append(row.queueNo, physical, bytes, tagHash, flags);
    for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
      readDiskEntry(entries, at, append);
    }
    memory.queues.lastPhysical[row.queueNo] = row.lastPhysical;
    if (this.#asOf.length < memory.queues.capacity) {
      const grown = new Float64Array(memory.queues.capacity);
      grown.set(this.#asOf);
      this.#asOf = grown;
    }
    this.#asOf[row.queueNo] = asOf;
  }

  async #restorePages(end: IndexEnd, logStart: number): Promise<IndexDamage | undefined> {
    const numbers = await this.#keepNumbers(end.segmentNumber);
    const last = numbers.at(-1);
    if (last === undefined) {
      if (end.physicalMax >= logStart && end.segmentNumber > 0) {
        return this.#damage('all segments of the index are missing');
      }
    }
    const segments: Segment[] = [];
    let lastRows: Buffer = Buffer.alloc(0);
    const [first] = numbers;
    for (const number of numbers) {
      const isLast = number === end.segmentNumber;
      const loaded = await this.#files(number, (file) =>
        isLast ? loadGrowing(file, number, end) : loadSealed(file, number, end.incarnation),
      );
      if (isDamage(loaded)) return loaded;
      const isHole = number === first && number > 1 && loaded.priorPhysicalMax >= logStart;
      if (isHole) return this.#damage(`segments before ${number} are missing`);
      if (loaded.rows !== undefined) lastRows = loaded.rows;
      segments.push(loaded.segment);
    }
    const { segmentNumber: number, ...position } = end;
    this.#segments.adopt(segments, lastRows, { number, ...position });
    this.#memory.queues.raiseNextGeneration(end.nextGeneration);
    return this.#selectPages(segments, lastRows);
  }

  /** Deletes segments after `lastNumber` and those not connected to it; returns the others, oldest first. */
  async #keepNumbers(lastNumber: number): Promise<number[]> {
    const found = new Set<number>();
    for (const name of await this.#disk.list(this.#options.directory)) {
      const number = segmentNumber(name);
      if (number !== undefined) found.add(number);
    }
    let first = lastNumber + 1;
    while (found.has(first - 1)) first--;
    for (const number of found) {
      if (number < first || number > lastNumber) await this.#segments.files.remove(number);
    }
    const kept: number[] = [];
    for (let number = first; number <= lastNumber; number++) kept.push(number);
    if (kept.length < found.size) await this.#disk.syncDirectory(this.#options.directory);
    return kept;
  }

  /** Two passes over the directories, so that memory holds one of them at a time; see `PageSelection`. */
  async #selectPages(
    segments: readonly Segment[],
    lastRows: Buffer,
  ): Promise<IndexDamage | undefined> {
    const selection = new PageSelection(this.#memory);
    const row = emptyRow();
    for (const segment of segments.toReversed()) {
      const rows = await this.#rowsOf(segment, lastRows);
      if (isDamage(rows)) return rows;
      selection.beginSegment(segment.number, rows.length / DIRECTORY_ROW_BYTES);
      for (let i = rows.length / DIRECTORY_ROW_BYTES - 1; i >= 0; i--) {
        decodeDirectoryRow(rows, i * DIRECTORY_ROW_BYTES, row);
        selection.chooseBackwards(segment.number, i, row);
      }
    }
    for (const segment of segments) {
      const rows = await this.#rowsOf(segment, lastRows);
      if (isDamage(rows)) return rows;
      for (let i = 0; i < rows.length / DIRECTORY_ROW_BYTES; i++) {
        decodeDirectoryRow(rows, i * DIRECTORY_ROW_BYTES, row);
        selection.attach(segment.number, i, row);
      }
    }
    const isFrontDeleted = (segments[0]?.number ?? 0) !== 1;
    const hole = selection.finish(isFrontDeleted);
    if (hole === undefined) return undefined;
    return indexDamage('pages are missing', this.#options.directory, hole);
  }

  async #rowsOf(segment: Segment, lastRows: Buffer): Promise<Buffer | IndexDamage> {
    if (!segment.isSealed) return lastRows;
    const loaded = await this.#files(segment.number, (file) => readDirectory(file, segment.number));
    return isDamage(loaded) ? loaded : loaded.rows;
  }

  #files<T>(number: number, work: (file: DiskFile) => Promise<T>): Promise<T> {
    return this.#segments.files.use(number, work);
  }

  #damage(reason: string): IndexDamage {
    return indexDamage(reason, this.#options.directory);
  }
}

interface LoadedSegment {
  segment: Segment;
  priorPhysicalMax: number;
  /** Directory of a segment that grows on. */
  rows: Buffer | undefined;
}

/** The largest physical offset before the segment. */
async function readHeader(
  file: DiskFile,
  number: number,
  incarnation: number,
): Promise<number | IndexDamage> {
  const header = decodeSegmentHeader(await file.read(0, SEGMENT_HEADER_BYTES));
  if (header !== undefined && header.incarnation !== incarnation) {
    return indexDamage('the segment is of an index rebuilt after the snapshot', file.path);
  }
  if (header?.number !== number) return indexDamage('the segment header is damaged', file.path);
  return header.priorPhysicalMax;
}

async function readDirectory(
  file: DiskFile,
  number: number,
): Promise<{ rows: Buffer; pagesEnd: number; end: number; physicalMax: number } | IndexDamage> {
  const end = await file.size();
  const trailerAt = Math.max(0, end - SEGMENT_TRAILER_BYTES);
  const bytes = await file.read(trailerAt, SEGMENT_TRAILER_BYTES);
  const trailer = decodeSegmentTrailer(bytes);
  const length = (trailer?.rowCount ?? 0) * DIRECTORY_ROW_BYTES;
  const isPlausible =
    trailer?.number === number && trailer.directoryPosition + length === trailerAt;
  if (!isPlausible) return indexDamage('the segment has no directory', file.path);
  const rows = await file.read(trailer.directoryPosition, length);
  if (!isDirectoryIntact(rows, bytes)) return indexDamage('the directory is damaged', file.path);
  return { rows, pagesEnd: trailer.directoryPosition, end, physicalMax: trailer.physicalMax };
}

async function loadSealed(
  file: DiskFile,
  number: number,
  incarnation: number,
): Promise<LoadedSegment | IndexDamage> {
  const priorPhysicalMax = await readHeader(file, number, incarnation);
  if (typeof priorPhysicalMax !== 'number') return priorPhysicalMax;
  const directory = await readDirectory(file, number);
  if (isDamage(directory)) return directory;
  const { pagesEnd, end, physicalMax } = directory;
  const segment = { number, pagesEnd, end, physicalMax, isSealed: true, syncedEnd: end };
  return { segment: { ...segment, isSuspect: false }, priorPhysicalMax, rows: undefined };
}

/** The segment in which the snapshot ends: its pages up to there are read whole, what follows is cut off. */
async function loadGrowing(
  file: DiskFile,
  number: number,
  end: IndexEnd,
): Promise<LoadedSegment | IndexDamage> {
  const priorPhysicalMax = await readHeader(file, number, end.incarnation);
  if (typeof priorPhysicalMax !== 'number') return priorPhysicalMax;
  const rows = new GrowingBuffer(64 * 1024);
  const encoded = Buffer.alloc(DIRECTORY_ROW_BYTES);
  let physicalMax = 0;
  const windows = scanPages(file, SEGMENT_HEADER_BYTES, end.pagesEnd);
  for (;;) {
    const step = await windows.next();
    if (step.done === true) {
      if (step.value !== undefined) return step.value;
      break;
    }
    for (const { header, position } of step.value.pages) {
      const row: DirectoryRow = { ...header, position };
      encodeDirectoryRow(encoded, 0, row);
      rows.append(encoded);
      physicalMax = Math.max(physicalMax, header.lastPhysical);
    }
  }
  await file.truncate(end.pagesEnd);
  const { pagesEnd } = end;
  const segment = { number, pagesEnd, end: pagesEnd, physicalMax, isSealed: false };
  return {
    segment: { ...segment, syncedEnd: 0, isSuspect: false },
    priorPhysicalMax,
    rows: rows.content,
  };
}
