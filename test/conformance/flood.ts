import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { CaseContext, SimpleReceiver, Sender } from './case-context.ts';
import type { IncomingMessage, OutgoingMessage } from './driver-protocol.ts';

const MESSAGES = 10_000;
const PRODUCERS = 2;
/** Sends in flight for each producer. */
const IN_FLIGHT = 16;
const SIMPLE_CONSUMERS = 2;
const POLLS_PER_CONSUMER = 2;
const PUSH_CONSUMERS = 2;
/** Longer than the whole case: nothing is delivered twice. */
const INVISIBLE_MS = 300_000;
const QUIET_MS = 30_000;

type Body = Omit<OutgoingMessage, 'topic'>;

function messageNumber(index: number): Body {
  return {
    body: Buffer.from(`message ${index} ${'x'.repeat(index % 100)}`).toString('base64'),
    tag: `tag-${index % 7}`,
    keys: [`key-${index}`],
    properties: { index: String(index), parity: index % 2 === 0 ? 'even' : 'odd' },
  };
}

async function sendShare(send: Sender, share: number, ids: string[]): Promise<void> {
  let next = share;
  const worker = async (): Promise<void> => {
    while (next < MESSAGES) {
      const index = next;
      next += PRODUCERS;
      ids[index] = await send(messageNumber(index));
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

async function drain(consumer: SimpleReceiver, seen: IncomingMessage[]): Promise<void> {
  let quietSince = performance.now();
  while (seen.length < MESSAGES) {
    const messages = await consumer.poll(INVISIBLE_MS);
    seen.push(...messages);
    await Promise.all(messages.map((message) => consumer.ack(message)));
    if (messages.length > 0) quietSince = performance.now();
    if (performance.now() - quietSince > QUIET_MS) return; // the comparison tells what is missing
  }
}

function expectAll(messages: readonly IncomingMessage[], ids: readonly string[]): void {
  const byIndex = new Map(
    messages.map((message) => [Number(message.properties['index']), message]),
  );
  const wrong: string[] = [];
  for (const [index, messageId] of ids.entries()) {
    const expected = messageNumber(index);
    const message = byIndex.get(index);
    const isIntact =
      message?.messageId === messageId &&
      message.body === expected.body &&
      message.tag === expected.tag &&
      message.keys.join() === expected.keys?.join() &&
      JSON.stringify(Object.entries(message.properties).sort()) ===
        JSON.stringify(Object.entries(expected.properties ?? {}).sort());
    if (!isIntact) wrong.push(`${index}: ${JSON.stringify(message)}`);
  }
  expect(wrong.slice(0, 5)).toEqual([]);
  expect(messages.length).toBe(MESSAGES); // and none twice
}

/** 10,000 messages, several producers, consumers of two groups at once: one polls, one is pushed to. */
export async function flood(context: CaseContext): Promise<void> {
  const ids: string[] = [];
  const polled: IncomingMessage[] = [];
  const groups = { simple: `${context.group}-simple`, push: `${context.group}-push` };
  const senders = await Promise.all(Array.from({ length: PRODUCERS }, () => context.producer()));
  const simple = await Promise.all(
    Array.from({ length: SIMPLE_CONSUMERS }, () =>
      context.simpleConsumer({ group: groups.simple }),
    ),
  );
  const push = await Promise.all(
    Array.from({ length: context.has('push') ? PUSH_CONSUMERS : 0 }, () =>
      context.pushConsumer({ group: groups.push }),
    ),
  );
  await Promise.all([
    ...senders.map((send, share) => sendShare(send, share, ids)),
    ...simple.flatMap((consumer) =>
      Array.from({ length: POLLS_PER_CONSUMER }, () => drain(consumer, polled)),
    ),
  ]);
  expect(ids.length).toBe(MESSAGES);
  expectAll(polled, ids);
  if (push.length > 0) expectAll(await allPushed(push), ids);
}

async function allPushed(
  consumers: readonly { refresh(): Promise<readonly IncomingMessage[]> }[],
): Promise<IncomingMessage[]> {
  let count = -1;
  let quietSince = performance.now();
  for (;;) {
    const deliveries = (await Promise.all(consumers.map((consumer) => consumer.refresh()))).flat();
    if (deliveries.length !== count) quietSince = performance.now();
    count = deliveries.length;
    if (count >= MESSAGES || performance.now() - quietSince > QUIET_MS) return deliveries;
    await sleep(200);
  }
}
