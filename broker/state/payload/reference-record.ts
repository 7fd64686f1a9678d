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
 * | 16 | 6    | physical offset of the stored message         |
 * | 22 | 4    | bytes of that record                          |
 * | 26 | 4    | group id                                      |
 * | 30 | 4    | topic id it came from                         |
 * | 34 | 2    | queue id it came from                         |
 * | 36 | 6    | queue offset it came from                     |
 * | 42 | 2    | attempts that had ended                       |
 */
import { readUint48, writeUint48 } from './integers.ts';

export const REFERENCE_BYTES = 44;

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
  writeUint48(buffer, reference.targetPhysical, at + 16);
  buffer.writeUInt32BE(reference.targetBytes, at + 22);
  buffer.writeUInt32BE(reference.groupId, at + 26);
  buffer.writeUInt32BE(reference.sourceTopicId, at + 30);
  buffer.writeUInt16BE(reference.sourceQueueId, at + 34);
  writeUint48(buffer, reference.sourceOffset, at + 36);
  buffer.writeUInt16BE(reference.attempts, at + 42);
}

export function readReference(buffer: Buffer, at: number): Reference {
  return {
    topicId: buffer.readUInt32BE(at),
    queueId: buffer.readUInt16BE(at + 4),
    queueOffset: readUint48(buffer, at + 6),
    tagHash: buffer.readUInt32BE(at + 12),
    targetPhysical: readUint48(buffer, at + 16),
    targetBytes: buffer.readUInt32BE(at + 22),
    groupId: buffer.readUInt32BE(at + 26),
    sourceTopicId: buffer.readUInt32BE(at + 30),
    sourceQueueId: buffer.readUInt16BE(at + 34),
    sourceOffset: readUint48(buffer, at + 36),
    attempts: buffer.readUInt16BE(at + 42),
  };
}
