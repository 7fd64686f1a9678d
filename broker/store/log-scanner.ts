/**
 * Walks a range of the log record by record and validates each. It reads 1 MiB at a time, yields the event loop between
 * slices of work, and stops at the first thing that is not an intact record, saying what stands there; whether that is
 * the end, a torn tail or corruption is decided elsewhere (core/recovery-decision.ts for recovery, `scan` for readers).
 */
import { type PhysicalOffset, physicalOffset } from '../../common/model/offsets.ts';
import type { Timers } from '../../common/environment/timers.ts';
import type { RecordState } from './core/record-state.ts';
import {
  HEADER_BYTES,
  inspectRecord,
  type LogRecord,
  OFFSET_LOW_BYTE_AT,
  readLength,
  readOffset,
  RECORD_BYTES_MAX,
  recordAt,
} from './record-codec.ts';

/** One read of the disk; also what one scan holds in memory, unless a record is longer. */
export const SCAN_CHUNK_BYTES = 1024 * 1024;
/** Records per yielded array: about 0.3 µs each to check and 0.1 µs to describe, so about 1 ms without yielding. */
const SLICE_RECORDS_MAX = 2048;
/** A transient error of the read path must not look like damage: only what is seen this often is believed. */
export const LOOKS = 3;
/** Offsets tried per turn while looking for the next intact record; about 1 ns each. */
const RESYNC_SLICE_BYTES = SCAN_CHUNK_BYTES;

/** Bytes of one segment or of a whole log. A read returns less than asked only where the range it may touch ends. */
export interface RangeSource {
  read(offset: PhysicalOffset, length: number): Promise<Buffer>;
}

export interface ScanStop {
  /** First byte after the last intact record. */
  offset: PhysicalOffset;
  /** 'end' when that is exactly `to`; otherwise what stands there. */
  state: Exclude<RecordState, 'ok'> | 'end';
}

/** Lets everything else that is due run first. */
function yieldLoop(timers: Timers): Promise<void> {
  return new Promise((resolve) => timers.soon(resolve));
}

/** Yields the intact records of [from, to) and returns where and why it stopped. `from` is a record boundary. */
export async function* scanRecords(
  source: RangeSource,
  timers: Timers,
  from: PhysicalOffset,
  to: PhysicalOffset,
): AsyncGenerator<LogRecord[], ScanStop, void> {
  let position: number = from;
  let readBytes: number | undefined = SCAN_CHUNK_BYTES;
  let looks = { at: -1, count: 0 };
  while (position < to) {
    const wanted: number = Math.min(readBytes ?? SCAN_CHUNK_BYTES, to - position);
    const chunk = await source.read(physicalOffset(position), wanted);
    const isCut = chunk.length === wanted && position + wanted < to;
    const parsed = yield* parseChunk(chunk, timers, position);
    position += parsed.bytes;
    readBytes = bytesToReadOn(chunk, parsed, isCut);
    if (readBytes === undefined) {
      looks = { at: position, count: looks.at === position ? looks.count + 1 : 1 };
      if (looks.count === LOOKS) {
        return { offset: physicalOffset(position), state: parsed.state };
      }
    }
    await yieldLoop(timers);
  }
  return { offset: physicalOffset(position), state: 'end' };
}

interface Parsed {
  /** Length of the intact records. */
  bytes: number;
  /** What stands behind them; 'short-header' also for nothing at all. */
  state: Exclude<RecordState, 'ok'>;
}

async function* parseChunk(
  chunk: Buffer,
  timers: Timers,
  offset: number,
): AsyncGenerator<LogRecord[], Parsed, void> {
  let bytes = 0;
  for (;;) {
    const slice = parseSlice(chunk, bytes, offset + bytes);
    bytes += slice.bytes;
    if (slice.records.length > 0) yield slice.records;
    if (slice.state !== 'more') return { bytes, state: slice.state };
    await yieldLoop(timers);
  }
}

/** How much to read next when the chunk ended before the records did; undefined when what stands there is damage. */
function bytesToReadOn(chunk: Buffer, parsed: Parsed, isCut: boolean): number | undefined {
  if (chunk.length > 0 && parsed.bytes === chunk.length) return SCAN_CHUNK_BYTES;
  if (!isCut) return undefined;
  if (parsed.state === 'short-header' && parsed.bytes > 0) return SCAN_CHUNK_BYTES;
  if (parsed.state !== 'short-body') return undefined;
  return Math.max(SCAN_CHUNK_BYTES, readLength(chunk, parsed.bytes));
}

/** Runs a scan to its stop; `onRecords` sees what it yields. */
export async function scanToStop(
  scan: AsyncGenerator<LogRecord[], ScanStop, void>,
  onRecords: (records: LogRecord[]) => Promise<void> | void,
): Promise<ScanStop> {
  for (;;) {
    const next = await scan.next();
    if (next.done === true) return next.value;
    await onRecords(next.value);
  }
}

interface Slice {
  records: LogRecord[];
  bytes: number;
  /** Why the slice ends: 'more' when only its size bound did. */
  state: Exclude<RecordState, 'ok'> | 'more';
}

function parseSlice(chunk: Buffer, start: number, offset: number): Slice {
  const records: LogRecord[] = [];
  let at = start;
  while (records.length < SLICE_RECORDS_MAX) {
    const state = inspectRecord(chunk, at, chunk.length, offset + at - start);
    if (state !== 'ok') return { records, bytes: at - start, state };
    const record = recordAt(chunk, at);
    records.push(record);
    at += record.bytes;
  }
  return { records, bytes: at - start, state: 'more' };
}

/**
 * The next intact record at or after `from`, byte by byte: a candidate names its own position (1 in 2^56 by chance) and
 * then has to pass its checksum. A message body could hold a forged record for a position its sender guessed; that can
 * mislead a repair of a log that is damaged just before it, nothing else.
 */
export async function findNextRecord(
  source: RangeSource,
  timers: Timers,
  from: PhysicalOffset,
  to: PhysicalOffset,
): Promise<LogRecord | undefined> {
  for (let base: number = from; base + HEADER_BYTES <= to; base += RESYNC_SLICE_BYTES) {
    const chunk = await source.read(
      physicalOffset(base),
      Math.min(RESYNC_SLICE_BYTES + HEADER_BYTES - 1, to - base),
    );
    for (let at = 0; at < RESYNC_SLICE_BYTES && at + HEADER_BYTES <= chunk.length; at += 1) {
      const offset = base + at;
      // The lowest byte of the offset field first: it alone rejects 255 of 256 positions.
      if (chunk[at + OFFSET_LOW_BYTE_AT] !== (offset & 0xff) || readOffset(chunk, at) !== offset)
        continue;
      const record = await readRecord(source, physicalOffset(offset), to);
      if (record !== undefined) return record;
    }
    await yieldLoop(timers);
  }
  return undefined;
}

/** The record at `offset` if it is intact. */
async function readRecord(
  source: RangeSource,
  offset: PhysicalOffset,
  to: PhysicalOffset,
): Promise<LogRecord | undefined> {
  const header = await source.read(offset, HEADER_BYTES);
  if (header.length < HEADER_BYTES) return undefined;
  const length = readLength(header, 0);
  if (length < HEADER_BYTES || length > RECORD_BYTES_MAX || offset + length > to) return undefined;
  const bytes = await source.read(offset, length);
  return inspectRecord(bytes, 0, bytes.length, offset) === 'ok' ? recordAt(bytes, 0) : undefined;
}
