import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  MessagingClient,
  messageIds,
  OK,
  type SendReceipt,
  SendTemplate,
  TOO_MANY_REQUESTS,
} from '../../bench/messaging-client.ts';
import { OrbitMqProcess } from '../support/orbitmq-process.ts';

/** Low limits, so that a burst of this test is far beyond them; how they are counted does not depend on their size. */
const REQUESTS_MAX = 256;
const REQUESTS_PER_CLIENT_MAX = 128;
const TOPIC = 'overload';
/** For a burst to be in the sockets of a node that does not run: the node then finds all of it at once. */
const WRITTEN_MS = 500;
const MIB = 2 ** 20;

let node: OrbitMqProcess;
let clients: MessagingClient[] = [];
const nextId = messageIds();

beforeAll(async () => {
  node = await OrbitMqProcess.start({
    flags: [
      ...['--admission-requests', String(REQUESTS_MAX)],
      ...['--admission-requests-per-client', String(REQUESTS_PER_CLIENT_MAX)],
      ...['--admission-bytes', '8MiB', '--admission-bytes-per-client', '8MiB'],
    ],
  });
  clients = await openClients(8);
}, 90_000);

/** Connected, each with a connection of its own. */
async function openClients(count: number): Promise<MessagingClient[]> {
  const opened = await Promise.all(
    Array.from({ length: count }, () => MessagingClient.open(node.port)),
  );
  for (const client of opened) await client.queryRoute(TOPIC);
  return opened;
}

afterAll(async () => {
  for (const client of clients) client.close();
  await node.dispose();
});

/**
 * What comes in meanwhile waits for the node, so that it is a burst also where clients are slower than the node. A connection
 * holds 64 KiB of bodies that nobody reads: several hundred small requests.
 */
async function whileFrozen<T>(begin: () => Promise<T>): Promise<T> {
  process.kill(node.pid, 'SIGSTOP');
  let begun: Promise<T>;
  try {
    begun = begin();
    await new Promise((resolve) => setTimeout(resolve, WRITTEN_MS));
  } finally {
    process.kill(node.pid, 'SIGCONT');
  }
  return begun;
}

/** Starts all sends at once, spread over `over` connections. */
async function burst(count: number, bodyBytes: number, over: readonly MessagingClient[]) {
  const template = new SendTemplate(TOPIC, Buffer.alloc(bodyBytes, 1));
  const startMs = performance.now();
  const receipts = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      over[index % over.length]!.send(template, nextId()).then((receipt) => ({
        ...receipt,
        afterMs: performance.now() - startMs,
      })),
    ),
  );
  return receipts;
}

const ofCode = <R extends SendReceipt>(receipts: readonly R[], code: number): R[] =>
  receipts.filter((receipt) => receipt.code === code);

async function expectRecovered(): Promise<void> {
  for (const client of clients) {
    const [receipt] = await burst(1, 100, [client]);
    expect(receipt).toMatchObject({ code: OK });
  }
}

describe('a node with more work than it admits', () => {
  it('does what it admits, refuses the rest with TOO_MANY_REQUESTS, and is well at once afterwards', async () => {
    const receipts = await whileFrozen(() => burst(8_000, 100, clients));
    const done = ofCode(receipts, OK);
    const refused = ofCode(receipts, TOO_MANY_REQUESTS);
    expect(done.length + refused.length).toBe(receipts.length);
    expect(done.length).toBeGreaterThanOrEqual(REQUESTS_MAX);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.text).toMatch(/\S/);
    // Every offset was given once: a refused send has left nothing behind that counts.
    await expectRecovered();
  }, 60_000);

  it('does not let one client take everything', async () => {
    const [greedy, modest] = clients as [MessagingClient, MessagingClient];
    const [greedyWork, modestWork] = await whileFrozen(() =>
      Promise.all([burst(2_000, 100, [greedy]), burst(REQUESTS_PER_CLIENT_MAX / 2, 100, [modest])]),
    );
    expect(ofCode(modestWork, TOO_MANY_REQUESTS)).toEqual([]);
    expect(ofCode(greedyWork, TOO_MANY_REQUESTS).length).toBeGreaterThan(0);
  }, 60_000);

  it('bounds the bytes in work too, and its memory with them', async () => {
    // The whole of a request of this size waits in the socket of its connection, with the one window that it has.
    const many = await openClients(160);
    const atOnce = await whileFrozen(() => burst(many.length, 60 * 1_024, many));
    for (const client of many) client.close();
    const refused = ofCode(atOnce, TOO_MANY_REQUESTS);
    expect(ofCode(atOnce, OK).length + refused.length).toBe(atOnce.length);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.text).toMatch(/bytes/);

    const beforeBytes = node.usage().residentBytes;
    const receipts = await burst(200, MIB, clients);
    expect(ofCode(receipts, OK).length + ofCode(receipts, TOO_MANY_REQUESTS).length).toBe(200);
    // What comes in is read before it is refused; 200 MiB at once must not all be kept.
    expect(node.usage().residentBytes - beforeBytes).toBeLessThan(600 * MIB);
    await expectRecovered();
  }, 60_000);

  it('goes on to receive and acknowledge', async () => {
    const client = clients[0]!;
    await client.receive({
      topic: TOPIC,
      group: 'late',
      batchSize: 1,
      invisibleMs: 60_000,
      awaitMs: 0,
    });
    await burst(3, 100, [client]);
    const { code, messages } = await client.receive({
      topic: TOPIC,
      group: 'late',
      batchSize: 3,
      invisibleMs: 60_000,
      awaitMs: 5_000,
    });
    expect(code).toBe(OK);
    expect((await client.ack(TOPIC, 'late', messages[0]!)).code).toBe(OK);
  }, 30_000);
});
