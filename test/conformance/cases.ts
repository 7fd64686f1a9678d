import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { runOrbitMq } from '../support/orbitmq-process.ts';
import type { CaseContext, SimpleReceiver } from './case-context.ts';
import { ClientFailure } from './client-driver.ts';
import type { Feature } from './clients.ts';
import type { IncomingMessage } from './driver-protocol.ts';
import { flood } from './flood.ts';

/** One claim about the server, as one official client sees it. */
export interface ConformanceCase {
  /** Completes "with this client, the server …". */
  readonly claim: string;
  readonly needs?: readonly Feature[];
  /** Runs with a driver of its own that uses TLS. */
  readonly tls?: boolean;
  /** Runs after the others, alone. */
  readonly alone?: boolean;
  run(context: CaseContext): Promise<void>;
}

const INVALID_RECEIPT_HANDLE = 40_013;

/** Whole seconds, because some clients count in them. */
const SHORT_MS = 2_000;
const LONG_MS = 60_000;
/** The node keeps a tenth of it for the way to the client, which for Rust must not be late. */
const EMPTY_POLL_MS = 4_000;
/** A redelivery is due at the end of the invisible time; a busy machine may be this late. */
const LATE_MS = 5_000;
/** Clocks of client and server are the same here, but timers round. */
const EARLY_MS = 150;

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');

async function expectRefused(work: Promise<unknown>): Promise<void> {
  const outcome = await work.then(
    () => 'accepted',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(ClientFailure);
  expect((outcome as ClientFailure).code).toBe(INVALID_RECEIPT_HANDLE);
}

/** The same handle with one character in its middle changed. */
function forged(handle: string): string {
  const middle = Math.floor(handle.length / 2);
  const other = handle[middle] === 'A' ? 'B' : 'A';
  return handle.slice(0, middle) + other + handle.slice(middle + 1);
}

async function sendsAndReceives(context: CaseContext): Promise<void> {
  const send = await context.producer();
  const consumer = await context.simpleConsumer();
  const ids = [];
  for (const word of ['one', 'two', 'three']) ids.push(await send({ body: base64(word) }));
  expect(new Set(ids).size).toBe(3);
  const messages = await consumer.take(3, SHORT_MS * 2);
  for (const message of messages) await consumer.ack(message);
  const words = messages.map(({ body }) => Buffer.from(body, 'base64').toString());
  expect(words.sort()).toEqual(['one', 'three', 'two']);
  expect(messages.map(({ messageId }) => messageId).sort()).toEqual(ids.sort());
  expect(messages.map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
  expect(messages.every(({ topic }) => topic === context.topic)).toBe(true);
  // Longer than their invisible time: what is acknowledged does not come back.
  expect(await consumer.takeDuring(SHORT_MS * 3, SHORT_MS)).toEqual([]);
}

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, value) => value));

async function keepsEveryField(context: CaseContext): Promise<void> {
  const send = await context.producer();
  const consumer = await context.simpleConsumer();
  const properties = {
    plain: 'value',
    'with space': 'a b',
    unicode: 'Grüße, 世界 🚀',
    'a.b-c_d': '1',
  };
  const keys = ['order-1', 'Schlüssel'];
  const sentAtMs = Date.now();
  const messageId = await send({ body: base64(ALL_BYTES), tag: 'Tag-ä', keys, properties });
  const message = await consumer.takeOne(LONG_MS);
  await consumer.ack(message);
  expect(message).toMatchObject({ messageId, body: base64(ALL_BYTES), tag: 'Tag-ä', properties });
  expect([...message.keys].sort()).toEqual([...keys].sort());
  expect(message.bornHost).not.toBe('');
  expect(Math.abs(message.bornTimestampMs - sentAtMs)).toBeLessThan(10_000);
}

/** Below the 4 MiB of one gRPC message that several clients accept at most. */
const LARGE_BODY_BYTES = 4 * 2 ** 20 - 64 * 2 ** 10;

async function carriesLargeBodies(context: CaseContext): Promise<void> {
  const send = await context.producer();
  const consumer = await context.simpleConsumer();
  const body = base64(Buffer.alloc(LARGE_BODY_BYTES, 'abcdefghijklmnopqrstuvwxyz0123456789\n'));
  await send({ body });
  const message = await consumer.takeOne(LONG_MS);
  await consumer.ack(message);
  expect(message.body === body).toBe(true);
}

async function filtersByTag(context: CaseContext): Promise<void> {
  const send = await context.producer();
  const some = await context.simpleConsumer({ filter: 'A || B', group: `${context.group}-some` });
  const all = await context.simpleConsumer({ filter: '*', group: `${context.group}-all` });
  for (const tag of ['A', 'B', 'C', 'AB']) await send({ body: base64(tag), tag });
  await send({ body: base64('untagged') });
  const wanted = await some.take(2, LONG_MS);
  wanted.push(...(await some.takeDuring(SHORT_MS, LONG_MS)));
  expect(wanted.map(({ tag }) => tag).sort()).toEqual(['A', 'B']);
  const everything = await all.take(5, LONG_MS);
  expect(everything.map(({ tag }) => tag ?? '').sort()).toEqual(['', 'A', 'AB', 'B', 'C']);
}

/**
 * Takes the next delivery of the one message and tells how long after `sinceMs` it came. It left the node between `askedMs`
 * and `atMs`, which may be far apart on a busy machine.
 */
async function redelivery(
  consumer: SimpleReceiver,
  sinceMs: number,
  invisibleMs: number,
): Promise<{ message: IncomingMessage; afterMs: number; askedMs: number; atMs: number }> {
  const message = await consumer.takeOne(invisibleMs);
  const atMs = performance.now();
  return { message, afterMs: atMs - sinceMs, askedMs: consumer.askedMs, atMs };
}

async function deliversAgain(context: CaseContext): Promise<void> {
  const send = await context.producer();
  const consumer = await context.simpleConsumer();
  const messageId = await send({ body: base64('again') });
  const first = await redelivery(consumer, 0, SHORT_MS);
  const second = await redelivery(consumer, first.atMs, SHORT_MS);
  const third = await redelivery(consumer, second.atMs, LONG_MS);
  await consumer.ack(third.message);
  const deliveries = [first, second, third].map(({ message }) => message);
  expect(deliveries.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  expect(new Set(deliveries.map((message) => message.messageId))).toEqual(new Set([messageId]));
  for (const [before, after] of [
    [first, second],
    [second, third],
  ] as const) {
    expect(after.atMs - before.askedMs).toBeGreaterThan(SHORT_MS - EARLY_MS);
    expect(after.afterMs).toBeLessThan(SHORT_MS + LATE_MS);
  }
}

async function changesInvisibleTime(context: CaseContext): Promise<void> {
  const send = await context.producer();
  const consumer = await context.simpleConsumer();
  await send({ body: base64('later') });
  const first = await redelivery(consumer, 0, SHORT_MS);
  await consumer.changeInvisible(first.message, SHORT_MS * 3);
  const second = await redelivery(consumer, first.atMs, LONG_MS);
  expect(second.afterMs).toBeGreaterThan(SHORT_MS * 3 - EARLY_MS);
  await consumer.changeInvisible(second.message, SHORT_MS);
  const third = await redelivery(consumer, second.atMs, LONG_MS);
  expect(third.afterMs).toBeGreaterThan(SHORT_MS - EARLY_MS);
  expect(third.afterMs).toBeLessThan(SHORT_MS + LATE_MS);
  await consumer.changeInvisible(third.message, LONG_MS);
  await consumer.ack(third.message); // with the handle that the change returned
}

async function refusesStaleHandles(context: CaseContext): Promise<void> {
  const send = await context.producer();
  const consumer = await context.simpleConsumer();
  await send({ body: base64('stale') });
  const first = await consumer.takeOne(SHORT_MS);
  const second = await consumer.takeOne(LONG_MS);
  expect(second.attempt).toBe(2);
  if (context.has('refusedAck')) await expectRefused(consumer.ack(first));
  else await expectRefused(consumer.changeInvisible(first, SHORT_MS));
  await consumer.ack(second);
}

async function refusesForgedHandles(context: CaseContext): Promise<void> {
  const send = await context.producer();
  const consumer = await context.simpleConsumer();
  await send({ body: base64('forged') });
  const message = await consumer.takeOne(SHORT_MS);
  await expectRefused(consumer.ack(message, forged(message.receiptHandle ?? '')));
  await expectRefused(consumer.ack(message, 'no handle at all'));
  const again = await consumer.takeOne(LONG_MS); // the forgeries have acknowledged nothing
  await consumer.ack(again);
}

const createGroup = (context: CaseContext, ...flags: string[]): Promise<string> =>
  runOrbitMq(['group', 'create', context.group, ...flags, '--endpoint', context.server.endpoint]);

async function expectDeadLetter(context: CaseContext, messageId: string): Promise<void> {
  const deadLetters = await context.simpleConsumer({
    topic: `%DLQ%${context.group}`,
    group: `${context.group}-rescue`,
  });
  const message = await deadLetters.takeOne(LONG_MS);
  await deadLetters.ack(message);
  expect(message).toMatchObject({
    body: base64('poison'),
    tag: 'T',
    keys: ['k'],
    properties: { p: 'v' },
  });
  expect(message.messageId).toBe(messageId);
}

const POISON = { body: base64('poison'), tag: 'T', keys: ['k'], properties: { p: 'v' } };

async function movesToDeadLetters(context: CaseContext): Promise<void> {
  await createGroup(context, '--max-attempts', '2');
  const send = await context.producer();
  const consumer = await context.simpleConsumer();
  const messageId = await send(POISON);
  expect((await consumer.takeOne(SHORT_MS)).attempt).toBe(1);
  expect((await consumer.takeOne(SHORT_MS)).attempt).toBe(2);
  expect(await consumer.takeDuring(SHORT_MS * 3, SHORT_MS)).toEqual([]);
  await expectDeadLetter(context, messageId);
}

async function pushesToListeners(context: CaseContext): Promise<void> {
  const send = await context.producer();
  const consumer = await context.pushConsumer();
  const bodies = Array.from({ length: 100 }, (_, index) => base64(`pushed ${index}`));
  await Promise.all(bodies.map((body) => send({ body })));
  const deliveries = await consumer.waitFor(bodies.length);
  await sleep(SHORT_MS);
  expect((await consumer.refresh()).length).toBe(bodies.length);
  expect(deliveries.map(({ body }) => body).sort()).toEqual(bodies.sort());
  expect(deliveries.every(({ attempt }) => attempt === 1)).toBe(true);
}

async function pushesByTag(context: CaseContext): Promise<void> {
  const send = await context.producer();
  const consumer = await context.pushConsumer({ filter: 'A || B' });
  for (const tag of ['C', 'A', 'C', 'B']) await send({ body: base64(tag), tag });
  await consumer.waitFor(2);
  await sleep(SHORT_MS);
  expect((await consumer.refresh()).map(({ tag }) => tag).sort()).toEqual(['A', 'B']);
}

async function pushesFailedAgain(context: CaseContext): Promise<void> {
  const send = await context.producer();
  const consumer = await context.pushConsumer({ failFirst: 1 });
  const messageId = await send({ body: base64('second try') });
  const deliveries = await consumer.waitFor(2, 40_000);
  expect(deliveries.map(({ attempt }) => attempt)).toEqual([1, 2]);
  expect(deliveries.map((message) => message.messageId)).toEqual([messageId, messageId]);
  await sleep(SHORT_MS);
  expect((await consumer.refresh()).length).toBe(2);
}

async function movesPushedToDeadLetters(context: CaseContext): Promise<void> {
  await createGroup(context, '--max-attempts', '2');
  const send = await context.producer();
  const consumer = await context.pushConsumer({ failFirst: 100 });
  const messageId = await send(POISON);
  const deliveries = await consumer.waitFor(2, 40_000);
  expect(deliveries.map(({ attempt }) => attempt)).toEqual([1, 2]);
  await expectDeadLetter(context, messageId);
  expect((await consumer.refresh()).length).toBe(2);
}

async function answersEmptyPolls(context: CaseContext): Promise<void> {
  await context.producer(); // its first use creates the topic
  const consumer = await context.simpleConsumer({ awaitMs: EMPTY_POLL_MS });
  await consumer.poll(LONG_MS);
  const startMs = performance.now();
  expect(await consumer.poll(LONG_MS)).toEqual([]);
  const tookMs = performance.now() - startMs;
  // An answer must leave before the deadline of the call, which for Rust is the polling time itself.
  expect(tookMs).toBeGreaterThan(EMPTY_POLL_MS * 0.8);
  expect(tookMs).toBeLessThan(EMPTY_POLL_MS + LATE_MS);
}

async function wakesWaitingPolls(context: CaseContext): Promise<void> {
  const send = await context.producer();
  const consumer = await context.simpleConsumer({ awaitMs: SHORT_MS * 5 });
  await send({ body: base64('warm up') });
  await consumer.ack(await consumer.takeOne(LONG_MS));
  const polled = consumer.poll(LONG_MS).then((messages) => ({ messages, atMs: performance.now() }));
  await sleep(1_000);
  await send({ body: base64('awake') });
  const sentAtMs = performance.now();
  const { messages, atMs } = await polled;
  expect(messages.map(({ body }) => body)).toEqual([base64('awake')]);
  // Not woken, it would have ended when its time was over, 9 s after this.
  expect(atMs - sentAtMs).toBeLessThan(LATE_MS);
}

/** Every case, for every client that can do what it needs. */
export const CASES: readonly ConformanceCase[] = [
  { claim: 'delivers what was sent, once it is acknowledged never again', run: sendsAndReceives },
  { claim: 'keeps body, tag, keys, properties and birth of a message', run: keepsEveryField },
  { claim: 'carries bodies up to what fits one gRPC message', run: carriesLargeBodies },
  { claim: 'filters by tag, `A || B` and `*`', run: filtersByTag },
  { claim: 'delivers again after the invisible time and counts attempts', run: deliversAgain },
  {
    claim: 'obeys a changed invisible time, longer and shorter',
    needs: ['changeInvisible'],
    run: changesInvisibleTime,
  },
  { claim: 'refuses the receipt handle of an earlier delivery', run: refusesStaleHandles },
  {
    claim: 'refuses a forged receipt handle',
    needs: ['refusedAck'],
    run: refusesForgedHandles,
  },
  {
    claim: 'moves a message to the dead-letter topic after the last attempt',
    run: movesToDeadLetters,
  },
  { claim: 'answers an empty poll in time', run: answersEmptyPolls },
  { claim: 'wakes a waiting poll when a message arrives', run: wakesWaitingPolls },
  { claim: 'pushes each message once', needs: ['push'], run: pushesToListeners },
  { claim: 'pushes only what the filter wants', needs: ['push'], run: pushesByTag },
  { claim: 'pushes again what a listener failed', needs: ['push'], run: pushesFailedAgain },
  {
    claim: 'moves what listeners keep failing to the dead-letter topic',
    needs: ['push'],
    run: movesPushedToDeadLetters,
  },
  { claim: 'does all this over TLS', needs: ['tls'], tls: true, run: sendsAndReceives },
  {
    claim: 'loses none of 10,000 messages of concurrent producers and consumers',
    alone: true,
    run: flood,
  },
];
