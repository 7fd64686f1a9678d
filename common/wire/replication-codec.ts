/** The replication stream and the transfer of snapshots as bytes: orbitmq.v1.Replication. */
import type { EpochStart } from '../model/broker-group.ts';
import type {
  LogBatch,
  MasterFrame,
  MasterRefusal,
  MasterWelcome,
  ReplicaAck,
  ReplicaFrame,
  ReplicaHandshake,
  SnapshotPiece,
  SnapshotRequest,
} from '../model/replication-frames.ts';
import {
  FetchSnapshotRequest,
  MasterFrame as MasterWire,
  ReplicaFrame as ReplicaWire,
  ReplicationMethods,
  SnapshotPiece as PieceWire,
  type IEpochStart,
  type IMasterWelcome,
  type IReplicaHandshake,
} from '../../proto/generated/orbitmq.ts';
import { WIRE_BYTES, WIRE_VARINT, WireReader } from './wire-reader.ts';
import { WireValues } from './wire-values.ts';
import { delimitedBytes, varintBytes, writeLengthPrefix, writeVarintField } from './wire-writer.ts';

export const REPLICATE_PATH = ReplicationMethods.Replicate.path;
export const FETCH_SNAPSHOT_PATH = ReplicationMethods.FetchSnapshot.path;

const REPLICATE = new WireValues('Replicate');
const FETCH = new WireValues('FetchSnapshot');

export function encodeHandshake(handshake: ReplicaHandshake): Uint8Array {
  return ReplicaWire.encode({
    handshake: { ...handshake, epochs: [...handshake.epochs] },
  }).finish();
}

// Tags of ReplicaFrame.ack and of ReplicaAck's fields.
const ACK_TAG = (2 << 3) | WIRE_BYTES;
const ACKED_OFFSET_TAG = (1 << 3) | WIRE_VARINT;
const ACKED_BATCH_TAG = (2 << 3) | WIRE_VARINT;

export function encodeReplicaAck({ ackedOffset, batch }: ReplicaAck): Buffer {
  const bodyBytes = fieldBytes(ackedOffset) + fieldBytes(batch);
  const target = Buffer.allocUnsafe(1 + delimitedBytes(bodyBytes));
  let at = writeLengthPrefix(target, 0, ACK_TAG, bodyBytes);
  at = writeNonZero(target, at, ACKED_OFFSET_TAG, ackedOffset);
  writeNonZero(target, at, ACKED_BATCH_TAG, batch);
  return target;
}

/** Throws when the bytes are no frame that makes sense. */
export function decodeReplicaFrame(bytes: Uint8Array): ReplicaFrame {
  const wire = REPLICATE.decoded(ReplicaWire, bytes);
  if (wire.handshake) return { kind: 'handshake', handshake: handshakeFromWire(wire.handshake) };
  const ack = REPLICATE.present(wire.ack, 'a handshake or an ack');
  return {
    kind: 'ack',
    ack: {
      ackedOffset: REPLICATE.count(ack.ackedOffset, 'acked_offset'),
      batch: REPLICATE.count(ack.batch, 'batch'),
    },
  };
}

export function encodeWelcome(welcome: MasterWelcome): Uint8Array {
  return MasterWire.encode({ welcome: { ...welcome, epochs: [...welcome.epochs] } }).finish();
}

export function encodeRefusal(refusal: MasterRefusal): Uint8Array {
  return MasterWire.encode({ refusal }).finish();
}

// Tags of MasterFrame.batch and of LogBatch's fields: number << 3 | wire type.
const BATCH_TAG = (2 << 3) | WIRE_BYTES;
const EPOCH_TAG = (1 << 3) | WIRE_VARINT;
const NUMBER_TAG = (2 << 3) | WIRE_VARINT;
const OFFSET_TAG = (3 << 3) | WIRE_VARINT;
const RECORDS_TAG = (4 << 3) | WIRE_BYTES;
const CONFIRM_TAG = (5 << 3) | WIRE_VARINT;
const LOG_START_TAG = (6 << 3) | WIRE_VARINT;
const LOG_END_TAG = (7 << 3) | WIRE_VARINT;

/** A whole MasterFrame with the batch. The records are copied once, into the message. */
export function encodeLogBatch(batch: LogBatch): Buffer {
  const recordsBytes = batch.records.length;
  const bodyBytes =
    fieldBytes(batch.epoch) +
    fieldBytes(batch.batch) +
    fieldBytes(batch.offset) +
    (recordsBytes === 0 ? 0 : 1 + delimitedBytes(recordsBytes)) +
    fieldBytes(batch.confirmOffset) +
    fieldBytes(batch.logStartOffset) +
    fieldBytes(batch.logEndOffset);
  const target = Buffer.allocUnsafe(1 + delimitedBytes(bodyBytes));
  let at = writeLengthPrefix(target, 0, BATCH_TAG, bodyBytes);
  at = writeNonZero(target, at, EPOCH_TAG, batch.epoch);
  at = writeNonZero(target, at, NUMBER_TAG, batch.batch);
  at = writeNonZero(target, at, OFFSET_TAG, batch.offset);
  if (recordsBytes > 0) {
    at = writeLengthPrefix(target, at, RECORDS_TAG, recordsBytes);
    batch.records.copy(target, at);
    at += recordsBytes;
  }
  at = writeNonZero(target, at, CONFIRM_TAG, batch.confirmOffset);
  at = writeNonZero(target, at, LOG_START_TAG, batch.logStartOffset);
  writeNonZero(target, at, LOG_END_TAG, batch.logEndOffset);
  return target;
}

/** Throws when the bytes are no frame that makes sense. Records are a view of `bytes`. */
export function decodeMasterFrame(bytes: Buffer): MasterFrame {
  if (bytes[0] === BATCH_TAG) return { kind: 'batch', batch: decodeLogBatch(bytes) };
  const wire = REPLICATE.decoded(MasterWire, bytes);
  if (wire.welcome) return { kind: 'welcome', welcome: welcomeFromWire(wire.welcome) };
  const refusal = REPLICATE.present(wire.refusal, 'a welcome, a batch or a refusal');
  return {
    kind: 'refusal',
    refusal: {
      reason: refusal.reason ?? '',
      epoch: REPLICATE.epoch(refusal.epoch, 'epoch'),
    },
  };
}

/** A frame whose first field is a batch; whatever follows the batch is passed over. */
function decodeLogBatch(bytes: Buffer): LogBatch {
  const reader = new WireReader(bytes);
  reader.tag();
  reader.enter();
  const values = new Array<number>(8).fill(0);
  let records = bytes.subarray(0, 0);
  while (reader.hasMore) {
    const tag = reader.tag();
    const field = tag >>> 3;
    if (tag === RECORDS_TAG) {
      const length = reader.length();
      records = bytes.subarray(reader.position, reader.position + length);
      reader.position += length;
    } else if ((tag & 7) === WIRE_VARINT && field < values.length) {
      values[field] = reader.int64();
    } else {
      reader.skip(tag);
    }
  }
  return {
    epoch: REPLICATE.termEpoch(values[1], 'epoch'),
    batch: REPLICATE.positive(values[2], 'batch'),
    offset: REPLICATE.count(values[3], 'offset'),
    records,
    confirmOffset: REPLICATE.count(values[5], 'confirm_offset'),
    logStartOffset: REPLICATE.count(values[6], 'log_start_offset'),
    logEndOffset: REPLICATE.count(values[7], 'log_end_offset'),
  };
}

export function encodeSnapshotRequest(request: SnapshotRequest): Uint8Array {
  return FetchSnapshotRequest.encode(request).finish();
}

export function decodeSnapshotRequest(bytes: Uint8Array): SnapshotRequest {
  const wire = FETCH.decoded(FetchSnapshotRequest, bytes);
  return {
    brokerName: FETCH.text(wire.brokerName, 'broker_name'),
    memberName: FETCH.text(wire.memberName, 'member_name'),
    epoch: FETCH.termEpoch(wire.epoch, 'epoch'),
    file: wire.file,
    position: FETCH.count(wire.position, 'position'),
  };
}

export function encodeSnapshotPiece(piece: SnapshotPiece): Uint8Array {
  return PieceWire.encode({ ...piece, epochs: [...piece.epochs] }).finish();
}

export function decodeSnapshotPiece(bytes: Uint8Array): SnapshotPiece {
  const wire = FETCH.decoded(PieceWire, bytes);
  const { content } = wire;
  return {
    file: FETCH.text(wire.file, 'file'),
    fileBytes: FETCH.positive(wire.fileBytes, 'file_bytes'),
    beginOffset: FETCH.count(wire.beginOffset, 'begin_offset'),
    logStartOffset: FETCH.count(wire.logStartOffset, 'log_start_offset'),
    epochs: startsFromWire(wire.epochs, FETCH),
    position: FETCH.count(wire.position, 'position'),
    content: Buffer.from(content.buffer, content.byteOffset, content.byteLength),
  };
}

function handshakeFromWire(wire: IReplicaHandshake): ReplicaHandshake {
  return {
    brokerName: REPLICATE.text(wire.brokerName, 'broker_name'),
    memberName: REPLICATE.text(wire.memberName, 'member_name'),
    runId: wire.runId ?? '',
    epoch: REPLICATE.termEpoch(wire.epoch, 'epoch'),
    epochs: startsFromWire(wire.epochs, REPLICATE),
    logStartOffset: REPLICATE.count(wire.logStartOffset, 'log_start_offset'),
    logEndOffset: REPLICATE.count(wire.logEndOffset, 'log_end_offset'),
    foldedOffset: REPLICATE.count(wire.foldedOffset, 'folded_offset'),
  };
}

function welcomeFromWire(wire: IMasterWelcome): MasterWelcome {
  return {
    epoch: REPLICATE.termEpoch(wire.epoch, 'epoch'),
    commonOffset: REPLICATE.count(wire.commonOffset, 'common_offset'),
    needsSnapshot: wire.needsSnapshot ?? false,
    epochs: startsFromWire(wire.epochs, REPLICATE),
  };
}

function startsFromWire(
  wire: readonly IEpochStart[] | null | undefined,
  values: WireValues,
): readonly EpochStart[] {
  const starts = (wire ?? []).map((start) => ({
    epoch: values.epoch(start.epoch, 'epochs.epoch'),
    startOffset: values.count(start.startOffset, 'epochs.start_offset'),
  }));
  for (const [index, start] of starts.entries()) {
    const before = starts[index - 1];
    if (before === undefined) continue;
    if (before.epoch >= start.epoch || before.startOffset >= start.startOffset)
      throw values.malformed(`epochs do not rise at ${start.epoch}`);
  }
  return starts;
}

/** As proto3 has it, 0 is not written. */
function fieldBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintBytes(value);
}

function writeNonZero(target: Buffer, at: number, tag: number, value: number): number {
  return value === 0 ? at : writeVarintField(target, at, tag, value);
}
