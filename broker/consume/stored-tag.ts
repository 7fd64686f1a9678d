import { storedMessageFields } from '../../common/wire/stored-message.ts';
import type { MessageInLog } from '../state/message-reader.ts';

/** The message's own tag; undefined when it has none. */
export function tagOf(message: MessageInLog): string | undefined {
  return storedMessageFields(message.buffer, message.systemStart, message.systemEnd).tag;
}
