import { describe, expect, it } from '@jest/globals';
import { parseSendMessageRequest } from '../../../../common/wire/send-message-view.ts';
import {
  storedBodyBytes,
  storedMessageFields,
  storedUserProperties,
} from '../../../../common/wire/stored-message.ts';
import { MessageType } from '../../../../proto/generated/v2.ts';
import { encodeRequest, store } from '../../../support/wire-messages.ts';

const view = parseSendMessageRequest(
  encodeRequest([
    {
      topic: { name: 't' },
      userProperties: { a: '1', b: 'ö' },
      body: Buffer.from('body'),
      systemProperties: {
        tag: 'blue',
        keys: ['k1', 'k2'],
        messageId: '01ABC',
        messageType: MessageType.FIFO,
        messageGroup: 'g',
        bornTimestamp: { seconds: 12, nanos: 345_678_901 },
        deliveryTimestamp: { seconds: 99 },
        queueId: 4,
      },
    },
  ]),
).messages[0]!;
const stored = store(view);

describe('a stored message', () => {
  it('tells what filters and consumers ask of its system bytes', () => {
    const fields = storedMessageFields(stored.buffer, stored.systemStart, stored.systemEnd);
    expect(fields.tag).toBe('blue');
    expect(fields.keys).toEqual(['k1', 'k2']);
    expect(fields.messageId).toBe('01ABC');
    expect(fields.messageType).toBe(2);
    expect(fields.messageGroup).toBe('g');
    expect(fields.bornTimestampMs).toBe(12_345);
    expect(fields.deliveryTimestampMs).toBe(99_000);
    expect(fields.priority).toBeUndefined();
  });

  it('tells its user properties from its head', () => {
    const properties = storedUserProperties(stored.buffer, stored.headStart, stored.headEnd);
    expect([...properties]).toEqual([
      ['a', '1'],
      ['b', 'ö'],
    ]);
  });

  it('tells how long its body is, without its properties', () => {
    expect(storedBodyBytes(stored.buffer, stored.headStart, stored.headEnd)).toBe(4);
    const [bare] = parseSendMessageRequest(encodeRequest([{ topic: { name: 't' } }])).messages;
    const { buffer, headStart, headEnd } = store(bare!);
    expect(storedBodyBytes(buffer, headStart, headEnd)).toBe(0);
  });
});
