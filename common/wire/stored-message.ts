import { bytesTag, MESSAGE_BODY } from './message-fields.ts';
import { visitUserProperties } from './message-view.ts';
import { SystemPropertiesView } from './system-properties-view.ts';
import { WireReader } from './wire-reader.ts';

const BODY_TAG = bytesTag(MESSAGE_BODY);

/** Reads stored system bytes: tag, keys, message id, group, times and type, decoded when asked. */
export function storedMessageFields(
  buffer: Buffer,
  systemStart: number,
  systemEnd: number,
): SystemPropertiesView {
  return new SystemPropertiesView(buffer, systemStart, systemEnd);
}

/** User properties of a stored head; of two with the same key the last one counts. */
export function storedUserProperties(
  buffer: Buffer,
  headStart: number,
  headEnd: number,
): Map<string, string> {
  const properties = new Map<string, string>();
  visitUserProperties(buffer, headStart, headEnd, (key, value) => properties.set(key, value));
  return properties;
}

/** Length of the body in a stored head; 0 when there is none. */
export function storedBodyBytes(buffer: Buffer, headStart: number, headEnd: number): number {
  const reader = new WireReader(buffer, headStart, headEnd);
  let bytes = 0;
  while (reader.hasMore) {
    const tag = reader.tag();
    if (tag !== BODY_TAG) {
      reader.skip(tag);
      continue;
    }
    bytes = reader.length();
    reader.position += bytes;
  }
  return bytes;
}
