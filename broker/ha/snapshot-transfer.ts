/**
 * The master's side of FetchSnapshot: the newest whole snapshot file, range by range. Between two ranges the file may be
 * deleted for a newer one; then the answer is about that one from its beginning, and the slave starts again.
 */
import type { Disk, DiskFile } from '../../common/environment/disk.ts';
import type { EpochStart } from '../../common/model/broker-group.ts';
import type { SnapshotRequest } from '../../common/model/replication-frames.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import type { CallContext, SendMessage, ServiceMethod } from '../../common/rpc/service-table.ts';
import {
  decodeSnapshotRequest,
  encodeSnapshotPiece,
  FETCH_SNAPSHOT_PATH,
} from '../../common/wire/replication-codec.ts';
import { snapshotName, snapshotSequence } from '../store/snapshot/core/snapshot-file.ts';
import { SnapshotReader } from '../store/snapshot/snapshot-reader.ts';
import { isDiskError } from '../store/store-error.ts';

/** Bytes of one answer, and of one message of it. */
export const SNAPSHOT_RANGE_BYTES = 4 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;

/** What the master has; asked for at each call. */
export interface SnapshotSource {
  readonly epoch: number;
  readonly epochs: readonly EpochStart[];
  readonly logStartOffset: number;
  isMember(name: string): boolean;
}

export interface SnapshotTransferPorts {
  readonly brokerName: string;
  readonly disk: Disk;
  /** `DIR/snapshot`. */
  readonly directory: string;
  /** Undefined: this member is no master now. */
  source(): SnapshotSource | undefined;
}

/** A file that was found whole, and where the log follows it. */
interface WholeFile {
  readonly name: string;
  readonly beginOffset: number;
}

/** Replication/FetchSnapshot, by path. */
export function snapshotTransfer(ports: SnapshotTransferPorts): [string, ServiceMethod] {
  const transfer = new SnapshotTransfer(ports);
  return [
    FETCH_SNAPSHOT_PATH,
    {
      kind: 'server-stream',
      handle: (request, call, send) => transfer.serve(decodeSnapshotRequest(request), call, send),
    },
  ];
}

class SnapshotTransfer {
  readonly #ports: SnapshotTransferPorts;
  /** The last one that was checked: a slave asks for it many times. */
  #checked: WholeFile | undefined;

  constructor(ports: SnapshotTransferPorts) {
    this.#ports = ports;
  }

  async serve(request: SnapshotRequest, call: CallContext, send: SendMessage): Promise<void> {
    const source = this.#sourceFor(request);
    const found = await this.#open(request);
    try {
      await sendRange(found, source, call, send);
    } finally {
      await found.file.close();
    }
  }

  #sourceFor({ brokerName, memberName, epoch }: SnapshotRequest): SnapshotSource {
    const source = this.#ports.source();
    if (source === undefined) throw new RpcError('unavailable', 'it is no master now');
    if (brokerName !== this.#ports.brokerName || !source.isMember(memberName))
      throw new RpcError('invalidArgument', `${memberName} of ${brokerName} is no member here`);
    if (epoch !== source.epoch)
      throw new RpcError('unavailable', `it is the master of epoch ${source.epoch}, not ${epoch}`);
    return source;
  }

  async #open({ file: name, position }: SnapshotRequest): Promise<OpenRange> {
    const checked = this.#checked;
    if (checked !== undefined && name === checked.name) {
      const file = await this.#openIfThere(name);
      if (file !== undefined) return { ...checked, file, position };
    }
    const newest = await this.#newestWhole();
    const file = newest && (await this.#openIfThere(newest.name));
    if (newest === undefined || file === undefined)
      throw new RpcError('unavailable', 'it has no whole snapshot');
    this.#checked = newest;
    return { ...newest, file, position: 0 };
  }

  async #newestWhole(): Promise<WholeFile | undefined> {
    const { disk, directory } = this.#ports;
    const names = await disk.list(directory);
    const sequences = names.map(snapshotSequence).filter((sequence) => sequence !== undefined);
    for (const sequence of sequences.sort((a, b) => b - a)) {
      const name = snapshotName(sequence);
      const reader = await unlessGone(SnapshotReader.open(disk, `${directory}/${name}`, sequence));
      if (reader !== undefined && typeof reader !== 'string')
        return { name, beginOffset: reader.begin };
    }
    return undefined;
  }

  #openIfThere(name: string): Promise<DiskFile | undefined> {
    const { disk, directory } = this.#ports;
    return unlessGone(disk.open(`${directory}/${name}`, { create: false }));
  }
}

interface OpenRange extends WholeFile {
  readonly file: DiskFile;
  readonly position: number;
}

async function sendRange(
  { name, beginOffset, file, position }: OpenRange,
  { epochs, logStartOffset }: SnapshotSource,
  call: CallContext,
  send: SendMessage,
): Promise<void> {
  const fileBytes = await file.size();
  const end = Math.min(fileBytes, position + SNAPSHOT_RANGE_BYTES);
  for (let at = position; at < end && !call.signal.aborted;) {
    const content = await file.read(at, Math.min(PIECE_BYTES, end - at));
    if (content.length === 0) throw new RpcError('unavailable', `${name} ends at ${at}`);
    await send(
      encodeSnapshotPiece({
        ...{ file: name, fileBytes, beginOffset, logStartOffset, epochs },
        position: at,
        content,
      }),
    );
    at += content.length;
  }
}

/** Of a file that may be deleted at any moment; one that cannot be read now is as good as gone. */
async function unlessGone<T>(opening: Promise<T>): Promise<T | undefined> {
  try {
    return await opening;
  } catch (error) {
    if (!isDiskError(error)) throw error;
    return undefined;
  }
}
