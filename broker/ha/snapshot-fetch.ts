/** The slave's side of FetchSnapshot: a whole, checked snapshot file of the master in a directory of its own. */
import type { Disk, DiskFile } from '../../common/environment/disk.ts';
import type { EpochStart } from '../../common/model/broker-group.ts';
import type { Epoch } from '../../common/model/offsets.ts';
import type { SnapshotPiece } from '../../common/model/replication-frames.ts';
import type { RpcChannel } from '../../common/rpc/rpc-channel.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import {
  decodeSnapshotPiece,
  encodeSnapshotRequest,
  FETCH_SNAPSHOT_PATH,
} from '../../common/wire/replication-codec.ts';
import { snapshotSequence } from '../store/snapshot/core/snapshot-file.ts';
import { SnapshotReader } from '../store/snapshot/snapshot-reader.ts';
import { StoreError } from '../store/store-error.ts';
import { SNAPSHOT_RANGE_BYTES } from './snapshot-transfer.ts';

/** One range: 4 MiB on a slow line, and the check of the whole file that the first one waits for. */
const RANGE_MS_MAX = 60_000;
/** Room for what an answer has besides the file: up to 1,024 epochs in each of its pieces. */
const ANSWER_BYTES_MAX = 2 * SNAPSHOT_RANGE_BYTES;
/** Each time the master published two newer ones while this was fetched. */
const RESTARTS_MAX = 8;

export interface SnapshotFetchPorts {
  readonly channel: RpcChannel;
  readonly disk: Disk;
  /** Is emptied; nothing else is in it. */
  readonly directory: string;
  readonly brokerName: string;
  readonly memberName: string;
  readonly epoch: Epoch;
  /** Ends it early, by rejecting. */
  readonly signal?: AbortSignal;
}

export interface FetchedSnapshot {
  /** Its name, which is part of its content. */
  readonly file: string;
  /** From here on the log is folded after loading the snapshot. */
  readonly beginOffset: number;
  /** The log must reach this offset before the snapshot can be loaded. */
  readonly endOffset: number;
  /** Where the master's log begins. */
  readonly logStartOffset: number;
  /** Terms of the master's log. */
  readonly epochs: readonly EpochStart[];
}

/**
 * Writes the master's newest snapshot to `<directory>/<its name>`; durable and checked when it resolves. Memory holds one
 * range. Rejects with an RpcError, a StoreError, or a disk error.
 */
export async function fetchSnapshot(ports: SnapshotFetchPorts): Promise<FetchedSnapshot> {
  await emptyDirectory(ports);
  for (let restarts = 0; restarts <= RESTARTS_MAX; restarts += 1) {
    const fetched = await fetchOne(ports);
    if (fetched !== undefined) return fetched;
  }
  throw new RpcError(
    'unavailable',
    'the master replaces its snapshots faster than they can be fetched',
  );
}

/** Undefined when the master had to go on with another file. */
async function fetchOne(ports: SnapshotFetchPorts): Promise<FetchedSnapshot | undefined> {
  const first = await fetchRange(ports, '', 0);
  const [head] = first;
  if (head === undefined) throw new RpcError('unavailable', 'the master sent no snapshot');
  const sequence = snapshotSequence(head.file);
  if (sequence === undefined) throw new RpcError('unknown', `${head.file} is no snapshot`);
  await requireSpace(ports, head.fileBytes);
  const path = `${ports.directory}/${head.file}`;
  const file = await ports.disk.open(path, { create: true });
  try {
    const isWhole = await writeAll(ports, file, head, first);
    if (!isWhole) return undefined;
    await file.sync();
  } finally {
    await file.close();
  }
  await ports.disk.syncDirectory(ports.directory);
  const reader = await SnapshotReader.open(ports.disk, path, sequence);
  if (typeof reader === 'string') throw damaged(path, reader);
  return {
    file: head.file,
    beginOffset: reader.begin,
    endOffset: reader.end,
    logStartOffset: head.logStartOffset,
    epochs: head.epochs,
  };
}

async function writeAll(
  ports: SnapshotFetchPorts,
  file: DiskFile,
  head: SnapshotPiece,
  first: readonly SnapshotPiece[],
): Promise<boolean> {
  let position = 0;
  for (let pieces = first; ; pieces = await fetchRange(ports, head.file, position)) {
    if (pieces.length === 0) throw new RpcError('unknown', `nothing came from ${position} on`);
    for (const piece of pieces) {
      if (piece.file !== head.file) {
        await ports.disk.remove(file.path);
        return false;
      }
      if (piece.position !== position)
        throw new RpcError('unknown', `bytes from ${piece.position} came at ${position}`);
      await file.write(position, [piece.content]);
      position += piece.content.length;
    }
    if (position >= head.fileBytes) return true;
  }
}

async function fetchRange(
  { channel, brokerName, memberName, epoch, signal }: SnapshotFetchPorts,
  file: string,
  position: number,
): Promise<readonly SnapshotPiece[]> {
  const messages = await channel.serverStream(
    FETCH_SNAPSHOT_PATH,
    encodeSnapshotRequest({ brokerName, memberName, epoch, file, position }),
    { deadlineMs: RANGE_MS_MAX, metadata: {}, ...(signal && { signal }) },
    ANSWER_BYTES_MAX,
  );
  return messages.map(decodeSnapshotPiece);
}

async function emptyDirectory({ disk, directory }: SnapshotFetchPorts): Promise<void> {
  await disk.makeDirectory(directory);
  for (const name of await disk.list(directory)) await disk.remove(`${directory}/${name}`);
}

async function requireSpace(
  { disk, directory }: SnapshotFetchPorts,
  fileBytes: number,
): Promise<void> {
  const { freeBytes } = await disk.space(directory);
  if (freeBytes >= fileBytes) return;
  throw new StoreError({
    kind: 'disk-full',
    file: directory,
    offset: 0,
    reason: `${freeBytes} bytes are free, the snapshot of the master has ${fileBytes}`,
    hint: 'Free space or enlarge the volume; the member tries again.',
  });
}

function damaged(file: string, reason: string): StoreError {
  return new StoreError({
    kind: 'corrupt',
    file,
    offset: 0,
    reason: `the snapshot of the master did not arrive whole: ${reason}`,
    hint: 'It is fetched again; look at the disk of this member when it goes on.',
  });
}
