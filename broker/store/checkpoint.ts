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
 * | 10 | 2     | flags         | 1: being emptied, to start at durableOffset; 2: lastEpoch known |
 * | 12 | 6     | sequence      | the greater of two valid slots counts; odd in the second slot   |
 * | 18 | 7     | durableOffset | everything below was durable before this slot was written       |
 * | 25 | 6     | storeTimeMs   | wall clock                                                      |
 * | 31 | 7     | confirmOffset | everything below was confirmed by the group; <= durableOffset   |
 * | 38 | 4     | lastEpoch     | of the last record below durableOffset                          |
 * | 42 | 22    | reserved      | 0                                                               |
 */
import { crc32c } from '@node-rs/crc32';
import {
  type Epoch,
  epoch,
  type PhysicalOffset,
  physicalOffset,
} from '../../common/model/offsets.ts';
import type { Disk, DiskFile } from '../../common/environment/disk.ts';
import { readUint56, UINT56_BYTES, writeUint56 } from './core/uint56.ts';

const MAGIC = 0x4f_4d_43_50;
const VERSION = 1;
const MAGIC_AT = 0;
const CRC_AT = MAGIC_AT + 4;
const VERSION_AT = CRC_AT + 4;
const FLAGS_AT = VERSION_AT + 2;
const SEQUENCE_AT = FLAGS_AT + 2;
const DURABLE_AT = SEQUENCE_AT + 6;
const STORE_TIME_AT = DURABLE_AT + UINT56_BYTES;
const CONFIRM_AT = STORE_TIME_AT + 6;
const LAST_EPOCH_AT = CONFIRM_AT + UINT56_BYTES;
const FLAG_RESETTING = 1;
const FLAG_LAST_EPOCH = 2;
const SLOT_BYTES = 64;
/** One sector, and more than one on most disks: a torn write cannot touch both slots. */
const SLOT_STRIDE = 4096;

export const CHECKPOINT_NAME = 'checkpoint';

/** How far the log is what. */
export interface LogEnds {
  durableOffset: PhysicalOffset;
  /** Written only as far as it is durable. */
  confirmOffset: PhysicalOffset;
  /** Epoch of the last record below `durableOffset`, when that is known. */
  lastEpoch: Epoch | undefined;
}

export interface CheckpointState extends LogEnds {
  sequence: number;
  storeTimeMs: number;
  /** See log-reset.ts. */
  isResetting: boolean;
}

const NOTHING_DURABLE: CheckpointState = {
  sequence: 0,
  durableOffset: physicalOffset(0),
  storeTimeMs: 0,
  confirmOffset: physicalOffset(0),
  lastEpoch: undefined,
  isResetting: false,
};

export class Checkpoint {
  readonly #file: DiskFile;
  #state: CheckpointState;
  /** The last write asked for, settled or not: they run one after another. */
  #writing: Promise<void> = Promise.resolve();

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

  get lastEpoch(): Epoch | undefined {
    return this.#state.lastEpoch;
  }

  get isResetting(): boolean {
    return this.#state.isResetting;
  }

  /** Writes the slot that is not the newest one. What `durableOffset` claims must be durable before this call. */
  write(ends: LogEnds, storeTimeMs: number): Promise<void> {
    return this.#enqueue(ends, storeTimeMs, false);
  }

  /** As `write`, in both slots: whichever of them a crash or a bad sector leaves, it claims no more than this. */
  async lower(ends: LogEnds, storeTimeMs: number): Promise<void> {
    await this.write(ends, storeTimeMs);
    await this.write(ends, storeTimeMs);
  }

  /** From now on the log is to be emptied and to start at `offset`, whatever happens in between. In both slots. */
  async writeReset(offset: PhysicalOffset, storeTimeMs: number): Promise<void> {
    const ends = { durableOffset: offset, confirmOffset: offset, lastEpoch: undefined };
    await this.#enqueue(ends, storeTimeMs, true);
    await this.#enqueue(ends, storeTimeMs, true);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #enqueue(ends: LogEnds, storeTimeMs: number, isResetting: boolean): Promise<void> {
    const written = this.#writing.then(() => this.#write(ends, storeTimeMs, isResetting));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #write(ends: LogEnds, storeTimeMs: number, isResetting: boolean): Promise<void> {
    const { durableOffset, lastEpoch } = ends;
    const state: CheckpointState = {
      sequence: this.#state.sequence + 1,
      durableOffset,
      storeTimeMs,
      confirmOffset: physicalOffset(Math.min(ends.confirmOffset, durableOffset)),
      lastEpoch,
      isResetting,
    };
    await this.#file.write((state.sequence % 2) * SLOT_STRIDE, [encodeSlot(state)]);
    await this.#file.sync();
    this.#state = state;
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
  const isKnown = state.lastEpoch !== undefined;
  const flags = (state.isResetting ? FLAG_RESETTING : 0) | (isKnown ? FLAG_LAST_EPOCH : 0);
  slot.writeUInt16BE(flags, FLAGS_AT);
  slot.writeUIntBE(state.sequence, SEQUENCE_AT, 6);
  writeUint56(slot, state.durableOffset, DURABLE_AT);
  slot.writeUIntBE(state.storeTimeMs, STORE_TIME_AT, 6);
  writeUint56(slot, state.confirmOffset, CONFIRM_AT);
  slot.writeUInt32BE(state.lastEpoch ?? 0, LAST_EPOCH_AT);
  slot.writeUInt32BE(crc32c(slot.subarray(VERSION_AT)), CRC_AT);
  return slot;
}

function decodeSlot(bytes: Buffer, at: number): CheckpointState | undefined {
  if (bytes.length < at + SLOT_BYTES || bytes.readUInt32BE(at + MAGIC_AT) !== MAGIC)
    return undefined;
  const slot = bytes.subarray(at, at + SLOT_BYTES);
  if (crc32c(slot.subarray(VERSION_AT)) !== slot.readUInt32BE(CRC_AT)) return undefined;
  if (slot.readUInt16BE(VERSION_AT) !== VERSION) return undefined;
  const flags = slot.readUInt16BE(FLAGS_AT);
  const isKnown = (flags & FLAG_LAST_EPOCH) !== 0;
  return {
    sequence: slot.readUIntBE(SEQUENCE_AT, 6),
    durableOffset: physicalOffset(readUint56(slot, DURABLE_AT)),
    storeTimeMs: slot.readUIntBE(STORE_TIME_AT, 6),
    confirmOffset: physicalOffset(readUint56(slot, CONFIRM_AT)),
    lastEpoch: isKnown ? epoch(slot.readUInt32BE(LAST_EPOCH_AT)) : undefined,
    isResetting: (flags & FLAG_RESETTING) !== 0,
  };
}
