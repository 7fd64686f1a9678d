import type { Disk } from '../common/environment/disk.ts';
import type { Environment } from '../common/environment/environment.ts';
import type { Logger } from '../common/log/logger.ts';
import { physicalOffset } from '../common/model/offsets.ts';
import type { NodeOptions } from '../common/options/node-options.ts';
import type { BrokerMembership } from './broker-membership.ts';
import { BrokerState } from './state/broker-state.ts';
import { indexDamaged } from './state/index-damaged.ts';
import { LostRanges } from './state/lost-ranges.ts';
import { IdempotenceWindow } from './state/idempotence-window.ts';
import {
  endOffsets,
  restoreEndOffsets,
  restoreOrder,
  restoreSection,
  SECTION,
  type Section,
} from './state/state-snapshot.ts';
import { CommitLog } from './store/commit-log.ts';
import { RecordType } from './store/record-type.ts';
import { isRebuildRequested, requestIndexRebuild } from './store/index/rebuild-marker.ts';
import { QueueIndex } from './store/index/queue-index.ts';
import { queueIndexOptions } from './store/index/queue-index-options.ts';
import type { RecoveryReport } from './store/recovery.ts';
import { SnapshotStore } from './store/snapshot/snapshot-store.ts';
import type { SnapshotReader } from './store/snapshot/snapshot-reader.ts';
import { isStoreError, StoreError } from './store/store-error.ts';

export interface RecoveredState {
  readonly state: BrokerState;
  readonly log: CommitLog;
  readonly index: QueueIndex;
  readonly snapshots: SnapshotStore;
  /** Where the two kept snapshots begin, newest first; 0 where there is none. */
  readonly snapshotBegins: readonly [number, number];
  /** Set when the index was built anew: the request for it stays until the kept snapshots begin here or later. */
  readonly rebuiltAt: number | undefined;
  readonly report: StateRecoveryReport;
}

export interface StateRecoveryReport {
  readonly log: RecoveryReport;
  /** Log offset at which folding began. */
  readonly foldedFrom: number;
  readonly recordsFolded: number;
  readonly elapsedMs: number;
}

/**
 * Brings a data directory back to life: snapshot, index, log, fold of the rest. The log alone goes through `logDisk`. A member
 * of a group folds only what it knows to be confirmed: the rest of its log may have to go.
 */
export async function recoverState(
  options: NodeOptions,
  environment: Environment,
  logDisk: Disk,
  logger: Logger,
  membership: BrokerMembership | undefined,
): Promise<RecoveredState> {
  const startedMs = environment.clock.monotonicMs();
  const { disk } = environment;
  await disk.makeDirectory(options.dataDir);
  const snapshots = await SnapshotStore.open(`${options.dataDir}/snapshot`, disk);
  const snapshot = await latestSnapshot(snapshots, logger);
  const begin = snapshot?.begin ?? physicalOffset(0);
  const logEnvironment = { ...environment, disk: logDisk };
  const range = { scanFrom: begin, durableFloor: snapshot?.end ?? physicalOffset(0) };
  const log = await CommitLog.open(logOptions(options, membership), logEnvironment, range).catch(
    (error: unknown) => {
      throw withUnreadSnapshot(error, snapshots);
    },
  );
  try {
    reportLog(log, logger);
    const confirmed = Math.max(snapshot?.end ?? 0, log.recovery.confirmOffset, log.startOffset);
    const foldTo = membership === undefined ? log.endOffset : Math.min(confirmed, log.endOffset);
    const restored = await restore(options, environment, logger, { log, foldTo }, snapshot);
    const elapsedMs = environment.clock.monotonicMs() - startedMs;
    const { state, foldedFrom, recordsFolded, isRebuilt } = restored;
    return {
      state,
      log,
      index: state.index,
      snapshots,
      snapshotBegins: [begin, snapshots.previousBegin ?? 0],
      rebuiltAt: isRebuilt ? state.foldedOffset : undefined,
      report: { log: log.recovery, foldedFrom, recordsFolded, elapsedMs },
    };
  } catch (error) {
    await log.close();
    throw error;
  }
}

async function latestSnapshot(
  snapshots: SnapshotStore,
  logger: Logger,
): Promise<SnapshotReader | undefined> {
  const snapshot = await snapshots.latest();
  for (const { file, reason } of snapshots.problems) {
    logger.warn('a snapshot cannot be used; an older one and more of the log are', {
      file,
      reason,
    });
  }
  return snapshot;
}

interface Restored {
  readonly state: BrokerState;
  readonly foldedFrom: number;
  readonly recordsFolded: number;
  readonly isRebuilt: boolean;
}

/** The state of the snapshot, brought up to the end of the log. */
async function restore(
  options: NodeOptions,
  environment: Environment,
  logger: Logger,
  { log, foldTo }: { readonly log: CommitLog; readonly foldTo: number },
  snapshot: SnapshotReader | undefined,
): Promise<Restored> {
  const { dataDir, idempotenceIds, idempotenceWindowMs } = options;
  const sections = await readSections(snapshot);
  const indexSections = snapshot === undefined ? undefined : sections;
  const opened = await openIndex(options, environment, logger, log, indexSections);
  try {
    const { isRebuilt } = opened;
    const foldFrom = isRebuilt || snapshot === undefined ? log.startOffset : snapshot.begin;
    const state = new BrokerState(
      opened.index,
      new IdempotenceWindow(idempotenceIds, idempotenceWindowMs),
    );
    for (const section of restoreOrder(sections)) restoreSection(state, section);
    state.foldedOffset = foldFrom;
    const lost = new LostRanges(state);
    const recordsFolded = await foldRest(state, log, foldTo, lost);
    await lost.finish(endOffsets(sections));
    reportLost(lost, logger);
    if (isRebuilt) restoreEndOffsets(state, sections);
    await finish(state, log, () => requestIndexRebuild(dataDir, environment));
    return { state, foldedFrom: foldFrom, recordsFolded, isRebuilt };
  } catch (error) {
    await opened.index.close();
    throw error;
  }
}

export function logOptions(
  options: NodeOptions,
  membership?: Pick<BrokerMembership, 'isOwnEpoch' | 'confirmOffset'>,
): Parameters<typeof CommitLog.open>[0] {
  return {
    ...(membership === undefined
      ? {}
      : {
          isOwnEpoch: (epoch: number) => membership.isOwnEpoch(epoch),
          confirmOffset: () => membership.confirmOffset(),
        }),
    directory: options.dataDir,
    segmentBytes: options.segmentBytes,
    flush: options.flush,
    flushIntervalMs: options.flushIntervalMs,
    batchBytesMax: options.batchBytes,
    cacheBytes: options.cacheBytes,
    pendingBytesMax: options.pendingBytes,
  };
}

/**
 * The log no longer reaches back to the snapshot that was found: normal when a newer one, which the log was deleted for, could
 * not be read. Then the disk is what is in the way, and it may give the snapshot at the next attempt.
 */
function withUnreadSnapshot(error: unknown, { problems }: SnapshotStore): unknown {
  const unread = problems.find(({ isUnreadable }) => isUnreadable);
  if (unread === undefined || !isStoreError(error) || error.kind !== 'missing-log') return error;
  return new StoreError({
    kind: 'io',
    file: unread.file,
    offset: error.offset,
    reason: `the snapshot is needed, and ${unread.reason}`,
    hint: 'Nothing was changed. Start again; if the disk keeps refusing, restore DIR from a copy.',
    cause: error,
  });
}

function reportLog(log: CommitLog, logger: Logger): void {
  const { truncatedBytes, truncatedRecords, endOffset, row } = log.recovery;
  if (truncatedBytes === 0) return;
  logger.warn(
    'the end of the log was torn by a crash and has been cut off; nothing of it had been acknowledged',
    {
      truncatedBytes,
      truncatedRecords,
      endOffset,
      row,
    },
  );
}

function reportLost({ ranges, lostMessages }: LostRanges, logger: Logger): void {
  if (ranges.length === 0) return;
  logger.warn(
    'what stood in repaired ranges of the log is lost; copies of the bytes are in quarantine',
    {
      ranges: ranges.map(({ start, end }) => `${start}-${end}`).join(', '),
      lostMessages,
    },
  );
}

async function readSections(snapshot: SnapshotReader | undefined): Promise<Section[]> {
  const sections: Section[] = [];
  if (snapshot !== undefined)
    for await (const section of snapshot.sections()) sections.push(section);
  return sections;
}

async function openIndex(
  options: NodeOptions,
  environment: Environment,
  logger: Logger,
  log: CommitLog,
  sections: readonly Section[] | undefined,
): Promise<{ index: QueueIndex; isRebuilt: boolean }> {
  const { dataDir, indexBufferBytes } = options;
  const indexOptions = queueIndexOptions({ directory: `${dataDir}/index`, indexBufferBytes });
  const isWanted = await isRebuildRequested(dataDir, environment.disk);
  if (sections !== undefined && !isWanted) {
    const chunks = sections
      .filter(({ kind }) => kind === SECTION.index)
      .map(({ payload }) => payload);
    const opened = await QueueIndex.open(indexOptions, environment, {
      chunks,
      logStartOffset: log.startOffset,
    });
    if (opened.kind === 'open') return { index: opened.index, isRebuilt: false };
    logger.warn('the queue index is damaged and is built anew from the log', {
      file: opened.file,
      reason: opened.reason,
    });
  }
  const empty = await QueueIndex.open(indexOptions, environment);
  if (empty.kind === 'open')
    return { index: empty.index, isRebuilt: sections !== undefined || isWanted };
  throw new StoreError({
    kind: 'corrupt',
    file: empty.file,
    offset: 0,
    reason: empty.reason,
    hint: `Remove the directory ${indexOptions.directory}; it is built anew from the log.`,
  });
}

async function foldRest(
  state: BrokerState,
  log: CommitLog,
  foldTo: number,
  lost: LostRanges,
): Promise<number> {
  const { index } = state;
  let records = 0;
  const from = Math.min(state.foldedOffset, foldTo);
  for await (const batch of log.scan(physicalOffset(from), physicalOffset(foldTo))) {
    for (const record of batch) {
      const isPlain = record.type !== RecordType.Hole && lost.ranges.length === 0;
      if (!isPlain) await lost.meet(record);
      state.fold(record);
    }
    records += batch.length;
    while (index.isSaturated() && index.failure === undefined) await index.relieved();
  }
  return records;
}

async function finish(
  state: BrokerState,
  log: CommitLog,
  rebuildLater: () => Promise<void>,
): Promise<void> {
  state.index.replayEnded();
  const damage = await state.index.deleteBefore(log.startOffset);
  if (typeof damage !== 'number') {
    await rebuildLater();
    throw indexDamaged(damage);
  }
  for (const topic of state.topics.all()) state.syncNextOffsets(topic);
}
