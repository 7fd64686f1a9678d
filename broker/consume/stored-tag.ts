import { storedMessageFields } from '../../common/wire/stored-message-fields.ts';
import type { StoredMessage } from '../state/message-reader.ts';

/** The message's own tag; undefined when it has none. */
export function tagOf(message: StoredMessage): string | undefined {
  return storedMessageFields(message.system).tag;
}
