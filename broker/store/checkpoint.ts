/**
 * DIR/checkpoint: how far the log is known durable, so that a restart can tell a torn tail from lost bytes. Two slots in
 * different sectors are written in turn; a torn write of one leaves the other. Losing both loses evidence, not data.
 *
 * Slot (64 bytes, at 0 and at 4096), big-endian:
 *
 * | at | bytes | field         | meaning                                                         |
 * |----|-------|---------------|-----------------------------------------------------------------|
 * |  0 | 4     | magic         | 'OMCP'                                                          |
 * |  4 | 4     | crc           | CRC-32C of bytes [8, 64)                                        |
 * |  8 | 2     | version       | 1                                                               |
 * | 10 | 2     | reserved      | 0                                                               |
 * | 12 | 6     | sequence      | the greater of two valid slots counts; odd in the second slot   |
 * | 18 | 7     | durableOffset | everything below was durable before this slot was written       |
 * | 25 | 6     | storeTimeMs   | wall clock                                                      |
 * | 31 | 7     | confirmOffset | everything below was confirmed by the group; <= durableOffset   |
 * | 38 | 26    | reserved      | 0                                                               |
 */
import { crc32c } from '@node-rs/crc32';
import { type PhysicalOffset, physicalOffset } from '../../common/model/offsets.ts';
import type { Disk, DiskFile } from '../../common/environment/disk.ts';
import { readUint56, UINT56_BYTES, writeUint56 } from './core/uint56.ts';

const MAGIC = 0x4f_4d_43_50;
const VERSION = 1;
const MAGIC_AT = 0;
const CRC_AT = MAGIC_AT + 4;
const VERSION_AT = CRC_AT + 4;
const SEQUENCE_AT = VERSION_AT + 4;
const DURABLE_AT = SEQUENCE_AT + 6;
const STORE_TIME_AT = DURABLE_AT + UINT56_BYTES;
const CONFIRM_AT = STORE_TIME_AT + 6;
const SLOT_BYTES = 64;
/** One sector, and more than one on most disks: a torn write cannot touch both slots. */
const SLOT_STRIDE = 4096;

export const CHECKPOINT_NAME = 'checkpoint';

export interface CheckpointState {
  sequence: number;
  durableOffset: PhysicalOffset;
  storeTimeMs: number;
  /** At most `durableOffset`. */
  confirmOffset: PhysicalOffset;
}

const NOTHING_DURABLE: CheckpointState = {
  sequence: 0,
  durableOffset: physicalOffset(0),
  storeTimeMs: 0,
  confirmOffset: physicalOffset(0),
};

export class Checkpoint {
  readonly #file: DiskFile;
  #state: CheckpointState;

  private constructor(file: DiskFile, state: CheckpointState) {
    this.#file = file;
    this.#state = state;
  }

  static async open(disk: Disk, directory: string): Promise<Checkpoint> {
    const file = await disk.open(`${directory}/${CHECKPOINT_NAME}`, { create: true });
    try {
      await disk.syncDirectory(directory);
      const state = decodeCheckpoint(await file.read(0, SLOT_STRIDE + SLOT_BYTES));
      return new Checkpoint(file, state ?? NOTHING_DURABLE);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get durableOffset(): PhysicalOffset {
    return this.#state.durableOffset;
  }

  get confirmOffset(): PhysicalOffset {
    return this.#state.confirmOffset;
  }

  /**
   * Writes the slot that is not the newest one. What `durableOffset` claims must be durable before this call; of
   * `confirmOffset` only as much is written as is durable.
   */
  async write(
    durableOffset: PhysicalOffset,
    confirmOffset: PhysicalOffset,
    storeTimeMs: number,
  ): Promise<void> {
    const state = {
      sequence: this.#state.sequence + 1,
      durableOffset,
      storeTimeMs,
      confirmOffset: physicalOffset(Math.min(confirmOffset, durableOffset)),
    };
    await this.#file.write((state.sequence % 2) * SLOT_STRIDE, [encodeSlot(state)]);
    await this.#file.sync();
    this.#state = state;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** The newest valid slot of the file's bytes. */
export function decodeCheckpoint(bytes: Buffer): CheckpointState | undefined {
  const slots = [decodeSlot(bytes, 0), decodeSlot(bytes, SLOT_STRIDE)].filter(
    (slot) => slot !== undefined,
  );
  return slots.sort((a, b) => b.sequence - a.sequence)[0];
}

function encodeSlot(state: CheckpointState): Buffer {
  const slot = Buffer.alloc(SLOT_BYTES);
  slot.writeUInt32BE(MAGIC, MAGIC_AT);
  slot.writeUInt16BE(VERSION, VERSION_AT);
  slot.writeUIntBE(state.sequence, SEQUENCE_AT, 6);
  writeUint56(slot, state.durableOffset, DURABLE_AT);
  slot.writeUIntBE(state.storeTimeMs, STORE_TIME_AT, 6);
  writeUint56(slot, state.confirmOffset, CONFIRM_AT);
  slot.writeUInt32BE(crc32c(slot.subarray(VERSION_AT)), CRC_AT);
  return slot;
}

function decodeSlot(bytes: Buffer, at: number): CheckpointState | undefined {
  if (bytes.length < at + SLOT_BYTES || bytes.readUInt32BE(at + MAGIC_AT) !== MAGIC)
    return undefined;
  const slot = bytes.subarray(at, at + SLOT_BYTES);
  if (crc32c(slot.subarray(VERSION_AT)) !== slot.readUInt32BE(CRC_AT)) return undefined;
  if (slot.readUInt16BE(VERSION_AT) !== VERSION) return undefined;
  return {
    sequence: slot.readUIntBE(SEQUENCE_AT, 6),
    durableOffset: physicalOffset(readUint56(slot, DURABLE_AT)),
    storeTimeMs: slot.readUIntBE(STORE_TIME_AT, 6),
    confirmOffset: physicalOffset(readUint56(slot, CONFIRM_AT)),
  };
}
