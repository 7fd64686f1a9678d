import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AdminMethods, DescribeClusterResponse } from '../../../proto/generated/orbitmq.ts';
import { Code, FilterType, type IMessageQueue } from '../../../proto/generated/v2.ts';
import { MessagingClient } from '../../support/messaging-client.ts';
import { OrbitMqProcess } from '../../support/orbitmq-process.ts';
import { waitFor } from '../../support/wait-for.ts';

/** Two NameServers and two brokers as real processes. Each test leaves all four running. */

/** Short, so that warm-up and expiry do not make the tests slow. */
const EXPIRY_MS = 2_000;
const HEARTBEATS = ['--heartbeat-interval', '200ms', '--heartbeat-expiry', `${EXPIRY_MS}ms`];
const GROUP = 'billing';

interface NodeClient {
  startup(): Promise<void>;
  shutdown(): Promise<void>;
  send(message: object): Promise<{ messageId: string }>;
  receive(max: number, invisibleMs: number): Promise<{ body: Buffer }[]>;
  ack(message: object): Promise<unknown>;
}
const require = createRequire(import.meta.url);
const { Producer, SimpleConsumer } = require('rocketmq-client-nodejs') as Record<
  string,
  new (options: object) => NodeClient
>;

const nameServers: OrbitMqProcess[] = [];
const brokers: OrbitMqProcess[] = [];
const clients: MessagingClient[] = [];

async function startBroker(name: string): Promise<OrbitMqProcess> {
  const namesrv = nameServers.map(({ endpoint }) => endpoint).join(',');
  const flags = ['--broker-name', name, '--namesrv', namesrv];
  return OrbitMqProcess.start({
    role: 'broker',
    flags: [...flags, ...HEARTBEATS, '--auto-create-topics'],
  });
}

beforeAll(async () => {
  const start = (): Promise<OrbitMqProcess> =>
    OrbitMqProcess.start({ role: 'namesrv', flags: HEARTBEATS });
  nameServers.push(...(await Promise.all([start(), start()])));
  brokers.push(...(await Promise.all([startBroker('broker-a'), startBroker('broker-b')])));
  clients.push(...nameServers.map(({ port }) => new MessagingClient(port)));
  for (const client of clients) await until(async () => (await brokersKnownBy(client)) === 2);
  // The first use of a topic creates it on the brokers that are registered at that moment.
  expect(await brokersOf(clients[0]!, 'known-to-all')).toEqual(['broker-a', 'broker-b']);
}, 120_000);

afterAll(async () => {
  for (const client of clients) client.close();
  await Promise.all([...nameServers, ...brokers].map((node) => node.dispose()));
}, 60_000);

const until = (isTrue: () => Promise<boolean>, timeoutMs = 20_000): Promise<true> =>
  waitFor('the condition', timeoutMs, async () => ((await isTrue()) ? true : undefined), 50);

async function queuesOf(client: MessagingClient, topic: string): Promise<IMessageQueue[]> {
  const { status, messageQueues } = await client.call('QueryRoute', { topic: { name: topic } });
  return status?.code === Code.OK ? messageQueues : [];
}

async function brokersOf(client: MessagingClient, topic: string): Promise<string[]> {
  const queues = await queuesOf(client, topic);
  return [...new Set(queues.map(({ broker }) => broker?.name ?? ''))];
}

/** Brokers that are registered and take messages. */
async function brokersKnownBy(client: MessagingClient): Promise<number> {
  const { path } = AdminMethods.DescribeCluster;
  const { brokers } = DescribeClusterResponse.decode(await client.raw(path, Buffer.alloc(0)));
  return brokers.filter(({ writable }) => writable).length;
}

async function send(client: MessagingClient, topic: string, body: string): Promise<number> {
  const systemProperties = {
    messageId: `01${Math.random().toString(16).slice(2).padEnd(32, '0')}`,
  };
  const message = { topic: { name: topic }, body: Buffer.from(body), systemProperties };
  const { status } = await client.call('SendMessage', { messages: [message] });
  return status?.code ?? 0;
}

/** Bodies of what is received through `client` until `count` are there; each is acknowledged through the same address. */
async function receiveAll(
  client: MessagingClient,
  topic: string,
  count: number,
): Promise<string[]> {
  const bodies: string[] = [];
  await until(async () => {
    const parts = await client.receive(
      {
        group: { name: GROUP },
        messageQueue: { topic: { name: topic }, id: -1 },
        filterExpression: { type: FilterType.TAG, expression: '*' },
        batchSize: 16,
        invisibleDuration: { seconds: 30 },
        longPollingTimeout: { seconds: 0, nanos: 200_000_000 },
      },
      5_000,
    );
    const messages = parts.flatMap(({ message }) => (message ? [message] : []));
    for (const { body, systemProperties } of messages) {
      bodies.push(Buffer.from(body ?? []).toString());
      const entry = {
        messageId: systemProperties?.messageId ?? '',
        receiptHandle: systemProperties?.receiptHandle ?? '',
      };
      const ack = await client.call('AckMessage', {
        topic: { name: topic },
        group: { name: GROUP },
        entries: [entry],
      });
      expect(ack.status?.code).toBe(Code.OK);
    }
    return bodies.length >= count;
  });
  return bodies.sort();
}

describe('a cluster of two NameServers and two brokers', () => {
  it('gives the same route at either NameServer: the queues of both brokers, in one order', async () => {
    const [first, second] = clients;
    await nameServers[0]!.command('topic', 'create', 'merged', '--queues', '2');
    await until(async () => (await queuesOf(second!, 'merged')).length === 4);
    const queues = await queuesOf(first!, 'merged');
    expect(queues).toEqual(await queuesOf(second!, 'merged'));
    expect(queues.map(({ broker, id }) => `${broker?.name} ${id}`)).toEqual([
      ...['broker-a 0', 'broker-a 1', 'broker-b 0', 'broker-b 1'],
    ]);
    expect(queues.map(({ broker }) => broker?.endpoints?.addresses?.[0]?.port)).toEqual(
      [0, 0, 1, 1].map((i) => brokers[i]!.port),
    );
  });

  it('creates a topic on its first use where brokers allow it', async () => {
    expect(await brokersOf(clients[0]!, 'used-first')).toEqual(['broker-a', 'broker-b']);
  });

  it('sends, receives and acknowledges at the address of a NameServer', async () => {
    const [first, second] = clients;
    await nameServers[0]!.command('topic', 'create', 'forwarded');
    await nameServers[0]!.command('group', 'create', GROUP, '--from', 'earliest');
    const bodies = Array.from({ length: 20 }, (_, i) => `body-${i}`).sort();
    for (const body of bodies) expect(await send(first!, 'forwarded', body)).toBe(Code.OK);
    expect(await receiveAll(second!, 'forwarded', bodies.length)).toEqual(bodies);
    const description = JSON.parse(
      await nameServers[1]!.command('group', 'describe', GROUP, '-o', 'json'),
    ) as { lag: number; queues: { broker: string }[] };
    expect(description.lag).toBe(0);
    expect(new Set(description.queues.map(({ broker }) => broker))).toEqual(
      new Set(['broker-a', 'broker-b']),
    );
  }, 60_000);

  it('serves the Node client, which only knows a NameServer', async () => {
    await nameServers[0]!.command('topic', 'create', 'official');
    await nameServers[0]!.command('group', 'create', 'officials', '--from', 'earliest');
    const quiet = { info() {}, warn() {}, error() {}, debug() {} };
    const common = { endpoints: nameServers[1]!.endpoint, logger: quiet };
    const producer = new Producer!({ ...common, topics: ['official'] });
    const subscriptions = new Map([['official', '*']]);
    const consumer = new SimpleConsumer!({
      ...common,
      consumerGroup: 'officials',
      subscriptions,
      awaitDuration: 1_000,
    });
    await producer.startup();
    await consumer.startup();
    try {
      const sent = Array.from({ length: 10 }, (_, i) => `official-${i}`);
      for (const body of sent) await producer.send({ topic: 'official', body: Buffer.from(body) });
      const received: string[] = [];
      await until(async () => {
        for (const message of await consumer.receive(16, 30_000)) {
          received.push(message.body.toString());
          await consumer.ack(message);
        }
        return received.length >= sent.length;
      });
      expect(received.sort()).toEqual(sent);
    } finally {
      await producer.shutdown();
      await consumer.shutdown();
    }
  }, 60_000);

  it('is administered as one at a NameServer', async () => {
    const [node] = nameServers;
    await node!.command('topic', 'create', 'administered', '--queues', '1');
    await expect(node!.command('topic', 'create', 'administered')).rejects.toThrow(
      /exists already/,
    );
    await node!.command('topic', 'update', 'administered', '--queues', '3');
    expect(await queuesOf(clients[0]!, 'administered')).toHaveLength(6);
    expect(await node!.command('topic', 'list')).toMatch(/administered +NORMAL +3 /);
    const topic = await node!.command('topic', 'describe', 'administered');
    expect(topic.match(/^broker-[ab] /gm)).toHaveLength(6);
    await node!.command('group', 'create', 'managed', '--max-attempts', '3');
    expect(await node!.command('group', 'list')).toMatch(/managed +3 /);
    const status = await node!.command('status');
    expect(status).toMatch(/broker-a .*ready/);
    expect(status).toMatch(/broker-b .*ready/);
    await node!.command('topic', 'delete', 'administered', '--yes');
    await node!.command('group', 'delete', 'managed', '--yes');
    expect(await node!.command('topic', 'list')).not.toMatch(/administered/);
    expect(await node!.command('group', 'list')).not.toMatch(/managed/);
    await expect(node!.command('topic', 'describe', 'administered')).rejects.toThrow(
      /does not exist/,
    );
  }, 60_000);

  it('finds its brokers again after the restart of a NameServer, without theirs', async () => {
    const [node] = nameServers;
    const [client, other] = clients;
    await until(async () => (await brokersOf(other!, 'known-to-all')).length === 2);
    await node!.restart();
    await until(async () => (await brokersOf(client!, 'known-to-all')).length === 2);
    expect(await queuesOf(client!, 'known-to-all')).toEqual(await queuesOf(other!, 'known-to-all'));
    expect(await send(client!, 'known-to-all', 'after the restart')).toBe(Code.OK);
    for (const broker of brokers) expect(broker.isRunning).toBe(true);
  }, 60_000);

  it('drops a killed broker from the routes after the expiry, and takes it back when it returns', async () => {
    const [client] = clients;
    const [, broker] = brokers;
    expect(await brokersOf(client!, 'known-to-all')).toEqual(['broker-a', 'broker-b']);
    const killedMs = performance.now();
    await broker!.kill();
    expect(await brokersOf(client!, 'known-to-all')).toHaveLength(2);
    await until(async () => (await brokersOf(client!, 'known-to-all')).length === 1);
    const leftMs = performance.now() - killedMs;
    // Counted from the last heartbeat, which a busy broker may have sent some time before its end.
    expect(leftMs).toBeGreaterThan(EXPIRY_MS / 2);
    expect(await nameServers[0]!.command('status')).toMatch(/broker-b takes no messages: .*silent/);
    expect(await send(client!, 'known-to-all', 'to the other one')).toBe(Code.OK);
    await broker!.launch();
    await until(async () => (await brokersOf(client!, 'known-to-all')).length === 2);
  }, 60_000);

  it('drops a broker from the routes at once when it stops', async () => {
    const [client] = clients;
    const [, broker] = brokers;
    const stopped = broker!.stop();
    await until(async () => (await brokersOf(client!, 'known-to-all')).length === 1);
    // It has said goodbye: nobody waited for its heartbeats.
    expect(await nameServers[0]!.command('status')).not.toMatch(/broker-b takes no .*silent/);
    expect(await stopped).toEqual({ code: 0, signal: null });
    await broker!.launch();
    await until(async () => (await brokersOf(client!, 'known-to-all')).length === 2);
  }, 60_000);

  it('stops a NameServer at once that brokers are connected to', async () => {
    const startMs = performance.now();
    expect(await nameServers[0]!.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - startMs).toBeLessThan(4_000);
    await nameServers[0]!.launch();
    await until(async () => (await brokersOf(clients[0]!, 'known-to-all')).length === 2);
  }, 60_000);
});
