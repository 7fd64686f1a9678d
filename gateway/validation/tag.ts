import { MqError } from '../../common/errors/mq-error.ts';
import { hasControlCharacter, isBlank } from './text.ts';

/** Throws `tag-illegal`; an absent tag is no business of this function. */
export function validateTag(tag: string): void {
  const reason = illegalTag(tag);
  if (reason !== undefined) throw new MqError('tag-illegal', { reason });
}

function illegalTag(tag: string): string | undefined {
  if (isBlank(tag)) return 'is blank';
  if (tag.includes('|')) return 'contains "|", which separates tags in a subscription';
  if (hasControlCharacter(tag)) return 'contains a control character';
  return undefined;
}
