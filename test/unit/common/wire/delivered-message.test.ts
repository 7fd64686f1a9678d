import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  composeMessage,
  composeMessageResponse,
  deliveredBytesMax,
  type DeliveryFields,
  isDeliverable,
  RESPONSE_BYTES_MAX,
} from '../../../../common/wire/delivered-message.ts';
import type { MessageView } from '../../../../common/wire/message-view.ts';
import { parseSendMessageRequest } from '../../../../common/wire/send-message-view.ts';
import { WireError } from '../../../../common/wire/wire-error.ts';
import {
  Encoding,
  type IMessage,
  type ISystemProperties,
  Message,
  PullMessageResponse,
  ReceiveMessageResponse,
  SendMessageRequest,
} from '../../../../proto/generated/v2.ts';
import {
  arbitraryInjury,
  arbitraryMessage,
  encodeRequest,
  published,
  store,
} from '../../../support/wire-messages.ts';

const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 60 }));
const orAbsent = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const arbitraryFields: fc.Arbitrary<DeliveryFields> = fc.record({
  queueId: fc.nat(2 ** 31 - 1),
  queueOffset: fc.nat(Number.MAX_SAFE_INTEGER),
  storeTimestampMs: fc.nat(4_000_000_000_000),
  storeHost: text,
  receiptHandle: orAbsent(text),
  invisibleDurationMs: orAbsent(fc.nat(43_200_000)),
  deliveryAttempt: orAbsent(fc.integer({ min: 1, max: 20 })),
  messageType: orAbsent(fc.nat(6)),
  topic: orAbsent(fc.record({ namespace: text, name: text })),
  deadLetter: orAbsent(fc.record({ topic: text, messageId: text })),
});

const time = (ms: number) => ({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 });

/** Fields that a message must have, where its sender left them out. */
function withDefaults(sent: ISystemProperties, storeTimestampMs: number): ISystemProperties {
  return {
    ...sent,
    bodyDigest: sent.bodyDigest ?? {},
    bodyEncoding: (sent.bodyEncoding ?? 0) === 0 ? Encoding.IDENTITY : sent.bodyEncoding,
    bornTimestamp: sent.bornTimestamp ?? time(storeTimestampMs),
  };
}

/** What must arrive: the sent message as protobufjs reads it, overridden by hand. */
function expectedMessage(sent: IMessage, fields: DeliveryFields): IMessage {
  const system = sent.systemProperties ?? {};
  const { topic, invisibleDurationMs } = fields;
  return {
    topic: topic ? { resourceNamespace: topic.namespace, name: topic.name } : sent.topic,
    userProperties: sent.userProperties,
    body: sent.body,
    systemProperties: {
      ...withDefaults(system, fields.storeTimestampMs),
      messageType: fields.messageType ?? system.messageType,
      storeTimestamp: time(fields.storeTimestampMs),
      storeHost: fields.storeHost,
      receiptHandle: fields.receiptHandle,
      queueId: fields.queueId,
      queueOffset: fields.queueOffset,
      invisibleDuration: invisibleDurationMs === undefined ? undefined : time(invisibleDurationMs),
      deliveryAttempt: fields.deliveryAttempt,
      deadLetterQueue: fields.deadLetter,
    },
  };
}

/** Both decoders must read from the composed bytes what they read from an ordinary encoding of `expected`. */
function expectDecoders(composed: Buffer, expected: IMessage): void {
  const reference = ReceiveMessageResponse.encode({ message: expected }).finish();
  expect(ReceiveMessageResponse.decode(composed)).toEqual(ReceiveMessageResponse.decode(reference));
  expect(published.ReceiveMessageResponse.deserializeBinary(composed).toObject()).toEqual(
    published.ReceiveMessageResponse.deserializeBinary(reference).toObject(),
  );
}

const FIELDS: DeliveryFields = {
  queueId: 2,
  queueOffset: 41,
  storeTimestampMs: 1_700_000_000_123,
  storeHost: 'broker-a:8081',
  receiptHandle: 'handle',
  invisibleDurationMs: 30_000,
  deliveryAttempt: 1,
};

function decodeMessages(raw: Buffer): IMessage[] {
  return SendMessageRequest.decode(raw).messages;
}

function viewOf(message: IMessage): MessageView {
  return parseSendMessageRequest(encodeRequest([message])).messages[0]!;
}

describe('composeMessageResponse', () => {
  it('delivers what was sent, overridden by the server, to protobufjs and to google-protobuf', () => {
    fc.assert(
      fc.property(arbitraryMessage, arbitraryFields, (message, fields) => {
        const raw = encodeRequest([message]);
        const sent = decodeMessages(raw)[0]!;
        const composed = composeMessageResponse(store(viewOf(message)), fields);
        expectDecoders(composed, expectedMessage(sent, fields));
      }),
      { numRuns: 300 },
    );
  });

  it('delivers what it accepted of an injured request alike to both decoders', () => {
    let accepted = 0;
    fc.assert(
      fc.property(
        arbitraryMessage.chain((message) => arbitraryInjury(encodeRequest([message]))),
        arbitraryFields,
        (raw, fields) => {
          let views: readonly MessageView[];
          try {
            views = parseSendMessageRequest(raw).messages;
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
            return;
          }
          const sent = decodeMessages(raw);
          views.forEach((view, index) => {
            accepted += 1;
            expectDecoders(
              composeMessageResponse(store(view), fields),
              expectedMessage(sent[index]!, fields),
            );
          });
        },
      ),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it('is a PullMessageResponse as well', () => {
    const composed = composeMessageResponse(store(viewOf({ body: Buffer.from('x') })), FIELDS);
    expect(PullMessageResponse.decode(composed).message?.body).toEqual(Buffer.from('x'));
  });

  it('has what some client cannot do without: digest, encoding, born timestamp', () => {
    const composed = composeMessage(store(viewOf({ body: Buffer.from('x') })), FIELDS);
    const system = Message.decode(composed).systemProperties;
    expect(system?.bodyDigest).not.toBeNull();
    expect(system?.bodyEncoding).toBe(1);
    expect(system?.bornTimestamp).toEqual(
      expect.objectContaining({ seconds: 1_700_000_000, nanos: 123_000_000 }),
    );
  });

  it('never shows what a client claimed in place of the server', () => {
    const forged = {
      receiptHandle: 'forged',
      deliveryAttempt: 9,
      queueOffset: 7,
      storeTimestamp: { seconds: 1, nanos: 999_999_999 },
      deadLetterQueue: { topic: 'x', messageId: 'y' },
    };
    const peeked = { queueId: 0, queueOffset: 0, storeTimestampMs: 5000, storeHost: 'b' };
    const composed = composeMessage(store(viewOf({ systemProperties: forged })), peeked);
    const system = Message.decode(composed).systemProperties;
    expect(system).toEqual(
      expect.objectContaining({
        receiptHandle: null,
        deliveryAttempt: null,
        deadLetterQueue: null,
        queueOffset: 0,
      }),
    );
    expect(system?.storeTimestamp).toEqual(expect.objectContaining({ seconds: 5 }));
    expect(system?.storeTimestamp?.nanos).toBe(0);
  });

  it('delivers under an overriding topic without a namespace of the stored one shining through', () => {
    const stored = store(viewOf({ topic: { resourceNamespace: 'ns', name: 'orders' } }));
    const composed = composeMessageResponse(stored, {
      ...FIELDS,
      topic: { namespace: '', name: '%DLQ%g' },
    });
    expect(ReceiveMessageResponse.decode(composed).message?.topic).toEqual(
      expect.objectContaining({ resourceNamespace: '', name: '%DLQ%g' }),
    );
  });

  it('writes names longer than the reserved room', () => {
    const messageId = 'ä'.repeat(20_000);
    const composed = composeMessage(store(viewOf({})), {
      ...FIELDS,
      deadLetter: { topic: 't', messageId },
    });
    expect(Message.decode(composed).systemProperties?.deadLetterQueue?.messageId).toBe(messageId);
  });
});

describe('isDeliverable', () => {
  it('the bound holds for every message with names of the lengths that are allowed', () => {
    const longest = {
      ...FIELDS,
      queueId: 2 ** 31 - 1,
      queueOffset: Number.MAX_SAFE_INTEGER,
      messageType: 6,
      deliveryAttempt: 1000,
      invisibleDurationMs: 43_200_999,
      receiptHandle: 'h'.repeat(512),
      storeHost: 'h'.repeat(255),
      topic: { namespace: 'n'.repeat(127), name: 't'.repeat(255) },
    };
    fc.assert(
      fc.property(arbitraryMessage, (message) => {
        const view = viewOf(message);
        const deadLetter = { topic: 't'.repeat(255), messageId: view.system.messageId };
        const composed = composeMessageResponse(store(view), { ...longest, deadLetter });
        expect(composed.length).toBeLessThanOrEqual(deliveredBytesMax(view));
      }),
    );
  });

  it('refuses a body of exactly 4 MiB and takes one that leaves room for its delivery', () => {
    expect(isDeliverable(viewOf({ body: Buffer.alloc(4 * 1024 * 1024) }))).toBe(false);
    const view = viewOf({ body: Buffer.alloc(4 * 1024 * 1024 - 4096) });
    expect(isDeliverable(view)).toBe(true);
    expect(composeMessageResponse(store(view), FIELDS).length).toBeLessThanOrEqual(
      RESPONSE_BYTES_MAX,
    );
  });
});
