/** `orbitmq store describe DIR`: what is in a log, without changing it. */
import type { PhysicalOffset } from '../../../common/model/offsets.ts';
import { CHECKPOINT_NAME, type CheckpointState, decodeCheckpoint } from '../checkpoint.ts';
import { recordTypeName } from '../record-type.ts';
import {
  closeSegments,
  openSegments,
  type ToolEnvironment,
  type ToolProgress,
  walkLog,
} from './log-walk.ts';

export interface SegmentDescription {
  path: string;
  startOffset: PhysicalOffset;
  endOffset: PhysicalOffset;
  records: number;
  damagedRanges: number;
  firstStoreTimeMs: number | undefined;
  lastStoreTimeMs: number | undefined;
}

export interface StoreDescription {
  startOffset: number;
  endOffset: number;
  records: number;
  recordsByType: Record<string, number>;
  bytesByType: Record<string, number>;
  epochs: { epoch: number; startOffset: PhysicalOffset }[];
  segments: SegmentDescription[];
  checkpoint: CheckpointState | undefined;
}

export async function* describeStore(
  environment: ToolEnvironment,
  directory: string,
): AsyncGenerator<ToolProgress, StoreDescription, void> {
  const segments = await openSegments(environment.disk, directory);
  const description: StoreDescription = {
    startOffset: segments[0]?.startOffset ?? 0,
    endOffset: segments.at(-1)?.endOffset ?? 0,
    records: 0,
    recordsByType: {},
    bytesByType: {},
    epochs: [],
    segments: segments.map(({ path, startOffset, endOffset }) => ({
      path,
      startOffset,
      endOffset,
      records: 0,
      damagedRanges: 0,
      firstStoreTimeMs: undefined,
      lastStoreTimeMs: undefined,
    })),
    checkpoint: await readCheckpoint(environment, directory),
  };
  const ofPath = new Map(description.segments.map((segment) => [segment.path, segment]));
  try {
    yield* walkLog(segments, environment.timers, {
      record(record, { path }) {
        const name = recordTypeName(record.type);
        description.records += 1;
        description.recordsByType[name] = (description.recordsByType[name] ?? 0) + 1;
        description.bytesByType[name] = (description.bytesByType[name] ?? 0) + record.bytes;
        if (description.epochs.at(-1)?.epoch !== record.epoch) {
          description.epochs.push({ epoch: record.epoch, startOffset: record.offset });
        }
        const segment = ofPath.get(path);
        if (segment === undefined) return;
        segment.records += 1;
        segment.firstStoreTimeMs ??= record.storeTimeMs;
        segment.lastStoreTimeMs = record.storeTimeMs;
      },
      damage(_damage, { path }) {
        const segment = ofPath.get(path);
        if (segment !== undefined) segment.damagedRanges += 1;
      },
    });
  } finally {
    await closeSegments(segments);
  }
  return description;
}

/** The newest valid slot, or undefined when the file is missing or both slots are damaged. */
export async function readCheckpoint(
  environment: Pick<ToolEnvironment, 'disk'>,
  directory: string,
): Promise<CheckpointState | undefined> {
  const names = await environment.disk.list(directory);
  if (!names.includes(CHECKPOINT_NAME)) return undefined;
  return decodeCheckpoint(await environment.disk.readFile(`${directory}/${CHECKPOINT_NAME}`));
}
