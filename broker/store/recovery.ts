/**
 * Finds the end of the log after a restart and makes everything below it durable. Reads records from `scanFrom` on (the
 * snapshot covers what is before), asks core/recovery-decision.ts at the first thing that is not an intact record, and
 * does what the row says: cut a torn tail, or throw a StoreError and touch nothing.
 *
 * What was proven durable is taken from the caller (snapshot), the checkpoint, sealed segments, and from intact records
 * after the damage, each of which says how far the log was durable when it was appended.
 */
import { assert } from '../../common/assert.ts';
import { type PhysicalOffset, physicalOffset } from '../../common/model/offsets.ts';
import type { Environment } from '../../common/environment/environment.ts';
import { decideRecovery, describeState, type Position } from './core/recovery-decision.ts';
import { findNextRecord, SCAN_CHUNK_BYTES, scanRecords, type ScanStop } from './log-scanner.ts';
import type { LogRecord } from './record-codec.ts';
import type { SegmentFile } from './segment-file.ts';
import type { SegmentList } from './segment-list.ts';
import { StoreError } from './store-error.ts';

export interface RecoveryReport {
  /** Label of the row that decided the end, and what it said. */
  row: string;
  decision: 'end' | 'truncate';
  endOffset: PhysicalOffset;
  /** Bytes of a torn tail that were cut off; none of them was known durable. */
  truncatedBytes: number;
  /** Intact records among them: written out of order before a power loss, unusable behind the tear. */
  truncatedRecords: number;
  recordsScanned: number;
  elapsedMs: number;
}

export interface RecoveryRange {
  /** A record boundary. */
  scanFrom: PhysicalOffset;
  /** Everything below is known to have been durable. */
  durableFloor: PhysicalOffset;
}

/** Bytes written again between two looks at the event loop. */
const REWRITE_BYTES = SCAN_CHUNK_BYTES;

export async function recover(
  segments: SegmentList,
  environment: Environment,
  range: RecoveryRange,
): Promise<RecoveryReport> {
  const startedMs = environment.clock.monotonicMs();
  requireRange(segments, range);
  let position = range.scanFrom;
  let recordsScanned = 0;
  for (;;) {
    const segment = segmentAt(segments, position);
    const { stop, count } = await scanSegment(segment, environment, position);
    recordsScanned += count;
    const evidence = await findEvidence(segments, segment, environment, stop, range.durableFloor);
    const seen = describeState(stop.state === 'end' ? 'short-header' : stop.state, stop.offset === segment.endOffset);
    const row = decideRecovery(seen.header, seen.body, evidence.position);
    if (row.decision === 'next-segment') {
      position = segment.endOffset;
      continue;
    }
    if (row.decision !== 'end' && row.decision !== 'truncate') {
      throw refusal(segment, stop, row.label, row.decision, evidence);
    }
    const truncatedBytes = segments.endOffset - stop.offset;
    await segments.truncateTo(stop.offset);
    await makeDurable(segments, physicalOffset(Math.min(stop.offset, Math.max(range.durableFloor, segments.startOffset))));
    return {
      row: row.label,
      decision: row.decision,
      endOffset: stop.offset,
      truncatedBytes,
      truncatedRecords: evidence.laterRecords,
      recordsScanned,
      elapsedMs: environment.clock.monotonicMs() - startedMs,
    };
  }
}

/**
 * Writes [from, end) of the log once more and syncs it. A process before us, or we ourselves, may have had a failed
 * fdatasync: then the kernel holds these bytes as clean pages that never reached the disk, and a sync alone would do
 * nothing. The same bytes over themselves harm nothing, and the range is short (what one checkpoint interval appended).
 * `memory` gives bytes that need not be read back.
 */
export async function makeDurable(
  segments: SegmentList,
  from: PhysicalOffset,
  memory?: (offset: PhysicalOffset, bytesMax: number) => Buffer | undefined,
): Promise<void> {
  let position = from;
  while (position < segments.endOffset) {
    const segment = segmentAt(segments, position);
    const bytesMax = Math.min(REWRITE_BYTES, segment.endOffset - position);
    const bytes = memory?.(position, bytesMax) ?? (await segment.read(position, bytesMax));
    if (bytes.length === 0) throw lostBytes(segment, position);
    await segment.rewrite(position, bytes);
    position = physicalOffset(position + bytes.length);
    if (position === segment.endOffset && !segments.isLast(segment)) await segment.sync();
  }
  await segments.last.sync();
}

function segmentAt(segments: SegmentList, offset: PhysicalOffset): SegmentFile {
  const segment = segments.find(offset);
  assert(segment !== undefined, `no segment holds ${offset}`);
  return segment;
}

function lostBytes(segment: SegmentFile, offset: PhysicalOffset): StoreError {
  return new StoreError({
    kind: 'corrupt',
    file: segment.path,
    offset,
    reason: `the file ends here, but bytes up to ${segment.endOffset} had been written`,
    hint: 'Restart the broker: recovery decides from what the disk holds.',
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

async function scanSegment(
  segment: SegmentFile,
  environment: Environment,
  from: PhysicalOffset,
): Promise<{ stop: ScanStop; count: number }> {
  const scan = scanRecords(segment, environment.timers, from, segment.endOffset);
  let count = 0;
  for (;;) {
    const next = await scan.next();
    if (next.done === true) return { stop: next.value, count };
    count += next.value.length;
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
  floor: PhysicalOffset,
): Promise<Evidence> {
  const found = { laterRecords: 0, resumesAt: undefined as PhysicalOffset | undefined };
  if (!segments.isLast(segment)) return { position: 'sealed', because: 'its segment has a successor', ...found };
  if (stop.offset < floor) {
    return { position: 'proven', because: `the log was durable up to ${floor}`, ...found };
  }
  if (stop.offset === segment.endOffset) return { position: 'unproven', because: '', ...found };
  for await (const record of laterRecords(segment, environment, stop.offset)) {
    found.laterRecords += 1;
    found.resumesAt ??= record.offset;
    if (record.durableOffset > stop.offset) {
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
    for (;;) {
      const next = await scan.next();
      if (next.done === true) {
        position = physicalOffset(Math.min(next.value.offset + 1, segment.endOffset));
        break;
      }
      yield* next.value;
    }
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
  const resumes = evidence.resumesAt === undefined ? '' : `; intact records go on at ${evidence.resumesAt}`;
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
