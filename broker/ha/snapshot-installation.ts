/**
 * A slave whose master has deleted what the slave lacks starts over from a snapshot of the master:
 *
 * | step     | what happens                                                                 | after a crash            |
 * |----------|------------------------------------------------------------------------------|--------------------------|
 * | fetch    | snapshot-fetch.ts puts the file into DIR/incoming                            | the old data is in place |
 * | begin    | DIR/incoming/plan says so; old snapshots and the log go, the history follows | `pending` does it again  |
 * | stream   | the log is filled from the master's log start on, folded by nobody           | goes on where it was     |
 * | complete | the file moves to DIR/snapshot, the plan goes; the data opens as usual       | `complete` again         |
 *
 * Between `begin` and `complete` the data must not be opened by a broker: the snapshot is ahead of the log.
 */
import { crc32c } from '@node-rs/crc32';
import type { Disk } from '../../common/environment/disk.ts';
import type { Environment } from '../../common/environment/environment.ts';
import type { EpochStart } from '../../common/model/broker-group.ts';
import { epoch as epochOf, physicalOffset } from '../../common/model/offsets.ts';
import { CommitLog } from '../store/commit-log.ts';
import { requestIndexRebuild } from '../store/index/rebuild-marker.ts';
import { snapshotSequence } from '../store/snapshot/core/snapshot-file.ts';
import { isDiskError, StoreError } from '../store/store-error.ts';
import type { ReplicaFile } from './replica-file.ts';
import type { FetchedSnapshot } from './snapshot-fetch.ts';

const PLAN_NAME = 'plan';
const SNAPSHOT_DIRECTORY = 'snapshot';

/** Where a fetched snapshot waits. */
export function incomingDirectory(dataDir: string): string {
  return `${dataDir}/incoming`;
}

/** Whether the data must not be opened before an installation has been completed. */
export async function isInstalling(dataDir: string, environment: Environment): Promise<boolean> {
  return (await readPlan(dataDir, environment)) !== undefined;
}

export class SnapshotInstallation {
  readonly snapshot: FetchedSnapshot;
  readonly #dataDir: string;
  readonly #environment: Environment;

  private constructor(dataDir: string, environment: Environment, snapshot: FetchedSnapshot) {
    this.#dataDir = dataDir;
    this.#environment = environment;
    this.snapshot = snapshot;
  }

  /**
   * Gives up the closed data for what was fetched. When it resolves the log is empty and starts where the master's does, and
   * a CommitLog opened on it (`scanFrom` its start) takes the stream of a SlaveReplication.
   */
  static async begin(
    dataDir: string,
    environment: Environment,
    replica: ReplicaFile,
    snapshot: FetchedSnapshot,
  ): Promise<SnapshotInstallation> {
    const installation = new SnapshotInstallation(dataDir, environment, snapshot);
    await installation.#writePlan({ ...snapshot, isLogReset: false });
    await installation.#reset(replica);
    return installation;
  }

  /** What a crash interrupted, taken up again; undefined when there is none, as nearly always. */
  static async pending(
    dataDir: string,
    environment: Environment,
    replica: ReplicaFile,
  ): Promise<SnapshotInstallation | undefined> {
    const plan = await readPlan(dataDir, environment);
    if (plan === undefined) return undefined;
    const installation = new SnapshotInstallation(dataDir, environment, plan);
    if (!plan.isLogReset) await installation.#reset(replica);
    return installation;
  }

  /** Whether a log that is durable up to `durableOffset` can be opened with the snapshot. */
  isEnough(durableOffset: number): boolean {
    return durableOffset >= this.snapshot.endOffset;
  }

  /** The log reaches the snapshot and is closed: from now on the data opens as after any restart. */
  async complete(): Promise<void> {
    const { disk } = this.#environment;
    const incoming = incomingDirectory(this.#dataDir);
    const { file } = this.snapshot;
    const target = `${this.#dataDir}/${SNAPSHOT_DIRECTORY}`;
    await disk.makeDirectory(target);
    if ((await disk.list(incoming)).includes(file)) {
      await disk.rename(`${incoming}/${file}`, `${target}/${file}`);
      await disk.syncDirectory(target);
      await disk.syncDirectory(incoming);
    }
    await this.abandon();
  }

  /** Something newer has to be fetched: the plan goes, and the log stays as it is. */
  async abandon(): Promise<void> {
    const { disk } = this.#environment;
    const incoming = incomingDirectory(this.#dataDir);
    await disk.remove(`${incoming}/${PLAN_NAME}`);
    await disk.syncDirectory(incoming);
  }

  async #reset(replica: ReplicaFile): Promise<void> {
    const { disk } = this.#environment;
    const { logStartOffset, epochs } = this.snapshot;
    await requestIndexRebuild(this.#dataDir, this.#environment);
    await removeSnapshots(disk, `${this.#dataDir}/${SNAPSHOT_DIRECTORY}`);
    await CommitLog.resetTo(
      { directory: this.#dataDir },
      this.#environment,
      physicalOffset(logStartOffset),
    );
    await replica.adoptHistory(epochs.filter((known) => known.startOffset < logStartOffset));
    await this.#writePlan({ ...this.snapshot, isLogReset: true });
  }

  async #writePlan(plan: Plan): Promise<void> {
    const { disk } = this.#environment;
    const incoming = incomingDirectory(this.#dataDir);
    const temporary = `${incoming}/${PLAN_NAME}.tmp`;
    const file = await disk.open(temporary, { create: true });
    try {
      await file.truncate(0);
      await file.write(0, [Buffer.from(format(plan))]);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temporary, `${incoming}/${PLAN_NAME}`);
    await disk.syncDirectory(incoming);
  }
}

interface Plan extends FetchedSnapshot {
  readonly isLogReset: boolean;
}

function format(plan: Plan): string {
  return `${JSON.stringify({ plan, crc32c: crc32c(JSON.stringify(plan)) })}\n`;
}

async function readPlan(dataDir: string, { disk }: Environment): Promise<Plan | undefined> {
  const path = `${incomingDirectory(dataDir)}/${PLAN_NAME}`;
  let text: string;
  try {
    text = (await disk.readFile(path)).toString('utf8');
  } catch (error) {
    if (!isDiskError(error) || error.code !== 'ENOENT') throw error;
    return undefined;
  }
  const plan = parse(text);
  if (plan === undefined) throw damaged(path);
  const epochs: EpochStart[] = plan.epochs.map(({ epoch, startOffset }) => ({
    epoch: epochOf(epoch),
    startOffset,
  }));
  return { ...plan, epochs };
}

function parse(text: string): Plan | undefined {
  try {
    const { plan } = JSON.parse(text) as { plan: Plan };
    return text === format(plan) ? plan : undefined;
  } catch {
    return undefined; // not JSON: as damaged as one with a wrong checksum
  }
}

function damaged(file: string): StoreError {
  return new StoreError({
    kind: 'corrupt',
    file,
    offset: 0,
    reason: 'the plan of an interrupted installation of a snapshot is damaged',
    hint: 'Empty the data directory: the member starts anew from its master.',
  });
}

/** Of another history than the one to come: whatever their sequence, none may be found again. */
export async function removeSnapshots(disk: Disk, directory: string): Promise<void> {
  for (const name of await disk.list(directory))
    if (snapshotSequence(name) !== undefined) await disk.remove(`${directory}/${name}`);
  await disk.makeDirectory(directory);
  await disk.syncDirectory(directory);
}
