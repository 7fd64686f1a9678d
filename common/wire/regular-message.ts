import { assert } from '../assert.ts';
import {
  bytesTag,
  FIELD_KINDS,
  isSubMessage,
  MESSAGE_BODY,
  MESSAGE_SYSTEM_PROPERTIES,
  MESSAGE_TOPIC,
} from './message-fields.ts';
import { MessageView } from './message-view.ts';
import { WireError } from './wire-error.ts';
import { WIRE_BYTES, WireReader } from './wire-reader.ts';
import { delimitedBytes, varintBytes, writeLengthPrefix } from './wire-writer.ts';

/** No real client repeats a field that is there once; a few are put right, more are refused. */
const REPEATS_MAX = 64;

/** Values of the fields that are gathered, by field number, and all other fields as they are. */
interface Gathered {
  readonly others: Buffer[];
  readonly values: Map<number, Buffer[]>;
}

/**
 * Parses a Message. One in which a field that should be there once is repeated is first brought into the form that the
 * protobuf rules give it (sub-messages merged, of the rest the last one), because decoders differ: what the broker
 * understands and what every consumer understands must be the same message.
 */
export function parseMessage(raw: Buffer, start: number, end: number): MessageView {
  const view = new MessageView(raw, start, end);
  if (!view.isIrregular) return view;
  const regular = regularMessage(raw.subarray(start, end));
  const regularView = new MessageView(regular, 0, regular.length);
  assert(!regularView.isIrregular, 'a message brought into regular form is regular');
  return regularView;
}

function regularMessage(message: Buffer): Buffer {
  const isGathered = (field: number): boolean =>
    field === MESSAGE_TOPIC || field === MESSAGE_SYSTEM_PROPERTIES || field === MESSAGE_BODY;
  const { others, values } = gather(message, isGathered);
  const parts = [...others];
  for (const [field, occurrences] of values) {
    if (field === MESSAGE_BODY) parts.push(delimited(field, occurrences.slice(-1)));
    else if (field === MESSAGE_TOPIC) parts.push(delimited(field, occurrences));
    else parts.push(delimited(field, [regularSystemProperties(Buffer.concat(occurrences))]));
  }
  return Buffer.concat(parts);
}

function regularSystemProperties(system: Buffer): Buffer {
  const { others, values } = gather(system, (field) => {
    const kind = FIELD_KINDS[field];
    return kind !== undefined && isSubMessage(kind);
  });
  return Buffer.concat([
    ...others,
    ...[...values].map(([field, occurrences]) => delimited(field, occurrences)),
  ]);
}

function gather(message: Buffer, isGathered: (field: number) => boolean): Gathered {
  const others: Buffer[] = [];
  const values = new Map<number, Buffer[]>();
  const reader = new WireReader(message);
  let othersStart = 0;
  while (reader.hasMore) {
    const start = reader.position;
    const tag = reader.tag();
    if ((tag & 7) !== WIRE_BYTES || !isGathered(tag >>> 3)) {
      reader.skip(tag);
      continue;
    }
    if (start > othersStart) others.push(message.subarray(othersStart, start));
    const outerEnd = reader.enter();
    const occurrences = values.get(tag >>> 3) ?? [];
    if (occurrences.length === REPEATS_MAX)
      throw new WireError(`field ${tag >>> 3} too often`, start);
    values.set(tag >>> 3, [...occurrences, message.subarray(reader.position, reader.end)]);
    reader.leave(outerEnd);
    othersStart = reader.position;
  }
  others.push(message.subarray(othersStart));
  return { others, values };
}

/** A length-delimited field whose value is all `parts` together: that is how protobuf merges sub-messages. */
function delimited(field: number, parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const tag = bytesTag(field);
  const target = Buffer.allocUnsafe(varintBytes(tag) + delimitedBytes(length));
  let at = writeLengthPrefix(target, 0, tag, length);
  for (const part of parts) at += part.copy(target, at);
  return target;
}
