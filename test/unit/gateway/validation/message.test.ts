import { describe, expect, it } from '@jest/globals';
import { isMqError } from '../../../../common/errors/mq-error.ts';
import { parseSendMessageRequest } from '../../../../common/wire/send-message-view.ts';
import { batchTopic, validateBatchTypes } from '../../../../gateway/validation/batch.ts';
import { validateMessage } from '../../../../gateway/validation/message.ts';
import {
  messageTypeOf,
  validateTypeForTopic,
} from '../../../../gateway/validation/message-type.ts';
import { MessageType, SendMessageRequest, type IMessage } from '../../../../proto/generated/v2.ts';
import { GATEWAY_OPTIONS } from '../../../support/gateway-server.ts';

const good: IMessage = {
  topic: { name: 'orders' },
  body: Buffer.from('x'),
  systemProperties: { messageId: 'id' },
};

function viewOf(...messages: IMessage[]) {
  return parseSendMessageRequest(Buffer.from(SendMessageRequest.encode({ messages }).finish()))
    .messages;
}

/** The status code by name that a message is refused with, 'OK' when it is not. */
function codeOf(work: () => unknown): string {
  try {
    work();
    return 'OK';
  } catch (error) {
    if (!isMqError(error)) throw error;
    return error.definition.protocol;
  }
}

const system = (extra: IMessage['systemProperties']): IMessage => ({
  ...good,
  systemProperties: { messageId: 'id', ...extra },
});
const properties = (userProperties: Record<string, string>): IMessage => ({
  ...good,
  userProperties,
});
const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));

describe('a message', () => {
  it.each<[string, string, IMessage]>([
    ['as clients send it', 'OK', good],
    [
      'with tag, keys and properties',
      'OK',
      { ...system({ tag: 'a b', keys: ['k1', 'k2'] }), userProperties: { a: 'ä€😀' } },
    ],
    ['without a body', 'MESSAGE_BODY_EMPTY', { ...good, body: Buffer.alloc(0) }],
    ['with a body of 4 MiB', 'OK', { ...good, body: Buffer.alloc(4 * 1024 * 1024) }],
    [
      'with a larger body',
      'MESSAGE_BODY_TOO_LARGE',
      { ...good, body: Buffer.alloc(4 * 1024 * 1024 + 1) },
    ],
    ['without an id', 'ILLEGAL_MESSAGE_ID', { ...good, systemProperties: {} }],
    ['with a blank id', 'ILLEGAL_MESSAGE_ID', system({ messageId: '  ' })],
    ['with a blank tag', 'ILLEGAL_MESSAGE_TAG', system({ tag: ' ' })],
    ['with "|" in its tag', 'ILLEGAL_MESSAGE_TAG', system({ tag: 'a|b' })],
    ['with a control character in its tag', 'ILLEGAL_MESSAGE_TAG', system({ tag: 'a\nb' })],
    ['with a blank key', 'ILLEGAL_MESSAGE_KEY', system({ keys: ['a', ''] })],
    ['with a control character in a key', 'ILLEGAL_MESSAGE_KEY', system({ keys: ['a\u0000'] })],
    ['with a message group of 63 bytes', 'OK', system({ messageGroup: 'g'.repeat(63) })],
    [
      'with a message group of 64 bytes',
      'ILLEGAL_MESSAGE_GROUP',
      system({ messageGroup: 'g'.repeat(64) }),
    ],
    ['with a blank message group', 'ILLEGAL_MESSAGE_GROUP', system({ messageGroup: '' })],
    ['with 128 properties', 'OK', properties(many(128))],
    ['with 129 properties', 'MESSAGE_PROPERTIES_TOO_LARGE', properties(many(129))],
    ['with 16 KiB of properties', 'OK', properties({ a: 'v'.repeat(16 * 1024 - 1) })],
    ['with more of them', 'MESSAGE_PROPERTIES_TOO_LARGE', properties({ a: 'v'.repeat(16 * 1024) })],
    [
      'with tag and keys that fill the rest',
      'MESSAGE_PROPERTIES_TOO_LARGE',
      {
        ...system({ tag: 't'.repeat(100), keys: ['k'] }),
        userProperties: { a: 'v'.repeat(16 * 1024 - 101) },
      },
    ],
    ['with a reserved property', 'ILLEGAL_MESSAGE_PROPERTY_KEY', properties({ UNIQ_KEY: 'x' })],
    ['with a blank property name', 'ILLEGAL_MESSAGE_PROPERTY_KEY', properties({ ' ': 'x' })],
    [
      'with a control character in a name',
      'ILLEGAL_MESSAGE_PROPERTY_KEY',
      properties({ 'a\u007f': 'x' }),
    ],
    [
      'with a control character in a value',
      'ILLEGAL_MESSAGE_PROPERTY_KEY',
      properties({ a: 'x\ty' }),
    ],
  ])('%s is answered %s', (_name, code, message) => {
    expect(codeOf(() => validateMessage(viewOf(message)[0]!, GATEWAY_OPTIONS))).toBe(code);
  });
});

describe('the type of a message', () => {
  const typeOf = (message: IMessage) => messageTypeOf(viewOf(message)[0]!.system);
  const time = { seconds: 1, nanos: 0 };

  it('follows from the fields that are set, not from what is declared', () => {
    expect(typeOf(system({ messageType: MessageType.FIFO }))).toBe('NORMAL');
    expect(typeOf(system({ messageGroup: 'g' }))).toBe('FIFO');
    expect(typeOf(system({ deliveryTimestamp: time }))).toBe('DELAY');
    expect(typeOf(system({ liteTopic: 'l' }))).toBe('LITE');
    expect(typeOf(system({ priority: 0 }))).toBe('PRIORITY');
    expect(typeOf(system({ messageType: MessageType.TRANSACTION }))).toBe('TRANSACTION');
  });

  it('is one: two marks are refused', () => {
    const code = codeOf(() => typeOf(system({ messageGroup: 'g', deliveryTimestamp: time })));
    expect(code).toBe('MESSAGE_PROPERTY_CONFLICT_WITH_TYPE');
  });

  it('must be one that the topic takes', () => {
    const code = (type: 'NORMAL' | 'FIFO', topicType: 'NORMAL' | 'FIFO' | 'MIXED') =>
      codeOf(() => validateTypeForTopic(type, 'orders', topicType));
    expect(code('NORMAL', 'NORMAL')).toBe('OK');
    expect(code('FIFO', 'MIXED')).toBe('OK');
    expect(code('NORMAL', 'FIFO')).toBe('MESSAGE_PROPERTY_CONFLICT_WITH_TYPE');
    expect(code('FIFO', 'NORMAL')).toBe('MESSAGE_PROPERTY_CONFLICT_WITH_TYPE');
  });
});

describe('a batch', () => {
  const topicOf = (...messages: IMessage[]) => batchTopic(viewOf(...messages), 'ns', 3);

  it('is of one topic, whose namespace comes from the call when the message has none', () => {
    expect(topicOf(good, good)).toBe('ns%orders');
    expect(topicOf({ ...good, topic: { name: 'orders', resourceNamespace: 'own' } })).toBe(
      'own%orders',
    );
    expect(codeOf(() => topicOf(good, { ...good, topic: { name: 'other' } }))).toBe(
      'MESSAGE_CORRUPTED',
    );
  });

  it('is not empty and not too long', () => {
    expect(codeOf(() => topicOf())).toBe('MESSAGE_CORRUPTED');
    expect(codeOf(() => topicOf(good, good, good, good))).toBe('BAD_REQUEST');
  });

  it('has no message that must come alone', () => {
    expect(codeOf(() => validateBatchTypes(['NORMAL', 'FIFO']))).toBe('OK');
    expect(codeOf(() => validateBatchTypes(['DELAY']))).toBe('OK');
    expect(codeOf(() => validateBatchTypes(['NORMAL', 'DELAY']))).toBe('MESSAGE_CORRUPTED');
  });
});
