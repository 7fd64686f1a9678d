/**
 * `orbitmq store repair DIR`: makes a damaged log readable again, and says exactly what is lost. Nothing is deleted
 * silently: before a byte changes, the damaged range is copied to DIR/quarantine and a report is written there, durably.
 *
 * | damage                                            | action                                                          |
 * |---------------------------------------------------|-----------------------------------------------------------------|
 * | tail, nothing in it known durable                 | truncate                                                        |
 * | tail, known durable up to F (checkpoint, caller)  | truncate, then Hole records up to F: offsets are not used twice |
 * | middle                                            | Hole records over the range: what follows keeps its offsets     |
 * | gap (missing bytes between two segments)          | Hole records appended to the segment before                     |
 * | overlap                                           | truncate the segment before to the start of its successor       |
 * | intact records of a newer format                  | refused: a newer program can read them                          |
 *
 * Confirmation is the command's business: `planRepair` shows what would happen, `repairStore` does it.
 */
import { assert } from '../../../common/assert.ts';
import { epoch, type PhysicalOffset, physicalOffset } from '../../../common/model/offsets.ts';
import type { Disk } from '../../../common/environment/disk.ts';
import { requestIndexRebuild } from '../index/rebuild-marker.ts';
import { SCAN_CHUNK_BYTES } from '../log-scanner.ts';
import { encodeRecord, HEADER_BYTES, RECORD_BYTES_MAX } from '../record-codec.ts';
import { RecordType } from '../record-type.ts';
import type { SegmentFile } from '../segment-file.ts';
import { StoreError } from '../store-error.ts';
import { lockStore } from '../store-lock.ts';
import { readCheckpoint } from './describe.ts';
import {
  closeSegments,
  type Damage,
  openSegments,
  type ToolEnvironment,
  type ToolProgress,
} from './log-walk.ts';
import { describeDamage, type VerifyReport, verifyStore } from './verify.ts';

const QUARANTINE_DIRECTORY = 'quarantine';

/** Bytes of one filler record at most: 1 MiB keeps the loop free while it is sealed. */
const HOLE_BYTES_MAX = SCAN_CHUNK_BYTES;

export type RepairAction =
  'truncate' | 'truncate-and-fill' | 'fill' | 'fill-gap' | 'cut-overlap' | 'extend';

export interface RepairStep {
  action: RepairAction;
  /** The range that is lost. */
  start: PhysicalOffset;
  end: PhysicalOffset;
  file: string;
  /** Where Hole records end; undefined when there are none. */
  fillTo: PhysicalOffset | undefined;
  /** No intact record was found behind the damage in its segment: where records begin again is not known. */
  isResyncMissing: boolean;
  /** Copy of the bytes, below DIR; undefined when there were none. */
  quarantineFile: string | undefined;
  damage: Damage;
}

export interface RepairReport {
  steps: RepairStep[];
  lostBytes: number;
  endOffset: number;
}

/** What `repairStore` would do. `durableFloor`: known durable from elsewhere (a snapshot); the checkpoint is in the report. */
export function planRepair(report: VerifyReport, durableFloor: PhysicalOffset): RepairStep[] {
  const floor = physicalOffset(Math.max(durableFloor, report.missingTail?.end ?? 0));
  const steps = mergeGaps(report.damages).map((damage) => planStep(damage, floor));
  // A damaged tail is filled up to the floor by its own step.
  const isTailDamaged =
    report.damages.at(-1)?.end === report.endOffset && steps.at(-1)?.action === 'truncate-and-fill';
  if (report.endOffset < floor && !isTailDamaged) steps.push(extension(report, floor));
  return steps;
}

export async function* repairStore(
  environment: ToolEnvironment & { clock: { nowMs(): number } },
  directory: string,
  durableFloor: PhysicalOffset,
): AsyncGenerator<ToolProgress, RepairReport, void> {
  const { disk } = environment;
  const lock = await lockStore(disk, directory);
  try {
    const report = yield* verifyStore(environment, directory);
    const checkpoint = await readCheckpoint(environment, directory);
    const floor = physicalOffset(Math.max(durableFloor, checkpoint?.durableOffset ?? 0));
    const steps = planRepair(report, floor);
    const segments = await openSegments(disk, directory);
    try {
      await quarantine(disk, directory, segments, steps, environment.clock.nowMs());
      // The index and the snapshots still know of the records that are lost.
      if (steps.length > 0) await requestIndexRebuild(directory, environment);
      for (const step of steps) await apply(step, segmentOf(segments, step));
    } finally {
      await closeSegments(segments);
    }
    const endOffset = await logEnd(disk, directory);
    return {
      steps,
      lostBytes: steps.reduce((sum, step) => sum + step.end - step.start, 0),
      endOffset,
    };
  } finally {
    await lock.release();
  }
}

function planStep(damage: Damage, floor: PhysicalOffset): RepairStep {
  if (damage.state === 'bad-version' || damage.state === 'bad-type') {
    throw notRepairable(damage, 'unsupported', 'Use the newer OrbitMQ that wrote it.');
  }
  const { start, end, file } = damage;
  const step = {
    start,
    end,
    file,
    isResyncMissing: !damage.isResynced,
    quarantineFile: undefined,
    damage,
  };
  if (damage.state === 'overlap') return { ...step, action: 'cut-overlap', fillTo: undefined };
  if (damage.state === 'gap') return { ...step, action: 'fill-gap', fillTo: fillable(damage) };
  if (damage.resumesAt !== undefined) return { ...step, action: 'fill', fillTo: fillable(damage) };
  if (start >= floor) return { ...step, action: 'truncate', fillTo: undefined };
  const fillTo = physicalOffset(Math.max(floor, start + HEADER_BYTES));
  return { ...step, action: 'truncate-and-fill', fillTo };
}

/** A file that ends early, in the middle of damage: one range to fill, not two of which either may be too small. */
function mergeGaps(damages: readonly Damage[]): Damage[] {
  const merged: Damage[] = [];
  for (const damage of damages) {
    const last = merged.at(-1);
    const isContinued =
      damage.state === 'gap' && last?.file === damage.file && last.end === damage.start;
    if (isContinued) merged[merged.length - 1] = { ...last, end: damage.end };
    else merged.push(damage);
  }
  return merged;
}

function extension(report: VerifyReport, floor: PhysicalOffset): RepairStep {
  const start = physicalOffset(report.endOffset);
  const rest = { resumesAt: undefined, isResynced: false, before: undefined };
  const damage: Damage = { file: '', start, end: floor, state: 'gap', ...rest };
  const fillTo = physicalOffset(Math.max(floor, start + HEADER_BYTES));
  return {
    action: 'extend',
    start,
    end: floor,
    file: '',
    fillTo,
    isResyncMissing: true,
    quarantineFile: undefined,
    damage,
  };
}

/** A filler needs room for its own header. */
function fillable(damage: Damage): PhysicalOffset {
  if (damage.end - damage.start >= HEADER_BYTES) return damage.end;
  throw notRepairable(
    damage,
    'not-repairable',
    'The range is too small for a filler record. Restore the segment from a copy.',
  );
}

function notRepairable(
  damage: Damage,
  kind: 'unsupported' | 'not-repairable',
  hint: string,
): StoreError {
  return new StoreError({
    kind,
    file: damage.file,
    offset: damage.start,
    reason: describeDamage(damage),
    hint,
  });
}

function segmentOf(segments: readonly SegmentFile[], step: RepairStep): SegmentFile {
  const segment =
    step.file === '' ? segments.at(-1) : segments.find(({ path }) => path === step.file);
  assert(segment !== undefined, `no segment for the damage at ${step.start}`);
  return segment;
}

/** Copies every damaged range aside and writes the report, durably, before anything is changed. */
async function quarantine(
  disk: Disk,
  directory: string,
  segments: readonly SegmentFile[],
  steps: RepairStep[],
  nowMs: number,
): Promise<void> {
  if (steps.length === 0) return;
  const path = `${directory}/${QUARANTINE_DIRECTORY}`;
  await disk.makeDirectory(path);
  for (const step of steps) {
    if (step.action === 'extend' || step.action === 'fill-gap') continue;
    const segment = segmentOf(segments, step);
    const end =
      step.action === 'cut-overlap' ? segment.endOffset : Math.min(step.end, segment.endOffset);
    step.quarantineFile = `${QUARANTINE_DIRECTORY}/${nowMs}-${step.start}-${end}.bytes`;
    const copy = await disk.open(`${directory}/${step.quarantineFile}`, { create: true });
    for (let at: number = step.start; at < end; at += SCAN_CHUNK_BYTES) {
      const bytes = await segment.read(physicalOffset(at), Math.min(SCAN_CHUNK_BYTES, end - at));
      await copy.write(at - step.start, [bytes]);
    }
    await copy.sync();
    await copy.close();
  }
  const report = await disk.open(`${path}/${nowMs}-report.json`, { create: true });
  await report.write(0, [Buffer.from(`${JSON.stringify(steps, undefined, 2)}\n`)]);
  await report.sync();
  await report.close();
  await disk.syncDirectory(path);
}

async function apply(step: RepairStep, segment: SegmentFile): Promise<void> {
  const isCut =
    step.action === 'truncate' ||
    step.action === 'truncate-and-fill' ||
    step.action === 'cut-overlap';
  if (isCut || (step.action === 'fill' && step.end > segment.endOffset))
    await segment.truncate(step.start);
  if (step.fillTo !== undefined) await writeHoles(segment, step.damage, step.fillTo);
  await segment.sync();
}

/** Hole records that fill [damage.start, end) exactly. */
async function writeHoles(
  segment: SegmentFile,
  damage: Damage,
  end: PhysicalOffset,
): Promise<void> {
  let position = damage.start;
  while (position < end) {
    const bytes = holeBytes(end - position);
    const hole = Buffer.alloc(bytes);
    encodeRecord(hole, 0, {
      length: bytes,
      type: RecordType.Hole,
      flags: 0,
      epoch: damage.before?.epoch ?? epoch(0),
      offset: position,
      storeTimeMs: damage.before?.storeTimeMs ?? 0,
      durableOffset: damage.before?.durableOffset ?? physicalOffset(0),
    });
    if (position < segment.endOffset) await segment.rewrite(position, hole);
    else await segment.append([hole], bytes);
    position = physicalOffset(position + bytes);
  }
}

/** The next filler's length: the rest must be nothing, or enough for another one. */
function holeBytes(remaining: number): number {
  assert(
    remaining >= HEADER_BYTES && HOLE_BYTES_MAX <= RECORD_BYTES_MAX,
    `no filler fits ${remaining} bytes`,
  );
  if (remaining <= HOLE_BYTES_MAX) return remaining;
  return remaining - HOLE_BYTES_MAX >= HEADER_BYTES
    ? HOLE_BYTES_MAX
    : HOLE_BYTES_MAX - HEADER_BYTES;
}

/** Where the repaired log ends. The checkpoint stays as it is: nobody knows whether what was not repaired is durable. */
async function logEnd(disk: Disk, directory: string): Promise<number> {
  const segments = await openSegments(disk, directory);
  await closeSegments(segments);
  return segments.at(-1)?.endOffset ?? 0;
}
