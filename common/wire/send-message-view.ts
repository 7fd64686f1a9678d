import { bytesTag } from './message-fields.ts';
import type { MessageView } from './message-view.ts';
import { parseMessage } from './regular-message.ts';
import { WireError } from './wire-error.ts';
import { WireReader } from './wire-reader.ts';

const REQUEST_MESSAGES = 1;

/** Clients send one message per call, or a small batch; without a bound 4 MiB could hold two million empty ones. */
export const MESSAGES_PER_REQUEST_MAX = 1024;

/** A SendMessageRequest: the bytes as they came, and where its messages lie in them. */
export interface SendMessageView {
  readonly raw: Buffer;
  /** In the request's order; may be empty. */
  readonly messages: readonly MessageView[];
}

/** Throws WireError when the bytes are not a SendMessageRequest. The view keeps `raw`, which must not change. */
export function parseSendMessageRequest(raw: Buffer): SendMessageView {
  const messages: MessageView[] = [];
  const reader = new WireReader(raw);
  while (reader.hasMore) {
    const start = reader.position;
    const tag = reader.tag();
    if (tag >>> 3 !== REQUEST_MESSAGES) {
      reader.skip(tag);
      continue;
    }
    if (tag !== bytesTag(REQUEST_MESSAGES)) throw new WireError('wire type of messages', start);
    if (messages.length === MESSAGES_PER_REQUEST_MAX)
      throw new WireError('too many messages', start);
    const outerEnd = reader.enter();
    messages.push(parseMessage(raw, reader.position, reader.end));
    reader.leave(outerEnd);
  }
  return { raw, messages };
}
