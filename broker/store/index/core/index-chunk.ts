import { readUint56, writeUint56 } from '../../core/uint56.ts';
import { ENTRY_BYTES, swapToDiskOrder } from './index-entry.ts';
import type { IndexMemory } from './index-memory.ts';

/*
 * A chunk of the queue index in a snapshot. The section that holds it has the checksum. All integers big-endian.
 *
 * Every chunk
 *   0  u8   kind: 1 queues, 2 end
 *   1  u8   version, 1
 *   2  u56  asOf: offset of the log folded through when the chunk was made
 *   9  3 bytes reserved, 0
 *
 * Queues: queues with ascending numbers
 *  12  u32  count of queues
 *  16  count × 32 bytes
 *        0  u32  queue number
 *        4  u32  generation
 *        8  u48  minOffset
 *       14  u48  start of the tail
 *       20  u56  physical offset of the newest entry ever, plus 1; 0 when there was none
 *       27  u8   reserved, 0
 *       28  u32  count of entries in the tail
 *   then the entries of all tails, 16 bytes each (see index-entry.ts)
 *
 * End: what the index segments must hold for the chunks before it to be complete
 *  12  u32  number of the last segment, 0 for none
 *  16  u32  end of its pages
 *  20  u56  largest physical offset in any page
 *  27  u8   reserved, 0
 *  28  u32  next generation
 *  32  u32  incarnation, as in the segments
 */
const KIND_QUEUES = 1;
const KIND_END = 2;
const VERSION = 1;
const CHUNK_HEADER_BYTES = 16;
const ROW_BYTES = 32;
const END_BYTES = 36;

export interface IndexEnd {
  segmentNumber: number;
  pagesEnd: number;
  physicalMax: number;
  nextGeneration: number;
  incarnation: number;
}

/**
 * Encodes the queues from `from` on, as many as make a chunk, and says where the next chunk starts. The tail of one
 * queue is not split: it is longer than a few pages only when the disk does not keep up.
 */
export function encodeQueues(
  memory: IndexMemory,
  from: number,
  asOf: number,
  bytesTarget: number,
): { chunk: Buffer; next: number } {
  const { queues } = memory;
  let next = from;
  let count = 0;
  let entries = 0;
  for (; next < queues.capacity; next++) {
    if (CHUNK_HEADER_BYTES + count * ROW_BYTES + entries * ENTRY_BYTES >= bytesTarget) break;
    if (!queues.has(next)) continue;
    count++;
    entries += memory.tailCount(next);
  }
  const entriesAt = CHUNK_HEADER_BYTES + count * ROW_BYTES;
  const chunk = Buffer.from(new ArrayBuffer(entriesAt + entries * ENTRY_BYTES));
  writeHeader(chunk, KIND_QUEUES, asOf);
  chunk.writeUInt32BE(count, 12);
  const words = new Uint32Array(chunk.buffer, entriesAt, entries * (ENTRY_BYTES / 4));
  let row = CHUNK_HEADER_BYTES;
  let wordAt = 0;
  for (let queueNo = from; queueNo < next; queueNo++) {
    if (!queues.has(queueNo)) continue;
    const tailCount = memory.tailCount(queueNo);
    writeRow(chunk, row, memory, queueNo, tailCount);
    const tailStart = queues.tailStart[queueNo] as number;
    if (tailCount > 0) memory.copyTail(queueNo, tailStart, tailCount, words, wordAt);
    row += ROW_BYTES;
    wordAt += tailCount * (ENTRY_BYTES / 4);
  }
  swapToDiskOrder(chunk.subarray(entriesAt));
  return { chunk, next };
}

export function encodeEnd(end: IndexEnd, asOf: number): Buffer {
  const chunk = Buffer.alloc(END_BYTES);
  writeHeader(chunk, KIND_END, asOf);
  chunk.writeUInt32BE(end.segmentNumber, 12);
  chunk.writeUInt32BE(end.pagesEnd, 16);
  writeUint56(chunk, end.physicalMax, 20);
  chunk.writeUInt32BE(end.nextGeneration, 28);
  chunk.writeUInt32BE(end.incarnation, 32);
  return chunk;
}

export interface ChunkVisitor {
  /** One queue; `entries` are its tail in disk order. */
  queue(row: ChunkRow, entries: Buffer, asOf: number): void;
  end(end: IndexEnd, asOf: number): void;
}

export interface ChunkRow {
  queueNo: number;
  generation: number;
  minOffset: number;
  tailStart: number;
  lastPhysical: number;
}

/** Reads a chunk; returns what is wrong with it, or undefined. Its checksum has been verified by the snapshot reader. */
export function decodeChunk(chunk: Buffer, visitor: ChunkVisitor): string | undefined {
  if (chunk.length < CHUNK_HEADER_BYTES) return 'index chunk is too short';
  if (chunk.readUInt8(1) !== VERSION) return `index chunk has version ${chunk.readUInt8(1)}`;
  const asOf = readUint56(chunk, 2);
  const kind = chunk.readUInt8(0);
  if (kind === KIND_QUEUES) return decodeQueues(chunk, asOf, visitor);
  if (kind !== KIND_END || chunk.length !== END_BYTES) return `index chunk of kind ${kind}`;
  visitor.end(
    {
      segmentNumber: chunk.readUInt32BE(12),
      pagesEnd: chunk.readUInt32BE(16),
      physicalMax: readUint56(chunk, 20),
      nextGeneration: chunk.readUInt32BE(28),
      incarnation: chunk.readUInt32BE(32),
    },
    asOf,
  );
  return undefined;
}

function decodeQueues(chunk: Buffer, asOf: number, visitor: ChunkVisitor): string | undefined {
  const count = chunk.readUInt32BE(12);
  let entriesAt = CHUNK_HEADER_BYTES + count * ROW_BYTES;
  if (entriesAt > chunk.length) return 'index chunk is shorter than its rows';
  for (let i = 0; i < count; i++) {
    const at = CHUNK_HEADER_BYTES + i * ROW_BYTES;
    const bytes = chunk.readUInt32BE(at + 28) * ENTRY_BYTES;
    if (entriesAt + bytes > chunk.length) return 'index chunk is shorter than its entries';
    const row = {
      queueNo: chunk.readUInt32BE(at),
      generation: chunk.readUInt32BE(at + 4),
      minOffset: chunk.readUIntBE(at + 8, 6),
      tailStart: chunk.readUIntBE(at + 14, 6),
      lastPhysical: readUint56(chunk, at + 20) - 1,
    };
    visitor.queue(row, chunk.subarray(entriesAt, entriesAt + bytes), asOf);
    entriesAt += bytes;
  }
  return entriesAt === chunk.length ? undefined : 'index chunk is longer than its entries';
}

function writeHeader(chunk: Buffer, kind: number, asOf: number): void {
  chunk.writeUInt8(kind, 0);
  chunk.writeUInt8(VERSION, 1);
  writeUint56(chunk, asOf, 2);
}

function writeRow(
  chunk: Buffer,
  at: number,
  memory: IndexMemory,
  queueNo: number,
  tailCount: number,
): void {
  const { queues } = memory;
  chunk.writeUInt32BE(queueNo, at);
  chunk.writeUInt32BE(queues.generation[queueNo] as number, at + 4);
  chunk.writeUIntBE(queues.minOffset[queueNo] as number, at + 8, 6);
  chunk.writeUIntBE(queues.tailStart[queueNo] as number, at + 14, 6);
  writeUint56(chunk, (queues.lastPhysical[queueNo] as number) + 1, at + 20);
  chunk.writeUInt32BE(tailCount, at + 28);
}
