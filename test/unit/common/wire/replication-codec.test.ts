import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { epoch } from '../../../../common/model/offsets.ts';
import type { LogBatch } from '../../../../common/model/replication-frames.ts';
import {
  decodeMasterFrame,
  decodeReplicaFrame,
  decodeSnapshotPiece,
  decodeSnapshotRequest,
  encodeHandshake,
  encodeLogBatch,
  encodeRefusal,
  encodeReplicaAck,
  encodeSnapshotPiece,
  encodeSnapshotRequest,
  encodeWelcome,
} from '../../../../common/wire/replication-codec.ts';
import { MasterFrame } from '../../../../proto/generated/orbitmq.ts';

const offsets = fc.oneof(fc.nat(300), fc.maxSafeNat());
const batches: fc.Arbitrary<LogBatch> = fc.record({
  epoch: fc.integer({ min: 1, max: 2 ** 32 - 1 }).map(epoch),
  batch: fc.integer({ min: 1, max: 2 ** 40 }),
  offset: offsets,
  records: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  confirmOffset: offsets,
  logStartOffset: offsets,
  logEndOffset: offsets,
});
const STARTS = [
  { epoch: epoch(0), startOffset: 0 },
  { epoch: epoch(7), startOffset: 900 },
];

describe('a batch of the log', () => {
  it('is the bytes that the generated codec gives', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const generated = MasterFrame.encode({ batch }).finish();
        expect(encodeLogBatch(batch).equals(generated)).toBe(true);
      }),
    );
  });

  it('comes back as it was, with records that are a view of the message', () => {
    fc.assert(
      fc.property(batches, (batch) => {
        const bytes = encodeLogBatch(batch);
        const frame = decodeMasterFrame(bytes);
        expect(frame).toEqual({ kind: 'batch', batch });
        if (frame.kind === 'batch' && batch.records.length > 0)
          expect(frame.batch.records.buffer).toBe(bytes.buffer);
      }),
    );
  });

  it('is refused when it is cut or damaged, never misread beyond its bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (rest) => {
        try {
          decodeMasterFrame(Buffer.from([0x12, ...rest]));
        } catch (error) {
          expect((error as { code?: unknown }).code).toBeDefined();
        }
      }),
    );
  });
});

describe('the other frames', () => {
  it('come back as they were', () => {
    const handshake = {
      ...{ brokerName: 'b', memberName: 'm', runId: 'r', epoch: epoch(7), epochs: STARTS },
      ...{ logStartOffset: 10, logEndOffset: 2 ** 50, foldedOffset: 11 },
    };
    expect(decodeReplicaFrame(encodeHandshake(handshake))).toEqual({
      kind: 'handshake',
      handshake,
    });
    const ack = { ackedOffset: 2 ** 50, batch: 3 };
    expect(decodeReplicaFrame(encodeReplicaAck(ack))).toEqual({ kind: 'ack', ack });
    const welcome = { epoch: epoch(7), commonOffset: 0, needsSnapshot: true, epochs: STARTS };
    expect(decodeMasterFrame(Buffer.from(encodeWelcome(welcome)))).toEqual({
      kind: 'welcome',
      welcome,
    });
    const refusal = { reason: 'no', epoch: epoch(9) };
    expect(decodeMasterFrame(Buffer.from(encodeRefusal(refusal)))).toEqual({
      kind: 'refusal',
      refusal,
    });
    const request = { brokerName: 'b', memberName: 'm', epoch: epoch(7), file: '', position: 5 };
    expect(decodeSnapshotRequest(encodeSnapshotRequest(request))).toEqual(request);
    const piece = {
      ...{
        file: 'f',
        fileBytes: 9,
        beginOffset: 4,
        logStartOffset: 2,
        epochs: STARTS,
        position: 1,
      },
      content: Buffer.from('xyz'),
    };
    expect(decodeSnapshotPiece(encodeSnapshotPiece(piece))).toEqual(piece);
  });

  it('are refused when they make no sense', () => {
    const handshake = {
      ...{ brokerName: 'b', memberName: 'm', runId: 'r', epoch: epoch(0), epochs: [] },
      ...{ logStartOffset: 0, logEndOffset: 0, foldedOffset: 0 },
    };
    expect(() => decodeReplicaFrame(encodeHandshake(handshake))).toThrow('epoch');
    const falling = { ...handshake, epoch: epoch(7), epochs: STARTS.toReversed() };
    expect(() => decodeReplicaFrame(encodeHandshake(falling))).toThrow('rise');
    expect(() => decodeReplicaFrame(Buffer.alloc(0))).toThrow();
    expect(() => decodeMasterFrame(Buffer.alloc(0))).toThrow();
    expect(() => decodeMasterFrame(Buffer.from('not protobuf'))).toThrow();
  });
});
