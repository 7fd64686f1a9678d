import { MqError } from '../../common/errors/mq-error.ts';
import { hasControlCharacter, isBlank } from './text.ts';

/** Throws `key-illegal` for the first key that may not be one. */
export function validateKeys(keys: readonly string[]): void {
  for (const key of keys) {
    if (isBlank(key)) throw new MqError('key-illegal', { reason: 'is blank' });
    if (hasControlCharacter(key)) {
      throw new MqError('key-illegal', { reason: 'contains a control character' });
    }
  }
}
