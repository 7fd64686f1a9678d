import { MqError } from '../../common/errors/mq-error.ts';
import { shown } from './text.ts';

const ENTRIES_MAX = 32;
const VALUE_CHARACTERS_MAX = 256;
const BYTES_MAX = 4 * 1024;
const KEY = /^[a-zA-Z][a-zA-Z0-9_.-]{0,63}$/;
const RESERVED_PREFIX = 'rocketmq.';

/** Throws `client-properties-invalid` unless they are as the protocol's comments allow. */
export function validateClientProperties(properties: Readonly<Record<string, string>>): void {
  const reason = illegalProperties(Object.entries(properties));
  if (reason !== undefined) throw new MqError('client-properties-invalid', { reason });
}

function illegalProperties(entries: readonly (readonly [string, string])[]): string | undefined {
  if (entries.length > ENTRIES_MAX) return `have more than ${ENTRIES_MAX} client properties`;
  let bytes = 0;
  for (const [key, value] of entries) {
    if (!KEY.test(key)) return `have a client property with the illegal name "${shown(key)}"`;
    if (key.startsWith(RESERVED_PREFIX)) return `use the reserved client property "${shown(key)}"`;
    if (value.length > VALUE_CHARACTERS_MAX) {
      return `have more than ${VALUE_CHARACTERS_MAX} characters in client property "${key}"`;
    }
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  return bytes > BYTES_MAX ? `have more than ${BYTES_MAX} bytes of client properties` : undefined;
}
