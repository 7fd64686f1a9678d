/** Opens the files of a log, finishing what a crash interrupted: a reset, a torn tail. */
import type { Environment } from '../../common/environment/environment.ts';
import { physicalOffset } from '../../common/model/offsets.ts';
import { Checkpoint } from './checkpoint.ts';
import { finishReset } from './log-reset.ts';
import { readLastEpoch, recover, type RecoveryOptions, type RecoveryReport } from './recovery.ts';
import { SegmentList } from './segment-list.ts';

export interface LogPlace {
  directory: string;
  segmentDirectory: string;
}

export interface LogParts {
  segments: SegmentList;
  checkpoint: Checkpoint;
  recovery: RecoveryReport;
}

export async function openParts(
  { directory, segmentDirectory }: LogPlace,
  environment: Environment,
  options: RecoveryOptions,
): Promise<LogParts> {
  const { disk, clock } = environment;
  await disk.makeDirectory(directory);
  const checkpoint = await Checkpoint.open(disk, directory);
  let segments: SegmentList | undefined;
  try {
    if (checkpoint.isResetting)
      await finishReset(disk, segmentDirectory, checkpoint, clock.nowMs());
    segments = await SegmentList.open(disk, segmentDirectory);
    await disk.syncDirectory(directory);
    const durableFloor = physicalOffset(Math.max(options.durableFloor, checkpoint.durableOffset));
    const recovery = await findLog(segments, environment, checkpoint, { ...options, durableFloor });
    const { endOffset: durableOffset, confirmOffset, lastEpoch } = recovery;
    await checkpoint.write({ durableOffset, confirmOffset, lastEpoch }, clock.nowMs());
    return { segments, checkpoint, recovery };
  } catch (error) {
    await checkpoint.close();
    await segments?.close();
    throw error;
  }
}

/** Recovery, and what only the checkpoint knows. */
async function findLog(
  segments: SegmentList,
  environment: Environment,
  checkpoint: Checkpoint,
  options: RecoveryOptions,
): Promise<RecoveryReport> {
  const found = await recover(segments, environment, options);
  const noted = checkpoint.durableOffset === found.endOffset ? checkpoint.lastEpoch : undefined;
  const known = found.epochs.at(-1)?.epoch ?? noted;
  return {
    ...found,
    confirmOffset: physicalOffset(Math.min(checkpoint.confirmOffset, found.endOffset)),
    lastEpoch: known ?? (await readLastEpoch(segments, environment.timers, found.endOffset)),
  };
}
