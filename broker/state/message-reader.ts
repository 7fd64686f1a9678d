import { assert } from '../../common/assert.ts';
import { physicalOffset } from '../../common/model/offsets.ts';
import type { CommitLog } from '../store/commit-log.ts';
import { recordAt, type LogRecord } from '../store/record-codec.ts';
import { RecordType } from '../store/record-type.ts';
import type { StoredMessage } from '../../common/wire/delivered-message.ts';
import { readStoredParts } from './payload/message-record.ts';
import { readReference, type Reference } from './payload/reference-record.ts';
import type { Location } from './relocation-table.ts';

/** A message where it is stored, with what its record says of it. */
export interface MessageInLog extends StoredMessage {
  readonly storeTimeMs: number;
  /** Set for a message that stands in its queue by reference (dead-lettered). */
  readonly reference: Reference | undefined;
}

/** Gaps between two messages that are still read in one go: about what one more disk request costs. */
const READ_GAP_BYTES = 64 * 1024;
/** Longest single read. */
const READ_BYTES_MAX = 4 * 1024 * 1024;

/** Reads messages by their place in the log, neighbours in one read. */
export class MessageReader {
  readonly #log: CommitLog;

  constructor(log: CommitLog) {
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
    cold.sort((a, b) => (locations[a]?.physical ?? 0) - (locations[b]?.physical ?? 0));
    for (let first = 0; first < cold.length; ) {
      const start = locations[cold[first] ?? 0]?.physical ?? 0;
      let end = start;
      let next = first;
      for (; next < cold.length; next++) {
        const location = locations[cold[next] ?? 0];
        if (location === undefined || location.physical > end + READ_GAP_BYTES) break;
        const extended = Math.max(end, location.physical + location.bytes);
        if (next > first && extended - start > READ_BYTES_MAX) break;
        end = extended;
      }
      const buffer = await this.#log.read(physicalOffset(start), end - start);
      for (let i = first; i < next; i++) {
        const at = cold[i] ?? 0;
        messages[at] = storedMessage(recordAt(buffer, (locations[at]?.physical ?? 0) - start));
      }
      first = next;
    }
  }

  async #resolve(message: MessageInLog | undefined): Promise<MessageInLog> {
    assert(message !== undefined, 'every location has been read');
    const { reference } = message;
    if (reference === undefined) return message;
    const target = await this.record({ physical: reference.targetPhysical, bytes: reference.targetBytes });
    return { ...readStoredParts(target.buffer, target.payloadStart), storeTimeMs: message.storeTimeMs, reference };
  }
}

/** A Reference has its parts elsewhere; they are filled in by `#resolve`. */
function storedMessage(record: LogRecord): MessageInLog {
  const { storeTimeMs } = record;
  if (record.type === RecordType.Reference) {
    const { buffer, payloadStart: at } = record;
    const nowhere = { headStart: at, headEnd: at, systemStart: at, systemEnd: at };
    return { buffer, ...nowhere, storeTimeMs, reference: readReference(buffer, at) };
  }
  return { ...readStoredParts(record.buffer, record.payloadStart), storeTimeMs, reference: undefined };
}
