import { MqError } from '../../common/errors/mq-error.ts';
import { isBlank, shown } from './text.ts';
import type { NameLimits } from './topic-name.ts';

const ALLOWED = /^[%|a-zA-Z0-9_-]+$/;
const RESERVED_PREFIX = /^CID_RMQ_SYS_/i;

/** Throws `group-illegal` unless `group` (full name) may be the name of a consumer group. */
export function validateGroupName(group: string, limits: NameLimits): void {
  const reason = illegalGroup(group, limits.maxGroupNameLength);
  if (reason !== undefined) throw new MqError('group-illegal', { group: shown(group), reason });
}

function illegalGroup(group: string, lengthMax: number): string | undefined {
  if (isBlank(group)) return 'is blank';
  if (group.length > lengthMax) return `has more than ${lengthMax} characters`;
  if (!ALLOWED.test(group)) return 'has a character that is not allowed';
  if (RESERVED_PREFIX.test(group)) return 'is reserved';
  return undefined;
}
