/**
 * Empties a log so that it starts somewhere else: for a member that takes over another one's state as of that offset.
 *
 * The intent is durable in the checkpoint before the first segment goes, and whoever opens the log afterwards finishes
 * what was begun: after a crash there is either the old log, whole, or the empty one.
 */
import { assert } from '../../common/assert.ts';
import type { Disk } from '../../common/environment/disk.ts';
import type { Environment } from '../../common/environment/environment.ts';
import type { PhysicalOffset } from '../../common/model/offsets.ts';
import { Checkpoint } from './checkpoint.ts';
import { parseSegmentName, SegmentFile } from './segment-file.ts';

/** No CommitLog has the directory open. */
export async function resetLog(
  environment: Environment,
  directory: string,
  segmentDirectory: string,
  offset: PhysicalOffset,
): Promise<void> {
  const { disk, clock } = environment;
  await disk.makeDirectory(directory);
  const checkpoint = await Checkpoint.open(disk, directory);
  try {
    await checkpoint.writeReset(offset, clock.nowMs());
    await finishReset(disk, segmentDirectory, checkpoint, clock.nowMs());
  } finally {
    await checkpoint.close();
  }
}

/** Idempotent: what a crash left undone is done by the next call. */
export async function finishReset(
  disk: Disk,
  segmentDirectory: string,
  checkpoint: Checkpoint,
  nowMs: number,
): Promise<void> {
  assert(checkpoint.isResetting, 'a reset was begun');
  const offset = checkpoint.durableOffset;
  await disk.makeDirectory(segmentDirectory);
  for (const name of await disk.list(segmentDirectory)) {
    if (parseSegmentName(name) !== undefined) await disk.remove(`${segmentDirectory}/${name}`);
  }
  // Before the new one comes: if its removal were undone by a crash, the old content would stand under the new name.
  await disk.syncDirectory(segmentDirectory);
  const segment = await SegmentFile.open(disk, segmentDirectory, offset, true);
  await segment.close();
  await disk.syncDirectory(segmentDirectory);
  await checkpoint.lower(
    { durableOffset: offset, confirmOffset: offset, lastEpoch: undefined },
    nowMs,
  );
}
