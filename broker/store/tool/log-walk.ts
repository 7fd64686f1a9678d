/**
 * Walks every byte of a log on disk, intact or not, for describe, verify and repair. Unlike SegmentList and recovery it
 * refuses nothing: it reports each damaged range and goes on behind it. Of a log that a broker is writing to, the last
 * bytes may look damaged; stop the broker, or read the result accordingly.
 */
import { type PhysicalOffset, physicalOffset } from '../../../common/model/offsets.ts';
import type { Disk } from '../../../common/environment/disk.ts';
import type { Timers } from '../../../common/environment/timers.ts';
import { COMMIT_LOG_DIRECTORY } from '../commit-log.ts';
import { findNextRecord, scanRecords } from '../log-scanner.ts';
import type { RecordState } from '../core/record-state.ts';
import type { LogRecord } from '../record-codec.ts';
import { parseSegmentName, SegmentFile } from '../segment-file.ts';

export interface ToolEnvironment {
  disk: Disk;
  timers: Timers;
}

export interface ToolProgress {
  doneBytes: number;
  totalBytes: number;
  file: string;
}

/** A range [start, end) of the log that holds no readable records. */
export interface Damage {
  file: string;
  start: PhysicalOffset;
  end: PhysicalOffset;
  /** What stands at `start`; 'gap': no file has these bytes; 'overlap': the file goes on behind the start of its successor. */
  state: Exclude<RecordState, 'ok'> | 'gap' | 'overlap';
  /** Start of the next intact record or segment; undefined when there is neither. */
  resumesAt: PhysicalOffset | undefined;
  /** An intact record was found behind it in the same file. If not, nothing tells where records begin again. */
  isResynced: boolean;
  /** What the intact record before it carries, so that a filler can continue it. */
  before: Pick<LogRecord, 'epoch' | 'storeTimeMs' | 'durableOffset'> | undefined;
}

export interface LogVisitor {
  record(record: LogRecord, segment: SegmentFile): void;
  damage(damage: Damage, segment: SegmentFile): void;
}

/** Opens what is there, in order, with no judgement. The caller closes. */
export async function openSegments(disk: Disk, directory: string): Promise<SegmentFile[]> {
  const path = `${directory}/${COMMIT_LOG_DIRECTORY}`;
  const starts = (await disk.list(path))
    .map(parseSegmentName)
    .filter((start) => start !== undefined);
  const segments: SegmentFile[] = [];
  for (const start of starts.sort((a, b) => a - b))
    segments.push(await SegmentFile.open(disk, path, start, false));
  return segments;
}

export async function closeSegments(segments: readonly SegmentFile[]): Promise<void> {
  for (const segment of segments) await segment.close();
}

export async function* walkLog(
  segments: readonly SegmentFile[],
  timers: Timers,
  visitor: LogVisitor,
): AsyncGenerator<ToolProgress, void, void> {
  const totalBytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  let doneBytes = 0;
  let last: LogRecord | undefined;
  const tracking: LogVisitor = {
    record(record, segment) {
      last = record;
      visitor.record(record, segment);
    },
    damage(damage, segment) {
      visitor.damage({ ...damage, before: last }, segment);
    },
  };
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    const end = physicalOffset(Math.min(segment.endOffset, next?.startOffset ?? segment.endOffset));
    for await (const position of walkSegment(segment, timers, end, next, tracking)) {
      yield {
        doneBytes: doneBytes + position - segment.startOffset,
        totalBytes,
        file: segment.path,
      };
    }
    doneBytes += segment.bytes;
    yield { doneBytes, totalBytes, file: segment.path };
    if (next === undefined || segment.endOffset === next.startOffset) continue;
    const [start, stop] = [segment.endOffset, next.startOffset].sort((a, b) => a - b);
    tracking.damage(
      {
        file: segment.path,
        start: physicalOffset(start ?? 0),
        end: physicalOffset(stop ?? 0),
        state: segment.endOffset < next.startOffset ? 'gap' : 'overlap',
        resumesAt: next.startOffset,
        isResynced: true,
        before: undefined,
      },
      segment,
    );
  }
}

/** Yields how far it is. */
async function* walkSegment(
  segment: SegmentFile,
  timers: Timers,
  end: PhysicalOffset,
  next: SegmentFile | undefined,
  visitor: LogVisitor,
): AsyncGenerator<PhysicalOffset, void, void> {
  let position = segment.startOffset;
  while (position < end) {
    const scan = scanRecords(segment, timers, position, end);
    let step = await scan.next();
    for (; step.done !== true; step = await scan.next()) {
      for (const record of step.value) visitor.record(record, segment);
      yield step.value.at(-1)?.offset ?? position;
    }
    const stop = step.value;
    if (stop.state === 'end') return;
    const found = await findNextRecord(segment, timers, physicalOffset(stop.offset + 1), end);
    const damageEnd = found?.offset ?? end;
    visitor.damage(
      {
        file: segment.path,
        start: stop.offset,
        end: damageEnd,
        state: stop.state,
        resumesAt: found?.offset ?? next?.startOffset,
        isResynced: found !== undefined,
        before: undefined,
      },
      segment,
    );
    position = damageEnd;
  }
}
