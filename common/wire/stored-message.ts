import { visitUserProperties } from './message-view.ts';
import { SystemPropertiesView } from './system-properties-view.ts';

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
