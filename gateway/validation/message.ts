import type { MessageView } from '../../common/wire/message-view.ts';
import { validateBody } from './body.ts';
import { validateKeys } from './keys.ts';
import { validateMessageGroup } from './message-group.ts';
import { validateMessageId } from './message-id.ts';
import { validateProperty, validatePropertySizes, type PropertyLimits } from './properties.ts';
import { validateTag } from './tag.ts';

export interface MessageLimits extends PropertyLimits {
  readonly maxMessageBytes: number;
}

/** Everything that can be said of one message without knowing its topic. Throws the first that is wrong. */
export function validateMessage(message: MessageView, limits: MessageLimits): void {
  const { system } = message;
  validateMessageId(system.messageId);
  validateBody(message.bodyBytes, limits.maxMessageBytes);
  const { tag, messageGroup } = system;
  if (tag !== undefined) validateTag(tag);
  if (system.keyCount > 0) validateKeys(system.keys);
  if (messageGroup !== undefined) validateMessageGroup(messageGroup);
  const propertyBytes = message.userPropertyBytes + system.tagBytes + system.keyBytes;
  validatePropertySizes(message.userPropertyCount, propertyBytes, limits);
  if (message.userPropertyCount > 0) message.forEachUserProperty(validateProperty);
}
