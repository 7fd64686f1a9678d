import type { Disk } from '../../common/environment/disk.ts';
import type { Environment } from '../../common/environment/environment.ts';
import { physicalOffset, type PhysicalOffset } from '../../common/model/offsets.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import type { BrokerMembership } from '../broker-membership.ts';
import { removeSnapshots } from '../ha/snapshot-installation.ts';
import { logOptions } from '../state-recovery.ts';
import { COMMIT_LOG_DIRECTORY, CommitLog } from '../store/commit-log.ts';
import { parseSegmentName } from '../store/segment-file.ts';
import { requestIndexRebuild } from '../store/index/rebuild-marker.ts';
import { SnapshotStore } from '../store/snapshot/snapshot-store.ts';

/**
 * Takes the data of a closed broker back to `offset`: what it has folded from there on was never the group's. Snapshots that
 * know of it go first, then the log; the queue index is built anew at the next open. A crash in between leaves a directory
 * that opens, and the next handshake asks for the same again.
 *
 * Returns false when nothing is left from which the state could be folded: a snapshot has to come from the master.
 */
export async function rewindData(
  options: NodeOptions,
  environment: Environment,
  offset: number,
  membership: Pick<BrokerMembership, 'isOwnEpoch' | 'confirmOffset'>,
): Promise<boolean> {
  const { disk } = environment;
  await requestIndexRebuild(options.dataDir, environment);
  const snapshots = await SnapshotStore.open(`${options.dataDir}/snapshot`, disk);
  const begin = await snapshots.removeBeyond(physicalOffset(offset));
  const logStart = await logStartOf(options.dataDir, disk);
  if (offset < logStart) return false;
  const scanFrom = begin !== undefined && begin >= logStart ? begin : logStart;
  const log = await CommitLog.open(logOptions(options, membership), environment, {
    scanFrom,
    durableFloor: scanFrom,
  });
  try {
    if (offset < log.endOffset) await log.truncateTo(physicalOffset(offset));
  } finally {
    await log.close();
  }
  return logStart === 0 || begin !== undefined;
}

/** Where the log of a closed data directory begins. */
export async function logStartOf(dataDir: string, disk: Disk): Promise<PhysicalOffset> {
  const names = await disk.list(`${dataDir}/${COMMIT_LOG_DIRECTORY}`);
  const starts = names.map(parseSegmentName).filter((start) => start !== undefined);
  return physicalOffset(starts.length === 0 ? 0 : Math.min(...starts));
}

/** Empties a closed data directory: the log begins anew at 0, or with the snapshot that is installed next. */
export async function wipeData(options: NodeOptions, environment: Environment): Promise<void> {
  const { disk } = environment;
  await requestIndexRebuild(options.dataDir, environment);
  await removeSnapshots(disk, `${options.dataDir}/snapshot`);
  await CommitLog.resetTo(logOptions(options), environment, physicalOffset(0));
}
