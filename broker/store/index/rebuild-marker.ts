/** A file of the data directory: while it is there, each start builds the queue index from the log. */
import type { Disk } from '../../../common/environment/disk.ts';

const REBUILD_MARKER = 'index.rebuild';

/** Asks the next start to build the queue index from the log. Durable when it resolves. */
export async function requestIndexRebuild(
  directory: string,
  { disk }: { readonly disk: Disk },
): Promise<void> {
  const file = await disk.open(`${directory}/${REBUILD_MARKER}`, { create: true });
  await file.sync();
  await file.close();
  await disk.syncDirectory(directory);
}

export async function isRebuildRequested(directory: string, disk: Disk): Promise<boolean> {
  return (await disk.list(directory)).includes(REBUILD_MARKER);
}

/** For when no snapshot is left that knows of the index as it was. */
export async function withdrawRebuild(directory: string, disk: Disk): Promise<void> {
  await disk.remove(`${directory}/${REBUILD_MARKER}`);
}
