import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  Digest,
  type IMessage,
  type ITimestamp,
  Message,
  Resource,
  SendMessageRequest,
  SystemProperties,
  Timestamp,
} from '../../../../proto/generated/v2.ts';
import type { MessageView } from '../../../../common/wire/message-view.ts';
import {
  MESSAGES_PER_REQUEST_MAX,
  parseSendMessageRequest,
} from '../../../../common/wire/send-message-view.ts';
import { WireError } from '../../../../common/wire/wire-error.ts';
import {
  arbitraryInjury,
  arbitraryMessage,
  encodeRequest,
} from '../../../support/wire-messages.ts';

function ms(time: ITimestamp | null | undefined): number | undefined {
  if (time === null || time === undefined) return undefined;
  const { seconds, nanos } = Timestamp.create(time);
  return seconds * 1000 + Math.floor(nanos / 1e6);
}

/** What protobufjs says of the system properties, in the words of the view. */
function systemFacts(system: SystemProperties) {
  const digest = system.bodyDigest ? Digest.create(system.bodyDigest) : undefined;
  return {
    tag: system.tag ?? undefined,
    keys: system.keys,
    keyCount: system.keys.length,
    messageId: system.messageId,
    bodyDigest: digest && { type: digest.type, checksum: digest.checksum },
    bodyEncoding: system.bodyEncoding,
    messageType: system.messageType,
    bornTimestampMs: ms(system.bornTimestamp),
    bornHost: system.bornHost,
    deliveryTimestampMs: ms(system.deliveryTimestamp),
    messageGroup: system.messageGroup ?? undefined,
    traceContext: system.traceContext ?? undefined,
    orphanedTransactionRecoveryMs: ms(system.orphanedTransactionRecoveryDuration),
    liteTopic: system.liteTopic ?? undefined,
    priority: system.priority ?? undefined,
    requestedQueueId: system.queueId,
  };
}

/** What the view says of a message, beside what protobufjs says. */
function expectSame(view: MessageView, sent: IMessage): void {
  const expected = Message.create(sent);
  const topic = Resource.create(expected.topic ?? {});
  expect([view.topicNamespace, view.topicName]).toEqual([topic.resourceNamespace, topic.name]);
  expect(view.body.equals(expected.body)).toBe(true);
  const properties: Record<string, string> = {};
  view.forEachUserProperty((key, value) => {
    properties[key] = value;
  });
  expect(properties).toEqual({ ...expected.userProperties });
  const facts = systemFacts(SystemProperties.create(expected.systemProperties ?? {}));
  const names = Object.keys(facts) as (keyof typeof facts)[];
  expect(Object.fromEntries(names.map((name) => [name, view.system[name]]))).toEqual(facts);
}

function parseOne(message: Uint8Array): MessageView {
  const request = Buffer.concat([Buffer.from([0x0a]), varint(message.length), message]);
  const [view, ...others] = parseSendMessageRequest(request).messages;
  expect(others).toEqual([]);
  return view!;
}

function varint(value: number): Buffer {
  return value < 0x80 ? Buffer.from([value]) : Buffer.from([(value & 0x7f) | 0x80, value >> 7]);
}

const topic = Buffer.from([0x0a, 3, 0x12, 1, 0x74]);

describe('parseSendMessageRequest', () => {
  it('says the same of every message as protobufjs does', () => {
    fc.assert(
      fc.property(fc.array(arbitraryMessage, { maxLength: 3 }), (messages) => {
        const raw = encodeRequest(messages);
        const decoded = SendMessageRequest.decode(raw).messages;
        const views = parseSendMessageRequest(raw).messages;
        expect(views).toHaveLength(messages.length);
        views.forEach((view, index) => expectSame(view, decoded[index]!));
      }),
      { numRuns: 300 },
    );
  });

  it('throws nothing but WireError for injured requests, and what it accepts it understands as protobufjs does', () => {
    let accepted = 0;
    fc.assert(
      fc.property(
        fc
          .array(arbitraryMessage, { minLength: 1, maxLength: 2 })
          .chain((m) => arbitraryInjury(encodeRequest(m))),
        (raw) => {
          let views: readonly MessageView[];
          try {
            views = parseSendMessageRequest(raw).messages;
          } catch (error) {
            expect(error).toBeInstanceOf(WireError);
            return;
          }
          accepted += 1;
          const decoded = SendMessageRequest.decode(raw).messages;
          expect(views).toHaveLength(decoded.length);
          views.forEach((view, index) => expectSame(view, decoded[index]!));
        },
      ),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it('throws nothing but WireError for random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (random) => {
        try {
          parseSendMessageRequest(Buffer.from(random));
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('copies nothing of an ordinary message', () => {
    const raw = encodeRequest([
      { topic: { name: 't' }, body: Buffer.from('hello'), systemProperties: { tag: 'a' } },
    ]);
    const view = parseSendMessageRequest(raw).messages[0]!;
    expect(view.raw).toBe(raw);
    expect(view.body.buffer).toBe(raw.buffer);
    expect(view.bodyBytes).toBe(5);
  });

  it('keeps unknown fields of the message in its head, of the system properties in its system bytes', () => {
    const unknown = Buffer.from([0xa2, 0x06, 2, 0xff, 0xfe]);
    const system = Buffer.concat([Buffer.from([0x0a, 1, 0x78]), unknown]);
    const view = parseOne(
      Buffer.concat([unknown, Buffer.from([0x1a, system.length]), system, topic]),
    );
    const head = Buffer.alloc(view.head.bytes);
    view.head.copy(view.raw, head, 0);
    expect(head).toEqual(Buffer.concat([unknown, topic]));
    const kept = Buffer.alloc(view.system.kept.bytes);
    view.system.kept.copy(view.raw, kept, 0);
    expect(kept).toEqual(system);
  });

  it('strips what only the server may say', () => {
    const forged = {
      tag: 'a',
      storeTimestamp: { seconds: 1 },
      storeHost: 'evil',
      receiptHandle: 'forged',
      queueId: 3,
      queueOffset: 9,
      invisibleDuration: { seconds: 1 },
      deliveryAttempt: 7,
      deadLetterQueue: { topic: 'x', messageId: 'y' },
      priority: 4,
    };
    const view = parseSendMessageRequest(encodeRequest([{ systemProperties: forged }]))
      .messages[0]!;
    const kept = Buffer.alloc(view.system.kept.bytes);
    view.system.kept.copy(view.raw, kept, 0);
    expect(SystemProperties.decode(kept)).toEqual(
      SystemProperties.decode(SystemProperties.encode({ tag: 'a', priority: 4 }).finish()),
    );
    expect(view.system.requestedQueueId).toBe(3);
  });

  it('merges repeated system properties and repeated topics as protobuf says', () => {
    const first = Message.encode({
      topic: { resourceNamespace: 'n' },
      systemProperties: { tag: 'a', keys: ['1'], bornTimestamp: { seconds: 5 } },
      body: Buffer.from('first'),
    }).finish();
    const second = Message.encode({
      topic: { name: 't' },
      systemProperties: { tag: 'b', keys: ['2'], bornTimestamp: { nanos: 7_000_000 } },
      body: Buffer.from('second'),
    }).finish();
    const view = parseOne(Buffer.concat([first, second]));
    expect([view.topicNamespace, view.topicName]).toEqual(['n', 't']);
    expect(view.system.tag).toBe('b');
    expect(view.system.keys).toEqual(['1', '2']);
    expect(view.system.bornTimestampMs).toBe(5007);
    expect(view.body.toString()).toBe('second');
    expect(view.isIrregular).toBe(false);
  });

  it.each([
    ['a body that is a varint', [0x20, 1]],
    ['a tag that is a varint', [0x1a, 2, 0x08, 1]],
    ['a topic name that is not UTF-8', [0x0a, 3, 0x12, 1, 0xff]],
    ['a tag that is not UTF-8', [0x1a, 3, 0x0a, 1, 0xff]],
    ['a user property that is not UTF-8', [0x12, 3, 0x0a, 1, 0xc3]],
    ['a user property with a field that map entries do not have', [0x12, 2, 0x30, 1]],
    ['a digest that is cut', [0x1a, 3, 0x22, 1, 0x08]],
    ['nanoseconds of more than a second', [0x1a, 8, 0x3a, 6, 0x10, 0xff, 0xff, 0xff, 0xff, 0x07]],
    ['a time field that is a string', [0x1a, 4, 0x3a, 2, 0x0a, 0]],
  ])('refuses %s, at which some consumer would stop', (_name, message) => {
    expect(() => parseOne(Buffer.from(message))).toThrow(WireError);
  });

  it('refuses requests that would cost much more memory than bytes', () => {
    const emptyMessages = Buffer.from(
      new Array(MESSAGES_PER_REQUEST_MAX + 1).fill([0x0a, 0]).flat(),
    );
    expect(() => parseSendMessageRequest(emptyMessages)).toThrow('too many messages');
    const manyTopics = Buffer.from(new Array(100).fill([0x0a, 0]).flat());
    expect(() => parseOne(manyTopics)).toThrow(/too often/);
    const system = Buffer.from(new Array(1000).fill([0x68, 1, 0x28, 1]).flat());
    expect(() =>
      parseOne(Buffer.concat([Buffer.from([0x1a]), varint(system.length), system])),
    ).toThrow(/pieces/);
  });

  it('counts properties and keys in bytes, not characters', () => {
    const view = parseSendMessageRequest(
      encodeRequest([
        { userProperties: { ä: 'öö', b: '' }, systemProperties: { keys: ['ü', 'x'], tag: 'é' } },
      ]),
    ).messages[0]!;
    expect(view.userPropertyCount).toBe(2);
    expect(view.userPropertyBytes).toBe(7);
    expect(view.system.keyBytes).toBe(3);
    expect(view.system.tagBytes).toBe(2);
  });
});
