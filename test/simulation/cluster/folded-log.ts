import { assert } from '../../../common/assert.ts';
import type { LogRecord } from '../../../broker/store/record-codec.ts';

interface FoldedRecord {
  readonly crc: number;
  readonly epoch: number;
  readonly end: number;
  /** Who folded it first. */
  readonly node: string;
}

/** A failover that took back what had had effect: only where it is allowed to. */
export interface Loss {
  readonly atMs: number;
  /** First byte of what is gone. */
  readonly offset: number;
  readonly end: number;
  readonly oldEpoch: number;
  readonly newEpoch: number;
}

/**
 * What had effect in one group, seen from outside of all its members: the first fold of an offset decides what every other
 * member has to fold there, in every life. Where failovers may lose (asynchronous replication), a newer epoch may replace
 * the end of it. What a deposed master still folds of an older one says nothing: it serves nobody and has to rewind.
 */
export class FoldedLog {
  readonly losses: Loss[] = [];
  readonly #name: string;
  readonly #mayLose: boolean;
  readonly #records = new Map<number, FoldedRecord>();
  /** Epoch by the end of a record, for acknowledgements. */
  readonly #epochByEnd = new Map<number, number>();
  readonly #epochStarts = new Map<number, number>();
  #end = 0;
  /** Of the last record. */
  #lastEpoch = 0;

  constructor(name: string, mayLose: boolean) {
    this.#name = name;
    this.#mayLose = mayLose;
  }

  get end(): number {
    return this.#end;
  }

  /** Whether it is the first fold of what stands there now. */
  folded(node: string, record: LogRecord, nowMs: number): boolean {
    const crc = crcOf(record);
    const end = record.offset + record.bytes;
    const known = this.#records.get(record.offset);
    if (known?.crc === crc) return false;
    // Epochs rise along a log: behind a newer one, it is not of the log that stands there now.
    if (this.#mayLose && record.epoch < this.#epochFrom(record.offset)) return false;
    if (known !== undefined || record.offset < this.#end) this.#replace(node, record, known, nowMs);
    this.#records.set(record.offset, { crc, epoch: record.epoch, end, node });
    this.#epochByEnd.set(end, record.epoch);
    if (!this.#epochStarts.has(record.epoch)) this.#epochStarts.set(record.epoch, record.offset);
    this.#end = Math.max(this.#end, end);
    this.#lastEpoch = record.epoch;
    return true;
  }

  epochEndingAt(end: number): number | undefined {
    return this.#epochByEnd.get(end);
  }

  startOf(epoch: number): number | undefined {
    return this.#epochStarts.get(epoch);
  }

  /** Highest epoch of what had effect from an offset on, or before the end when nothing had. */
  #epochFrom(offset: number): number {
    if (offset >= this.#end) return this.#lastEpoch;
    let highest = 0;
    for (const [start, { epoch, end }] of this.#records)
      if (start >= offset || end > offset) highest = Math.max(highest, epoch);
    return highest;
  }

  #replace(node: string, record: LogRecord, known: FoldedRecord | undefined, nowMs: number): void {
    const { offset, epoch } = record;
    const at = `${this.#name} offset ${offset}`;
    const was =
      known === undefined ? 'the middle of a record' : `epoch ${known.epoch} by ${known.node}`;
    const story = `${at}: ${node} folds epoch ${epoch} where ${was} had effect`;
    assert(this.#mayLose, story);
    const oldEpochs = [...this.#records].filter(([start]) => start >= offset);
    const oldEpoch = this.#epochFrom(offset);
    assert(epoch > oldEpoch, `${story}, and it is not newer than ${oldEpoch}`);
    this.losses.push({ atMs: nowMs, offset, end: this.#end, oldEpoch, newEpoch: epoch });
    for (const [start, { end }] of oldEpochs) {
      this.#records.delete(start);
      this.#epochByEnd.delete(end);
    }
    for (const [old, start] of this.#epochStarts)
      if (start >= offset) this.#epochStarts.delete(old);
    this.#end = offset;
  }
}

/** Field of the record's header: byte 4. */
function crcOf({ buffer, payloadEnd, bytes }: LogRecord): number {
  return buffer.readUInt32BE(payloadEnd - bytes + 4);
}
