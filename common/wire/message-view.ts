import { ByteRanges } from './byte-ranges.ts';
import {
  bytesTag,
  MESSAGE_BODY,
  MESSAGE_SYSTEM_PROPERTIES,
  MESSAGE_TOPIC,
  MESSAGE_USER_PROPERTIES,
} from './message-fields.ts';
import { emptyStringPair, readMapEntry, readStringPair, type StringPair } from './string-pair.ts';
import { SystemPropertiesView } from './system-properties-view.ts';
import { WireError } from './wire-error.ts';
import { WIRE_BYTES, WireReader } from './wire-reader.ts';

/**
 * One apache.rocketmq.v2.Message as it lies in `raw`: nothing is copied, strings are decoded when asked. What a broker stores
 * of it is `head` (all fields but the system properties) and `system.kept` (inner bytes of the system properties).
 */
export class MessageView {
  readonly raw: Buffer;
  /** Everything except the system properties, unknown fields included. */
  readonly head = new ByteRanges();
  readonly system: SystemPropertiesView;
  bodyStart = 0;
  bodyEnd = 0;
  userPropertyCount = 0;
  /** Bytes of the keys and values of all user properties. */
  userPropertyBytes = 0;
  /** Whether a field that should be there once is there twice; decoders do not agree about what that means. */
  readonly isIrregular: boolean;
  #topic: StringPair | undefined;
  #systemStart = 0;
  #systemEnd = 0;
  #hasDuplicates = false;
  readonly #seen = [false, false, false, false, false];

  /** Throws WireError when the range is not a Message. */
  constructor(raw: Buffer, start: number, end: number) {
    this.raw = raw;
    const reader = new WireReader(raw, start, end);
    const scratch = emptyStringPair();
    while (reader.hasMore) this.#readField(reader, scratch);
    this.system = new SystemPropertiesView(raw, this.#systemStart, this.#systemEnd);
    this.isIrregular = this.#hasDuplicates || this.system.hasRepeatedSubMessage;
  }

  /** '' when absent. */
  get topicNamespace(): string {
    return this.#topic === undefined
      ? ''
      : this.#text(this.#topic.firstStart, this.#topic.firstEnd);
  }

  /** '' when absent. */
  get topicName(): string {
    return this.#topic === undefined
      ? ''
      : this.#text(this.#topic.secondStart, this.#topic.secondEnd);
  }

  get bodyBytes(): number {
    return this.bodyEnd - this.bodyStart;
  }

  /** A view of `raw`, not a copy. */
  get body(): Buffer {
    return this.raw.subarray(this.bodyStart, this.bodyEnd);
  }

  /** Calls `visit` for each user property in wire order; of two with the same key the last one counts. */
  forEachUserProperty(visit: (key: string, value: string) => void): void {
    for (let index = 0; index < this.head.count; index += 1) {
      visitUserProperties(this.raw, this.head.start(index), this.head.end(index), visit);
    }
  }

  #readField(reader: WireReader, scratch: StringPair): void {
    const start = reader.position;
    const tag = reader.tag();
    const field = tag >>> 3;
    if (field > MESSAGE_BODY) {
      reader.skip(tag);
      this.head.add(start, reader.position);
      return;
    }
    if ((tag & 7) !== WIRE_BYTES) throw new WireError(`wire type of message field ${field}`, start);
    const outerEnd = reader.enter();
    this.#readKnown(reader, field, scratch);
    reader.leave(outerEnd);
    if (field !== MESSAGE_SYSTEM_PROPERTIES) this.head.add(start, reader.position);
    if (field === MESSAGE_USER_PROPERTIES) return;
    if (this.#seen[field] === true) this.#hasDuplicates = true;
    this.#seen[field] = true;
  }

  #readKnown(reader: WireReader, field: number, scratch: StringPair): void {
    if (field === MESSAGE_BODY) {
      this.bodyStart = reader.position;
      this.bodyEnd = reader.end;
    } else if (field === MESSAGE_USER_PROPERTIES) {
      readMapEntry(reader, scratch);
      this.userPropertyCount += 1;
      this.userPropertyBytes +=
        scratch.firstEnd - scratch.firstStart + scratch.secondEnd - scratch.secondStart;
    } else if (field === MESSAGE_TOPIC) {
      this.#topic = emptyStringPair();
      readStringPair(reader, this.#topic);
    } else {
      this.#systemStart = reader.position;
      this.#systemEnd = reader.end;
    }
  }

  #text(start: number, end: number): string {
    return this.raw.toString('utf8', start, end);
  }
}

/** Visits the user properties among Message fields that lie in a range: of a stored head, for example. */
export function visitUserProperties(
  buffer: Buffer,
  start: number,
  end: number,
  visit: (key: string, value: string) => void,
): void {
  const reader = new WireReader(buffer, start, end);
  const pair = emptyStringPair();
  while (reader.hasMore) {
    const tag = reader.tag();
    if (tag !== bytesTag(MESSAGE_USER_PROPERTIES)) {
      reader.skip(tag);
      continue;
    }
    const outerEnd = reader.enter();
    readMapEntry(reader, pair);
    reader.leave(outerEnd);
    visit(
      buffer.toString('utf8', pair.firstStart, pair.firstEnd),
      buffer.toString('utf8', pair.secondStart, pair.secondEnd),
    );
  }
}
