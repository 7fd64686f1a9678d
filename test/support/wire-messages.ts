import { createRequire } from 'node:module';
import fc from 'fast-check';
import {
  DigestType,
  Encoding,
  type IMessage,
  type ISystemProperties,
  type ITimestamp,
  MessageType,
  SendMessageRequest,
} from '../../proto/generated/v2.ts';
import type { StoredMessage } from '../../common/wire/delivered-message.ts';
import type { MessageView } from '../../common/wire/message-view.ts';

/** A message class of the published Node client (google-protobuf), as far as the tests use it. */
interface PublishedClass {
  deserializeBinary(bytes: Uint8Array): { toObject(): Record<string, unknown> };
}

const requirePublished = createRequire(import.meta.url);
export const published = requirePublished(
  'rocketmq-client-nodejs/proto/apache/rocketmq/v2/service_pb.js',
) as { ReceiveMessageResponse: PublishedClass; SendMessageRequest: PublishedClass };

const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ minLength: 120, maxLength: 300 }),
);

const timestamp: fc.Arbitrary<ITimestamp> = fc.record({
  seconds: fc.integer({ min: -1_000_000, max: 4_000_000_000 }),
  nanos: fc.integer({ min: 0, max: 999_999_999 }),
});

const duration = fc.record({ seconds: fc.nat(1_000_000), nanos: fc.nat(999_999_999) });

const orAbsent = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

/** All fields, the server's included: a client may set what it likes. */
const systemProperties: fc.Arbitrary<ISystemProperties> = fc.record({
  tag: orAbsent(text),
  keys: fc.array(text, { maxLength: 4 }),
  messageId: text,
  bodyDigest: orAbsent(
    fc.record({
      type: fc.constantFrom(DigestType.DIGEST_TYPE_UNSPECIFIED, DigestType.MD5),
      checksum: text,
    }),
  ),
  bodyEncoding: fc.constantFrom(Encoding.ENCODING_UNSPECIFIED, Encoding.IDENTITY, Encoding.GZIP),
  messageType: fc.constantFrom(MessageType.NORMAL, MessageType.FIFO, MessageType.PRIORITY),
  bornTimestamp: orAbsent(timestamp),
  bornHost: text,
  storeTimestamp: orAbsent(timestamp),
  storeHost: text,
  deliveryTimestamp: orAbsent(timestamp),
  receiptHandle: orAbsent(text),
  queueId: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  queueOffset: orAbsent(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
  invisibleDuration: orAbsent(duration),
  deliveryAttempt: orAbsent(fc.integer({ min: 0, max: 100 })),
  messageGroup: orAbsent(text),
  traceContext: orAbsent(text),
  orphanedTransactionRecoveryDuration: orAbsent(duration),
  deadLetterQueue: orAbsent(fc.record({ topic: text, messageId: text })),
  liteTopic: orAbsent(text),
  priority: orAbsent(fc.integer({ min: -5, max: 1000 })),
});

export const arbitraryMessage: fc.Arbitrary<IMessage> = fc.record({
  topic: orAbsent(fc.record({ resourceNamespace: text, name: text })),
  userProperties: fc.dictionary(text, text, { maxKeys: 5, noNullPrototype: true }),
  systemProperties: orAbsent(systemProperties),
  body: fc.uint8Array({ maxLength: 300 }),
});

export function encodeRequest(messages: readonly IMessage[]): Buffer {
  return Buffer.from(SendMessageRequest.encode({ messages: [...messages] }).finish());
}

/** Lays a message out as a broker stores it: head, then system bytes, somewhere inside a larger buffer. */
export function store(message: MessageView): StoredMessage {
  const before = 7;
  const buffer = Buffer.alloc(before + message.head.bytes + message.system.kept.bytes + 5, 0xff);
  const headEnd = message.head.copy(message.raw, buffer, before);
  const systemEnd = message.system.kept.copy(message.raw, buffer, headEnd);
  return { buffer, headStart: before, headEnd, systemStart: headEnd, systemEnd };
}

/** Bytes with a few random injuries: changed, cut, repeated and inserted. */
export function arbitraryInjury(bytes: Buffer): fc.Arbitrary<Buffer> {
  const place = fc.nat(Math.max(bytes.length - 1, 0));
  const injury = fc.oneof(
    fc.record({
      kind: fc.constant('set' as const),
      at: place,
      value: fc.nat(255),
      length: fc.constant(0),
    }),
    fc.record({
      kind: fc.constant('cut' as const),
      at: place,
      value: fc.constant(0),
      length: fc.nat(20),
    }),
    fc.record({
      kind: fc.constant('repeat' as const),
      at: place,
      value: fc.constant(0),
      length: fc.nat(60),
    }),
    fc.record({
      kind: fc.constant('insert' as const),
      at: place,
      value: fc.nat(255),
      length: fc.nat(3),
    }),
  );
  return fc.array(injury, { minLength: 1, maxLength: 3 }).map((injuries) => {
    let result = Buffer.from(bytes);
    for (const { kind, at, value, length } of injuries) {
      const end = Math.min(at + length, result.length);
      if (kind === 'set') result[at] = value;
      else if (kind === 'cut')
        result = Buffer.concat([result.subarray(0, at), result.subarray(end)]);
      else {
        const inserted = kind === 'repeat' ? result.subarray(at, end) : Buffer.alloc(length, value);
        result = Buffer.concat([result.subarray(0, at), inserted, result.subarray(at)]);
      }
    }
    return result;
  });
}
