/**
 * Payload of a Reference record: a message that appears in a second queue without being copied. Here: a dead-lettered
 * message. One record does both halves, so that a crash can neither lose the message nor leave it in both places:
 * the entry in the dead-letter queue, and the end of the message for the group.
 *
 * | at | size | field                                         |
 * |----|------|-----------------------------------------------|
 * | 0  | 4    | topic id of the dead-letter topic             |
 * | 4  | 2    | queue id there                                |
 * | 6  | 6    | queue offset there                            |
 * | 12 | 4    | tag hash                                      |
 * | 16 | 7    | physical offset of the stored message         |
 * | 23 | 4    | bytes of that record                          |
 * | 27 | 4    | group id                                      |
 * | 31 | 4    | topic id it came from                         |
 * | 35 | 2    | queue id it came from                         |
 * | 37 | 6    | queue offset it came from                     |
 * | 43 | 2    | attempts that had ended                       |
 */
import { readUint56, writeUint56 } from '../../store/core/uint56.ts';
import { readUint48, writeUint48 } from './integers.ts';

export const REFERENCE_BYTES = 45;

export interface Reference {
  topicId: number;
  queueId: number;
  queueOffset: number;
  tagHash: number;
  targetPhysical: number;
  targetBytes: number;
  groupId: number;
  sourceTopicId: number;
  sourceQueueId: number;
  sourceOffset: number;
  attempts: number;
}

export function writeReference(buffer: Buffer, at: number, reference: Reference): void {
  buffer.writeUInt32BE(reference.topicId, at);
  buffer.writeUInt16BE(reference.queueId, at + 4);
  writeUint48(buffer, reference.queueOffset, at + 6);
  buffer.writeUInt32BE(reference.tagHash, at + 12);
  writeUint56(buffer, reference.targetPhysical, at + 16);
  buffer.writeUInt32BE(reference.targetBytes, at + 23);
  buffer.writeUInt32BE(reference.groupId, at + 27);
  buffer.writeUInt32BE(reference.sourceTopicId, at + 31);
  buffer.writeUInt16BE(reference.sourceQueueId, at + 35);
  writeUint48(buffer, reference.sourceOffset, at + 37);
  buffer.writeUInt16BE(reference.attempts, at + 43);
}

export function readReference(buffer: Buffer, at: number): Reference {
  return {
    topicId: buffer.readUInt32BE(at),
    queueId: buffer.readUInt16BE(at + 4),
    queueOffset: readUint48(buffer, at + 6),
    tagHash: buffer.readUInt32BE(at + 12),
    targetPhysical: readUint56(buffer, at + 16),
    targetBytes: buffer.readUInt32BE(at + 23),
    groupId: buffer.readUInt32BE(at + 27),
    sourceTopicId: buffer.readUInt32BE(at + 31),
    sourceQueueId: buffer.readUInt16BE(at + 35),
    sourceOffset: readUint48(buffer, at + 37),
    attempts: buffer.readUInt16BE(at + 43),
  };
}
