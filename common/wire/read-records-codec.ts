/** ReadRecords of orbitmq.v1.Replication as bytes, for both ends. */
import { MqError } from '../errors/mq-error.ts';
import {
  ReadRecordsRequest,
  ReadRecordsResponse,
  ReplicationMethods,
} from '../../proto/generated/orbitmq.ts';

export const READ_RECORDS_PATH = ReplicationMethods.ReadRecords.path;

/** A range of the log of a group, [offset, offset + bytes), as its master of `epoch` has it. */
export interface RecordRange {
  readonly brokerName: string;
  readonly epoch: number;
  readonly offset: number;
  readonly bytes: number;
}

/** The bytes, or why they are not given. */
export type RecordsAnswer =
  | { readonly kind: 'records'; readonly records: Buffer }
  | { readonly kind: 'refused'; readonly reason: string };

export function encodeReadRecords(range: RecordRange): Uint8Array {
  return ReadRecordsRequest.encode(range).finish();
}

export function decodeReadRecords(bytes: Uint8Array): RecordRange {
  const { brokerName, epoch, offset, bytes: length } = ReadRecordsRequest.decode(bytes);
  for (const [field, value] of Object.entries({ epoch, offset, bytes: length })) {
    if (Number.isSafeInteger(value) && value >= 0) continue;
    throw new MqError('field-illegal', { field, reason: `${value} is no such number` });
  }
  return { brokerName, epoch, offset, bytes: length };
}

export function encodeRecords(answer: RecordsAnswer): Uint8Array {
  return ReadRecordsResponse.encode(
    answer.kind === 'records' ? { records: answer.records } : { reason: answer.reason },
  ).finish();
}

export function decodeRecords(bytes: Uint8Array): RecordsAnswer {
  const { records, reason } = ReadRecordsResponse.decode(bytes);
  if (records.length === 0) return { kind: 'refused', reason };
  const { buffer, byteOffset, length } = records;
  return { kind: 'records', records: Buffer.from(buffer, byteOffset, length) };
}
