/**
 * Finds the end of the log after a restart and makes everything below it durable. Reads records from `scanFrom` on (the
 * snapshot covers what is before), asks core/recovery-decision.ts at the first thing that is not an intact record, and
 * does what the row says: cut a torn tail, or throw a StoreError and touch nothing.
 *
 * What was proven durable is taken from the caller (snapshot), the checkpoint, sealed segments, and from intact records
 * after the damage, each of which says how far the log was durable when it was appended.
 */
import { assert } from '../../common/assert.ts';
import type { EpochStart } from '../../common/model/broker-group.ts';
import {
  type Epoch,
  epoch,
  type PhysicalOffset,
  physicalOffset,
} from '../../common/model/offsets.ts';
import type { Environment } from '../../common/environment/environment.ts';
import type { Timers } from '../../common/environment/timers.ts';
import { EpochStarts } from './core/epoch-starts.ts';
import { decideRecovery, describeState, type Position } from './core/recovery-decision.ts';
import {
  findNextRecord,
  type RangeSource,
  scanRecords,
  type ScanStop,
  scanToStop,
} from './log-scanner.ts';
import { HEADER_BYTES, type LogRecord } from './record-codec.ts';
import { RecordType } from './record-type.ts';
import type { SegmentFile } from './segment-file.ts';
import type { SegmentList } from './segment-list.ts';
import { StoreError } from './store-error.ts';

export interface RecoveryReport extends FoundLog {
  /** What the checkpoint says the group had confirmed: at least this is confirmed. */
  confirmOffset: PhysicalOffset;
  /** Epoch of the last record of the log, 0 when it has none. */
  lastEpoch: Epoch;
}

export interface FoundLog {
  /** Label of the row that decided the end, and what it said. */
  row: string;
  decision: 'end' | 'truncate';
  endOffset: PhysicalOffset;
  /** Bytes of a torn tail that were cut off; none of them was known durable. */
  truncatedBytes: number;
  /** Intact records among them: written out of order before a power loss, unusable behind the tear. */
  truncatedRecords: number;
  recordsScanned: number;
  /** Epochs of the records that were scanned, oldest first; the first one may have started before `scanFrom`. */
  epochs: readonly EpochStart[];
  elapsedMs: number;
}

export interface RecoveryRange {
  /** A record boundary. */
  scanFrom: PhysicalOffset;
  /** A record boundary; everything below is known to have been durable. */
  durableFloor: PhysicalOffset;
}

export interface RecoveryOptions extends RecoveryRange {
  /**
   * Records of this epoch were appended by this copy of the log itself. Only those prove, by their durableOffset, what was
   * durable here; what came from another master tells of its disk.
   */
  isOwnEpoch: (epoch: Epoch) => boolean;
}

/**
 * A kernel that could not write pages may forget them between our reading them and our writing them again; then the end is
 * looked for once more. After the first pass every byte above the floor was written and synced by us, so the second one
 * sees what stays.
 */
const PASSES_MAX = 3;

export async function recover(
  segments: SegmentList,
  environment: Environment,
  range: RecoveryOptions,
): Promise<FoundLog> {
  const startedMs = environment.clock.monotonicMs();
  requireRange(segments, range);
  const total = { truncatedBytes: 0, truncatedRecords: 0, row: '' };
  const floor = physicalOffset(Math.max(range.durableFloor, range.scanFrom));
  for (let pass = 1; ; pass += 1) {
    const end = await findEnd(segments, environment, range, floor);
    total.truncatedBytes += segments.endOffset - end.offset;
    total.truncatedRecords += end.laterRecords;
    if (total.row === '' || end.row !== 'C') total.row = end.row;
    await segments.truncateTo(end.offset);
    const stop = await makeDurable(segments, environment.timers, floor);
    if (stop.state === 'end') {
      return {
        ...total,
        decision: total.truncatedBytes > 0 ? 'truncate' : 'end',
        endOffset: end.offset,
        recordsScanned: end.recordsScanned,
        epochs: end.epochs,
        elapsedMs: environment.clock.monotonicMs() - startedMs,
      };
    }
    if (pass === PASSES_MAX) throw unstable(segmentAt(segments, stop.offset), stop);
  }
}

interface FoundEnd {
  offset: PhysicalOffset;
  row: string;
  laterRecords: number;
  recordsScanned: number;
  epochs: readonly EpochStart[];
}

async function findEnd(
  segments: SegmentList,
  environment: Environment,
  options: RecoveryOptions,
  floor: PhysicalOffset,
): Promise<FoundEnd> {
  let position = options.scanFrom;
  let recordsScanned = 0;
  const epochs = new EpochStarts();
  for (;;) {
    const segment = segmentAt(segments, position);
    const scan = scanRecords(segment, environment.timers, position, segment.endOffset);
    const stop = await scanToStop(scan, (records) => {
      recordsScanned += records.length;
      noteEpochs(records, epochs);
    });
    const proof = { floor, isOwnEpoch: options.isOwnEpoch };
    const evidence = await findEvidence(segments, segment, environment, stop, proof);
    const isFileEnd = stop.offset === segment.endOffset;
    const seen = describeState(stop.state === 'end' ? 'short-header' : stop.state, isFileEnd);
    const row = decideRecovery(seen.header, seen.body, evidence.position);
    switch (row.decision) {
      case 'next-segment':
        position = segment.endOffset;
        break;
      case 'end':
      case 'truncate':
        return {
          offset: stop.offset,
          row: row.label,
          laterRecords: evidence.laterRecords,
          recordsScanned,
          epochs: epochs.starts,
        };
      default:
        throw refusal(segment, stop, row.label, row.decision, evidence);
    }
  }
}

/**
 * Writes the records of [from, end) once more, syncs, and reads them back. A process before us, or we ourselves, may have
 * had a failed fdatasync: then the kernel holds these bytes as clean pages that never reached the disk, and a sync alone
 * would do nothing. Only validated records are written, over themselves, which harms nothing; the range is short (what one
 * checkpoint interval appended). `source` may know the bytes without reading them back from the file.
 *
 * Stops other than 'end' tell where the files do not hold what they should.
 */
export async function makeDurable(
  segments: SegmentList,
  timers: Timers,
  from: PhysicalOffset,
  source?: RangeSource,
): Promise<ScanStop> {
  const rewritten = await eachSegment(segments, from, async (segment, start) => {
    const scan = scanRecords(source ?? segment, timers, start, segment.endOffset);
    const stop = await scanToStop(scan, async (records) => {
      const [first, last] = [records[0], records.at(-1)];
      assert(first !== undefined && last !== undefined, 'a scan yields no empty array');
      const bytes = first.buffer.subarray(first.payloadStart - HEADER_BYTES, last.payloadEnd);
      await segment.rewrite(first.offset, bytes);
    });
    await segment.sync();
    return stop;
  });
  if (rewritten.state !== 'end') return rewritten;
  return eachSegment(segments, from, (segment, start) =>
    scanToStop(scanRecords(segment, timers, start, segment.endOffset), () => undefined),
  );
}

/** A Hole has the epoch of what a repair found before it, if anything: it says nothing. */
function noteEpochs(records: readonly LogRecord[], epochs: EpochStarts): void {
  for (const record of records)
    if (record.type !== RecordType.Hole) epochs.note(record.epoch, record.offset);
}

/**
 * The epoch of the last record below `end`, read from the files: at most one segment of it, and only what is intact. 0 when
 * there is none.
 */
export async function readLastEpoch(
  segments: SegmentList,
  timers: Timers,
  end: PhysicalOffset,
): Promise<Epoch> {
  const epochs = new EpochStarts();
  const segment = end > segments.startOffset ? segments.find(physicalOffset(end - 1)) : undefined;
  if (segment !== undefined) {
    await scanToStop(scanRecords(segment, timers, segment.startOffset, end), (records) =>
      noteEpochs(records, epochs),
    );
  }
  return epochs.lastBelow(end) ?? epoch(0);
}

/** Visits the segments from the one that holds `from`, until one does not stop at its end. */
async function eachSegment(
  segments: SegmentList,
  from: PhysicalOffset,
  visit: (segment: SegmentFile, start: PhysicalOffset) => Promise<ScanStop>,
): Promise<ScanStop> {
  let position = from;
  for (;;) {
    const segment = segmentAt(segments, position);
    const stop = await visit(segment, position);
    if (stop.state !== 'end' || segments.isLast(segment)) return stop;
    position = segment.endOffset;
  }
}

function segmentAt(segments: SegmentList, offset: PhysicalOffset): SegmentFile {
  const segment = segments.find(offset);
  assert(segment !== undefined, `no segment holds ${offset}`);
  return segment;
}

function unstable(segment: SegmentFile, stop: ScanStop): StoreError {
  return new StoreError({
    kind: 'io',
    file: segment.path,
    offset: stop.offset,
    reason: `the disk does not keep what it is given: ${stop.state} on reading back, ${PASSES_MAX} times`,
    hint: 'Replace the disk; the intact part of the log can be copied to another one.',
  });
}

function requireRange(segments: SegmentList, range: RecoveryRange): void {
  const first = segments.infos()[0];
  const file = first?.path ?? segments.directory;
  if (range.scanFrom < segments.startOffset) {
    throw new StoreError({
      kind: 'missing-log',
      file,
      offset: range.scanFrom,
      reason: `the log has to be read from ${range.scanFrom}, but starts at ${segments.startOffset}`,
      hint: 'Older segments or the snapshot that covers them are gone. Restore DIR/snapshot or DIR/commitlog from a copy.',
    });
  }
  if (range.scanFrom > segments.endOffset) {
    throw new StoreError({
      kind: 'missing-log',
      file: segments.last.path,
      offset: segments.endOffset,
      reason: `the snapshot reaches to ${range.scanFrom}, but the log ends at ${segments.endOffset}`,
      hint: 'Bytes that were durable are gone. Restore the log from a copy, or accept the loss: orbitmq store repair DIR',
    });
  }
}

interface Evidence {
  position: Position;
  /** What proves it, for the message. */
  because: string;
  laterRecords: number;
  /** First intact record after the damage. */
  resumesAt: PhysicalOffset | undefined;
}

async function findEvidence(
  segments: SegmentList,
  segment: SegmentFile,
  environment: Environment,
  stop: ScanStop,
  { floor, isOwnEpoch }: { floor: PhysicalOffset; isOwnEpoch: (epoch: Epoch) => boolean },
): Promise<Evidence> {
  const found = { laterRecords: 0, resumesAt: undefined as PhysicalOffset | undefined };
  if (!segments.isLast(segment))
    return { position: 'sealed', because: 'its segment has a successor', ...found };
  if (stop.offset < floor) {
    return { position: 'proven', because: `the log was durable up to ${floor}`, ...found };
  }
  if (stop.offset === segment.endOffset) return { position: 'unproven', because: '', ...found };
  for await (const record of laterRecords(segment, environment, stop.offset)) {
    found.laterRecords += 1;
    found.resumesAt ??= record.offset;
    if (record.durableOffset > stop.offset && isOwnEpoch(record.epoch)) {
      const because = `the intact record at ${record.offset} says that the log was durable up to ${record.durableOffset}`;
      return { position: 'proven', because, ...found };
    }
  }
  return { position: 'unproven', because: '', ...found };
}

/** Every intact record after the damage at `from`, across further damage. */
async function* laterRecords(
  segment: SegmentFile,
  environment: Environment,
  from: PhysicalOffset,
): AsyncGenerator<LogRecord, void, void> {
  let position = physicalOffset(from + 1);
  for (;;) {
    const record = await findNextRecord(segment, environment.timers, position, segment.endOffset);
    if (record === undefined) return;
    const scan = scanRecords(segment, environment.timers, record.offset, segment.endOffset);
    let next = await scan.next();
    for (; next.done !== true; next = await scan.next()) yield* next.value;
    position = physicalOffset(Math.min(next.value.offset + 1, segment.endOffset));
  }
}

function refusal(
  segment: SegmentFile,
  stop: ScanStop,
  row: string,
  decision: 'accept' | 'next-segment' | 'corrupt' | 'unsupported',
  evidence: Evidence,
): StoreError {
  const isNewer = decision === 'unsupported';
  const resumes =
    evidence.resumesAt === undefined ? '' : `; intact records go on at ${evidence.resumesAt}`;
  return new StoreError({
    kind: isNewer ? 'unsupported' : 'corrupt',
    file: segment.path,
    offset: stop.offset,
    reason: isNewer
      ? 'an intact record of a newer format stands here'
      : `${stop.state} in a part that was durable (row ${row}: ${evidence.because})${resumes}`,
    hint: isNewer
      ? 'Start it with the newer OrbitMQ that wrote it.'
      : 'Nothing was changed. Look with: orbitmq store verify DIR; then restore a copy, or: orbitmq store repair DIR',
  });
}
