import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { serveGateway, type RunningGateway } from '../../support/gateway-server.ts';

/** See docs/adr/0008-settings-are-repeated-for-node.md. */

interface Startable {
  startup(): Promise<void>;
  shutdown(): Promise<void>;
}
type Constructor = new (options: object) => Startable;

const require = createRequire(import.meta.url);
const { Producer, SimpleConsumer } = require('rocketmq-client-nodejs') as Record<
  string,
  Constructor
>;
const quiet = { info() {}, warn() {}, error() {}, debug() {} };
const TOPICS = ['orders', 'payments', 'refunds'];

let running: RunningGateway;

beforeAll(async () => {
  running = await serveGateway();
});

afterAll(async () => {
  await running.close();
});

function create(i: number): Startable {
  // With one topic nothing is lost; each further one opens the gap in which the first Settings arrive too early.
  const topics = TOPICS.slice(0, 1 + (i % TOPICS.length));
  const common = { endpoints: `127.0.0.1:${running.port}`, logger: quiet };
  if (i % 4 !== 3) return new Producer!({ ...common, topics });
  const subscriptions = new Map(topics.map((topic) => [topic, '*']));
  return new SimpleConsumer!({ ...common, consumerGroup: 'billing', subscriptions });
}

async function slowestStartMs(from: number, count: number): Promise<number> {
  let slowestMs = 0;
  for (let i = from; i < from + count; i += 1) {
    const client = create(i);
    const startMs = performance.now();
    await client.startup();
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
    await client.shutdown();
  }
  return slowestMs;
}

describe('the Node client', () => {
  it('starts 150 times in a row, each time at once', async () => {
    expect(await slowestStartMs(0, 150)).toBeLessThan(5_000);
  }, 60_000);

  it('starts 50 times in a row on a busy machine', async () => {
    const burners = [1, 2, 3].map(() => spawn(process.execPath, ['-e', 'for (;;);']));
    try {
      expect(await slowestStartMs(150, 50)).toBeLessThan(15_000);
    } finally {
      for (const burner of burners) burner.kill('SIGKILL');
    }
  }, 90_000);
});
