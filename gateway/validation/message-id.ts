import { MqError } from '../../common/errors/mq-error.ts';
import { hasControlCharacter, isBlank } from './text.ts';

/** Official ids have 34 characters; the limit only keeps out what is no id at all. */
const LENGTH_MAX = 128;

/** Throws `message-id-illegal`. */
export function validateMessageId(messageId: string): void {
  const reason = illegalId(messageId);
  if (reason !== undefined) throw new MqError('message-id-illegal', { reason });
}

function illegalId(messageId: string): string | undefined {
  if (isBlank(messageId)) return 'is blank';
  if (messageId.length > LENGTH_MAX) return `has more than ${LENGTH_MAX} characters`;
  if (hasControlCharacter(messageId)) return 'contains a control character';
  return undefined;
}
