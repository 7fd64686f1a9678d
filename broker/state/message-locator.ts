import { RecordType } from '../store/record-type.ts';
import { EntryBatch } from '../store/index/core/entry-batch.ts';
import { isGone } from '../store/index/core/index-entry.ts';
import type { BrokerState } from './broker-state.ts';
import { indexDamaged } from './index-damaged.ts';
import { stampOfRecord, type MessageReader } from './message-reader.ts';
import { readReference } from './payload/reference-record.ts';
import type { Relocation } from './relocation-table.ts';

/** Finds where the message at a place of a queue is stored. */
export class MessageLocator {
  readonly #state: BrokerState;
  readonly #reader: MessageReader;

  constructor(state: BrokerState, reader: MessageReader) {
    this.#state = state;
    this.#reader = reader;
  }

  /** The record that stands at this place; undefined when retention has removed it, or damage. */
  async entry(queueNo: number, offset: number): Promise<Relocation | undefined> {
    const batch = new EntryBatch(1);
    const { index, relocations } = this.#state;
    const moved = relocations.get(queueNo, offset);
    const read =
      offset < index.minOffset(queueNo) ? 0 : await index.read(queueNo, offset, 1, batch);
    if (typeof read !== 'number') throw indexDamaged(read);
    if (read === 1 && batch.startOffset === offset && !isGone(batch.flags[0])) {
      return (
        moved ?? {
          physical: batch.physical[0] ?? 0,
          bytes: batch.bytes[0] ?? 0,
          tagHash: batch.tagHash[0] ?? 0,
        }
      );
    }
    return moved;
  }

  /** Stamp of the message at this place; undefined when there is none any more. */
  async stamp(queueNo: number, offset: number): Promise<number | undefined> {
    const found = await this.entry(queueNo, offset);
    const record = found === undefined ? undefined : await this.#reader.recordIfKept(found);
    return record === undefined ? undefined : stampOfRecord(record);
  }

  /** The record with the message itself: follows a reference. */
  async target(queueNo: number, offset: number): Promise<Relocation | undefined> {
    const found = await this.entry(queueNo, offset);
    if (found === undefined) return undefined;
    const record = await this.#reader.record(found);
    if (record.type !== RecordType.Reference) return found;
    const { targetPhysical, targetBytes } = readReference(record.buffer, record.payloadStart);
    return { physical: targetPhysical, bytes: targetBytes, tagHash: found.tagHash };
  }
}
