import { MqError } from '../../common/errors/mq-error.ts';
import { hasControlCharacter, isBlank } from './text.ts';

/** Exclusive, as in Apache RocketMQ. */
const BYTES_LIMIT = 64;

/** Throws `message-group-illegal`; an absent group is no business of this function. */
export function validateMessageGroup(group: string): void {
  const reason = illegalGroup(group);
  if (reason !== undefined) throw new MqError('message-group-illegal', { reason });
}

function illegalGroup(group: string): string | undefined {
  if (isBlank(group)) return 'is blank';
  if (Buffer.byteLength(group) >= BYTES_LIMIT) return `has ${BYTES_LIMIT} bytes or more`;
  if (hasControlCharacter(group)) return 'contains a control character';
  return undefined;
}
