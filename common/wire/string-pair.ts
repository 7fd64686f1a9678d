import { bytesTag } from './message-fields.ts';
import { WireError } from './wire-error.ts';
import { checkUtf8, WIRE_BYTES, type WireReader } from './wire-reader.ts';

const FIRST_TAG = bytesTag(1);
const SECOND_TAG = bytesTag(2);

/**
 * Where the two strings lie of a message that has them as fields 1 and 2: a Resource, a DeadLetterQueue, an entry of a
 * string map. An absent string has start and end 0.
 */
export interface StringPair {
  firstStart: number;
  firstEnd: number;
  secondStart: number;
  secondEnd: number;
}

export function emptyStringPair(): StringPair {
  return { firstStart: 0, firstEnd: 0, secondStart: 0, secondEnd: 0 };
}

/**
 * Reads an entry of a string map. One with further fields is refused: nobody can define them, and google-protobuf, which the
 * Node client reads with, loses its place at them.
 */
export function readMapEntry(reader: WireReader, pair: StringPair): void {
  readFields(reader, pair, false);
}

/** Reads the reader's whole range into `pair`, which may have been used before. */
export function readStringPair(reader: WireReader, pair: StringPair): void {
  readFields(reader, pair, true);
}

function readFields(reader: WireReader, pair: StringPair, mayHaveUnknown: boolean): void {
  pair.firstStart = pair.firstEnd = pair.secondStart = pair.secondEnd = 0;
  while (reader.hasMore) {
    const tag = reader.tag();
    if (tag >>> 3 > 2) {
      if (!mayHaveUnknown) throw new WireError('unknown field in a map entry', reader.position);
      reader.skip(tag);
      continue;
    }
    if ((tag & 7) !== WIRE_BYTES) throw new WireError('wire type of a string', reader.position);
    const length = reader.length();
    const start = reader.position;
    reader.position = start + length;
    checkUtf8(reader.buffer, start, start + length);
    if (tag === FIRST_TAG) {
      pair.firstStart = start;
      pair.firstEnd = start + length;
    } else if (tag === SECOND_TAG) {
      pair.secondStart = start;
      pair.secondEnd = start + length;
    }
  }
}
