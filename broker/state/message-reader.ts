import { assert } from '../../common/assert.ts';
import { physicalOffset } from '../../common/model/offsets.ts';
import { recordStamp } from '../../common/model/record-stamp.ts';
import { recordAt, type LogRecord } from '../store/record-codec.ts';
import { RecordType } from '../store/record-type.ts';
import type { StoredMessage } from '../../common/wire/delivered-message.ts';
import type { MessageLog } from './backlog-reader.ts';
import { readCarriedStamp, readStoredParts } from './payload/message-record.ts';
import { readReference, type Reference } from './payload/reference-record.ts';
import type { Location } from './relocation-table.ts';

/** A message where it is stored, with what its record says of it. */
export interface MessageInLog extends StoredMessage {
  readonly storeTimeMs: number;
  /** Of the message at its place in the queue. */
  readonly stamp: number;
  /** Set for a message that stands in its queue by reference (dead-lettered). */
  readonly reference: Reference | undefined;
}

/** Gaps between two messages that are still read in one go: about what one more disk request costs. */
const READ_GAP_BYTES = 64 * 1024;
/** Longest single read. */
const READ_BYTES_MAX = 4 * 1024 * 1024;

/** Reads messages by their place in the log, neighbours in one read. */
export class MessageReader {
  readonly #log: MessageLog;

  constructor(log: MessageLog) {
    this.#log = log;
  }

  /** In the order of `locations`. Rejects with a StoreError when a record is damaged. */
  async read(locations: readonly Location[]): Promise<MessageInLog[]> {
    const messages = new Array<MessageInLog | undefined>(locations.length);
    const cold: number[] = [];
    locations.forEach((location, i) => {
      const buffer = this.#log.readSync(physicalOffset(location.physical), location.bytes);
      if (buffer === undefined) cold.push(i);
      else messages[i] = storedMessage(recordAt(buffer, 0));
    });
    if (cold.length > 0) await this.#readCold(locations, cold, messages);
    return Promise.all(messages.map((message) => this.#resolve(message)));
  }

  /** As `read`, when all of it is in memory; undefined otherwise. */
  readSync(locations: readonly Location[]): MessageInLog[] | undefined {
    const messages: MessageInLog[] = [];
    for (const location of locations) {
      const buffer = this.#log.readSync(physicalOffset(location.physical), location.bytes);
      if (buffer === undefined) return undefined;
      const message = storedMessage(recordAt(buffer, 0));
      if (message.reference !== undefined) return undefined;
      messages.push(message);
    }
    return messages;
  }

  /** As `record`; undefined when retention has removed it. A disk that fails for the moment still rejects. */
  async recordIfKept(location: Location): Promise<LogRecord | undefined> {
    try {
      return location.physical < this.#log.startOffset ? undefined : await this.record(location);
    } catch (error) {
      if (location.physical < this.#log.startOffset) return undefined;
      throw error;
    }
  }

  /**
   * True when retention has removed the message. A crash in the middle of a deletion can leave a dead letter's entry
   * behind whose message is gone.
   */
  async isRemoved(location: Location): Promise<boolean> {
    const record = await this.recordIfKept(location);
    if (record?.type !== RecordType.Reference) return record === undefined;
    return readReference(record.buffer, record.payloadStart).targetPhysical < this.#log.startOffset;
  }

  /** A record that the log has checked, by its place. */
  async record(location: Location): Promise<LogRecord> {
    const offset = physicalOffset(location.physical);
    const recent = this.#log.readSync(offset, location.bytes);
    if (recent !== undefined) return recordAt(recent, 0);
    return recordAt(await this.#log.read(offset, location.bytes), 0);
  }

  async #readCold(
    locations: readonly Location[],
    cold: number[],
    messages: (MessageInLog | undefined)[],
  ): Promise<void> {
    const sorted = cold
      .map((at) => ({
        at,
        physical: locations[at]?.physical ?? 0,
        bytes: locations[at]?.bytes ?? 0,
      }))
      .sort((a, b) => a.physical - b.physical);
    for (const run of runsOf(sorted)) {
      const buffer = await this.#log.read(physicalOffset(run.start), run.end - run.start);
      for (const { at, physical } of run.messages) {
        messages[at] = storedMessage(recordAt(buffer, physical - run.start));
      }
    }
  }

  async #resolve(message: MessageInLog | undefined): Promise<MessageInLog> {
    assert(message !== undefined, 'every location has been read');
    const { reference } = message;
    if (reference === undefined) return message;
    const target = await this.record({
      physical: reference.targetPhysical,
      bytes: reference.targetBytes,
    });
    return {
      ...readStoredParts(target.buffer, target.payloadStart),
      storeTimeMs: message.storeTimeMs,
      stamp: message.stamp,
      reference,
    };
  }
}

interface ColdMessage extends Location {
  /** Index in the request. */
  readonly at: number;
}

interface Run {
  readonly start: number;
  end: number;
  readonly messages: ColdMessage[];
}

/** Messages in log order, put together where one read is cheaper than two. */
function runsOf(sorted: readonly ColdMessage[]): Run[] {
  const runs: Run[] = [];
  for (const message of sorted) {
    const { physical, bytes } = message;
    const run = runs.at(-1);
    const isNear = run !== undefined && physical <= run.end + READ_GAP_BYTES;
    if (run !== undefined && isNear && physical + bytes - run.start <= READ_BYTES_MAX) {
      run.end = Math.max(run.end, physical + bytes);
      run.messages.push(message);
    } else {
      runs.push({ start: physical, end: physical + bytes, messages: [message] });
    }
  }
  return runs;
}

/**
 * Of the message that the record puts into a queue. A Carry record repeats one that was stored earlier, and says the stamp of that;
 * those of older brokers do not.
 */
export function stampOfRecord({
  type,
  epoch,
  storeTimeMs,
  buffer,
  payloadStart,
}: LogRecord): number {
  return type === RecordType.Carry
    ? readCarriedStamp(buffer, payloadStart)
    : recordStamp(epoch, storeTimeMs);
}

/** A Reference has its parts elsewhere; they are filled in by `#resolve`. */
function storedMessage(record: LogRecord): MessageInLog {
  const { storeTimeMs } = record;
  const stamp = stampOfRecord(record);
  if (record.type === RecordType.Reference) {
    const { buffer, payloadStart: at } = record;
    const nowhere = { headStart: at, headEnd: at, systemStart: at, systemEnd: at };
    return { buffer, ...nowhere, storeTimeMs, stamp, reference: readReference(buffer, at) };
  }
  return {
    ...readStoredParts(record.buffer, record.payloadStart),
    storeTimeMs,
    stamp,
    reference: undefined,
  };
}
