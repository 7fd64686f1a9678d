import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import {
  MESSAGE_NOT_FOUND,
  MessagingClient,
  OK,
  type ReceivedMessage,
} from '../../bench/messaging-client.ts';
import { CrashLoad, groupOf } from '../support/crash-load.ts';
import { OrbitMqProcess, runOrbitMq } from '../support/orbitmq-process.ts';

/**
 * A real process under load is killed with SIGKILL at random moments and started again on the same data. Small segments and
 * frequent snapshots make sure that the kills hit rolls and snapshots too.
 */

const TOPICS = ['ledger-a', 'ledger-b', 'ledger-c'];
const KILL_AFTER_MS = { min: 30, max: 900 };
/** Until nothing more comes: two empty polls in a row. */
const POLL_MS = 500;

/** Everything that a group can still get, without acknowledging. */
async function drain(port: number, topic: string, group: string): Promise<ReceivedMessage[]> {
  const client = await MessagingClient.open(port);
  const messages: ReceivedMessage[] = [];
  try {
    for (let emptyPolls = 0; emptyPolls < 2;) {
      const received = await client.receive({
        topic,
        group,
        batchSize: 32,
        invisibleMs: 600_000,
        awaitMs: POLL_MS,
      });
      expect([OK, MESSAGE_NOT_FOUND]).toContain(received.code);
      emptyPolls = received.messages.length === 0 ? emptyPolls + 1 : 0;
      messages.push(...received.messages);
    }
    return messages;
  } finally {
    client.close();
  }
}

async function expectLogKeepsPromises(node: OrbitMqProcess, load: CrashLoad): Promise<void> {
  const { sent, inDoubt } = load.ledger;
  const broken: string[] = [];
  let stored = 0;
  for (const topic of TOPICS) {
    const messages = await drain(node.port, topic, `${topic}-verify`);
    stored += messages.length;
    const offsets = messages.map(({ queueOffset }) => queueOffset).sort((a, b) => a - b);
    expect(offsets).toEqual(offsets.map((_, index) => index)); // dense, from 0, none twice
    const places = new Map<string, number>();
    for (const { messageId, queueOffset } of messages) {
      const before = places.get(messageId);
      if (before !== undefined) broken.push(`${messageId} is at ${before} and at ${queueOffset}`);
      places.set(messageId, queueOffset);
      if (!sent.has(messageId) && !inDoubt.has(`${topic} ${messageId}`)) {
        broken.push(`${messageId} was never sent`);
      }
    }
    for (const [messageId, receipt] of sent) {
      if (receipt.topic !== topic || places.get(messageId) === receipt.offset) continue;
      broken.push(
        `${messageId}: receipt says ${receipt.offset}, is at ${places.get(messageId) ?? '-'}`,
      );
    }
  }
  expect(broken.slice(0, 10)).toEqual([]);
  expect(stored).toBeGreaterThanOrEqual(sent.size);
}

async function expectConsumptionHolds(node: OrbitMqProcess, load: CrashLoad): Promise<void> {
  const { consumed, consumedInDoubt, sent, violations } = load.ledger;
  const delivered = new Set([...consumed, ...consumedInDoubt]);
  for (const topic of TOPICS) {
    for (const message of await drain(node.port, topic, groupOf(topic))) {
      load.noteDelivery(message);
      delivered.add(message.messageId);
    }
  }
  expect(violations.slice(0, 10)).toEqual([]);
  // At least once: what was sent has been acknowledged by the group or has come now.
  expect([...sent.keys()].filter((messageId) => !delivered.has(messageId)).slice(0, 10)).toEqual(
    [],
  );
}

/** `whileDown` runs after each kill, before the next start; no kill comes before `killAfterMinMs` of load. */
async function crashAndCheck(
  flush: string,
  kills: number,
  whileDown: (node: OrbitMqProcess) => void = () => undefined,
  killAfterMinMs = KILL_AFTER_MS.min,
): Promise<void> {
  const node = await OrbitMqProcess.start({
    flags: [
      ...['--flush', flush, '--group-start-position', 'earliest'],
      ...['--segment-bytes', '1MiB', '--snapshot-interval-bytes', '1MiB'],
      ...['--snapshot-interval', '1s'],
    ],
  });
  let running: CrashLoad | undefined;
  try {
    for (const topic of TOPICS) {
      await runOrbitMq(['topic', 'create', topic, '--queues', '1', '--endpoint', node.endpoint]);
    }
    const load = new CrashLoad({
      port: node.port,
      topics: TOPICS,
      sendersPerTopic: 4,
      consumersPerTopic: 2,
    });
    load.start();
    running = load;
    const moments: number[] = [];
    for (let kill = 0; kill < kills; kill++) {
      const afterMs = killAfterMinMs + Math.random() * (KILL_AFTER_MS.max - killAfterMinMs);
      moments.push(Math.round(afterMs));
      await sleep(afterMs);
      await node.kill();
      whileDown(node);
      await node.launch();
    }
    await sleep(KILL_AFTER_MS.max);
    await load.stop();
    const { sent, consumed } = load.ledger;
    try {
      expect(sent.size).toBeGreaterThan(kills * 20); // it was under load
      expect(consumed.size).toBeGreaterThan(kills * 20);
      await expectLogKeepsPromises(node, load);
      await node.restart();
      await expectConsumptionHolds(node, load);
    } catch (error) {
      throw new Error(
        `${(error as Error).message}\nkilled ${moments.join(', ')} ms after being ready; the node printed:\n${node.log.slice(-6_000)}`,
        { cause: error },
      );
    }
  } finally {
    // Also when the node did not come back: a load that goes on keeps the test process alive.
    await running?.stop();
    await node.dispose();
  }
}

/** Less than this could be a tail that nobody was promised. */
const FORGOTTEN_BYTES_MIN = 64 * 1024;

/** What a lying disk might do: the newest part of the log is gone, all of a newest segment that has just begun. */
function forgetTail(node: OrbitMqProcess): void {
  const directory = join(node.dataDirectory, 'commitlog');
  const segments = readdirSync(directory).sort();
  for (let segment = segments.pop(); segment !== undefined; segment = segments.pop()) {
    const path = join(directory, segment);
    const { size } = statSync(path);
    if (size >= FORGOTTEN_BYTES_MIN) {
      truncateSync(path, Math.floor(size / 2));
      return;
    }
    rmSync(path);
  }
}

describe('a node that is killed', () => {
  it('20 times keeps every acknowledged message and consumption (flush: sync)', async () => {
    await crashAndCheck('sync', 20);
  }, 240_000);

  it('3 times keeps them also with flush: async, since the system outlives the process', async () => {
    await crashAndCheck('async', 3);
  }, 120_000);

  it('would be caught if it forgot something: half of the newest segment is cut off', async () => {
    await expect(crashAndCheck('sync', 1, forgetTail, KILL_AFTER_MS.max)).rejects.toThrow(
      /receipt says|not ready|before it was ready/,
    );
  }, 60_000);
});
