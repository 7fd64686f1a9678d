/**
 * Records that come framed, from another copy of the log: what has to hold before any of them is taken, and how they are
 * cut into runs that the log can take at once.
 */
import type { Epoch, PhysicalOffset } from '../../common/model/offsets.ts';
import { physicalOffset } from '../../common/model/offsets.ts';
import type { RecordState } from './core/record-state.ts';
import { startsSegment } from './core/roll-policy.ts';
import { inspectRecord, readLength, recordAt } from './record-codec.ts';
import { RecordType } from './record-type.ts';

/** 'old-epoch': of an earlier master than the record before it; 'bad-durable': knows of durable bytes beyond itself. */
export type RawRecordState = Exclude<RecordState, 'ok'> | 'old-epoch' | 'bad-durable';

export interface RawDamage {
  kind: 'damaged';
  offset: PhysicalOffset;
  state: RawRecordState;
}

/**
 * What is wrong with `records` as the continuation of a log that ends at `end`, whose last record is of `lastEpoch`. Tells
 * the epochs in them, each once. A Hole has the epoch of what a repair found before it, if anything: it says nothing.
 */
export function inspectRecords(
  records: Buffer,
  end: PhysicalOffset,
  lastEpoch: Epoch,
  onEpoch: (epoch: Epoch, offset: PhysicalOffset) => void,
): RawDamage | undefined {
  let epoch: number = lastEpoch;
  let told = -1;
  for (let at = 0; at < records.length;) {
    const offset = physicalOffset(end + at);
    const state = inspectRecord(records, at, records.length, offset);
    if (state !== 'ok') return { kind: 'damaged', offset, state };
    const record = recordAt(records, at);
    if (record.durableOffset > offset) return { kind: 'damaged', offset, state: 'bad-durable' };
    if (record.type !== RecordType.Hole) {
      if (record.epoch < epoch) return { kind: 'damaged', offset, state: 'old-epoch' };
      if (record.epoch > told) onEpoch(record.epoch, offset);
      epoch = told = record.epoch;
    }
    at += record.bytes;
  }
  return undefined;
}

export interface RunLimits {
  segmentStart: number;
  segmentBytes: number;
  /** Room for the first run; the second and later ones get `runBytesMax`. */
  roomBytes: number;
  runBytesMax: number;
}

/** Records of one segment, [start, end) of the buffer. One record is always taken, however long. */
export interface Run {
  start: number;
  end: number;
  startsSegment: boolean;
}

/** Cuts inspected records that start at log offset `base` into runs. */
export function* cutIntoRuns(
  records: Buffer,
  base: number,
  limits: RunLimits,
): Generator<Run, void, void> {
  let { segmentStart, roomBytes } = limits;
  let run: Run | undefined;
  for (let at = 0; at < records.length;) {
    const bytes = readLength(records, at);
    const isFirst = startsSegment(segmentStart, base + at, limits.segmentBytes);
    if (isFirst) segmentStart = base + at;
    if (run !== undefined && (isFirst || at + bytes - run.start > roomBytes)) {
      yield run;
      run = undefined;
      roomBytes = limits.runBytesMax;
    }
    run ??= { start: at, end: at, startsSegment: isFirst };
    at += bytes;
    run.end = at;
  }
  if (run !== undefined) yield run;
}
