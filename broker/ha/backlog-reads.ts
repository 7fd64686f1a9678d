/**
 * A slave gives records of old backlog to its master, so that reading them costs the master's disk nothing. It gives only what
 * is confirmed: that is the same at every member, for ever. Bounds: the size of an answer, and the reads under way.
 */
import type { PhysicalOffset } from '../../common/model/offsets.ts';
import { physicalOffset } from '../../common/model/offsets.ts';
import type { ServiceMethod } from '../../common/rpc/service-table.ts';
import {
  decodeReadRecords,
  encodeRecords,
  READ_RECORDS_PATH,
  type RecordRange,
  type RecordsAnswer,
} from '../../common/wire/read-records-codec.ts';

/** Longest answer; a master that wants more reads from its own disk. */
export const BACKLOG_READ_BYTES_MAX = 1024 * 1024;
const READS_MAX = 16;

/** What a slave has; asked for at each call. */
export interface BacklogSource {
  /** The epoch whose master it follows, past the handshake. */
  readonly epoch: number;
  readonly startOffset: PhysicalOffset;
  /** Everything below is confirmed and in the log here. */
  readonly confirmOffset: number;
  /** Whole, intact records; rejects with a StoreError. */
  read(offset: PhysicalOffset, bytes: number): Promise<Buffer>;
}

export interface BacklogReadsPorts {
  readonly brokerName: string;
  /** Undefined: this member follows nobody now. */
  readonly source: () => BacklogSource | undefined;
  /** A read from the own disk failed. */
  readonly onFailure: (range: RecordRange, error: unknown) => void;
}

/** Replication/ReadRecords, by path. */
export function backlogReads(ports: BacklogReadsPorts): [string, ServiceMethod] {
  let underWay = 0;
  const answer = async (range: RecordRange): Promise<RecordsAnswer> => {
    const source = ports.source();
    const reason = refusal(range, ports.brokerName, source);
    if (reason !== undefined || source === undefined) return refused(reason ?? NOT_FOLLOWING);
    if (underWay >= READS_MAX) return refused(`${READS_MAX} reads are under way`);
    underWay += 1;
    try {
      const records = await source.read(physicalOffset(range.offset), range.bytes);
      return records.length === range.bytes
        ? { kind: 'records', records }
        : refused('the log ends before');
    } catch (error) {
      ports.onFailure(range, error);
      return refused('its own read failed');
    } finally {
      underWay -= 1;
    }
  };
  const handle = async (request: Buffer): Promise<Uint8Array> =>
    encodeRecords(await answer(decodeReadRecords(request)));
  return [READ_RECORDS_PATH, { kind: 'unary', handle }];
}

const NOT_FOLLOWING = 'follows no master now';

function refusal(
  { brokerName, epoch, offset, bytes }: RecordRange,
  ownName: string,
  source: BacklogSource | undefined,
): string | undefined {
  if (brokerName !== ownName) return `belongs to ${ownName}`;
  if (source === undefined) return NOT_FOLLOWING;
  if (epoch !== source.epoch) return `follows the master of epoch ${source.epoch}`;
  if (bytes === 0 || bytes > BACKLOG_READ_BYTES_MAX) return `${bytes} bytes are not given at once`;
  if (offset < source.startOffset) return `its log begins at ${source.startOffset}`;
  if (offset + bytes > source.confirmOffset) return `is behind, at ${source.confirmOffset}`;
  return undefined;
}

function refused(reason: string): RecordsAnswer {
  return { kind: 'refused', reason };
}
