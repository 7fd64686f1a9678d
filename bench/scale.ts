/**
 * Measures how a standalone node scales, as a process of its own: many topics and queues, and a backlog that does not fit
 * into memory. `npm run bench:scale -- --topics 10000 --messages 20000000`. See README.md for how to read it.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { OrbitMqProcess } from '../test/support/orbitmq-process.ts';
import { directoryBytes } from './directory-size.ts';
import { LatencyRecorder } from './latency-recorder.ts';
import { MessagingClient, messageIds, OK, SendTemplate } from './messaging-client.ts';
import { createTopics } from './topic-creation.ts';

const { values } = parseArgs({
  options: {
    topics: { type: 'string', default: '10000' },
    queues: { type: 'string', default: '5' },
    messages: { type: 'string', default: '20000000' },
    bytes: { type: 'string', default: '100' },
    flush: { type: 'string', default: 'async' },
    /** Directory on the disk to be measured; the system's temporary directory otherwise. */
    directory: { type: 'string', default: tmpdir() },
    /** File for the results as JSON. */
    json: { type: 'string' },
  },
});

const MIB = 2 ** 20;
const BATCH = 256;
const SENDERS = 4;
const RECEIVES = 300;
const REPORT_EVERY = 1_000_000;
const READY_TIMEOUT_MS = 120_000;
const INVISIBLE_MS = 600_000;

/** Backlog that the last lines extrapolate to. */
const EXTRAPOLATED_MESSAGES = 100_000_000;

const samples: Sample[] = [];
const lines: string[] = [];

interface Sample {
  readonly stored: number;
  readonly residentBytes: number;
}

const say = (line: string): void => {
  lines.push(line);
  process.stdout.write(`${line}\n`);
};
const rss = (node: OrbitMqProcess): string =>
  `${(node.usage().residentBytes / MIB).toFixed(0)} MiB`;

/** kill -9, then the time until the node is ready again. */
async function restart(node: OrbitMqProcess): Promise<string> {
  await node.kill();
  const readyMs = await node.launch();
  const recovered = /"message":"data recovered".*?"elapsedMs":(\d+).*?"recordsFolded":(\d+)/g;
  const last = [...node.log.matchAll(recovered)].at(-1);
  return `${(readyMs / 1_000).toFixed(1)} s until ready (recovery ${last?.[1] ?? '?'} ms, ${last?.[2] ?? '?'} records folded), ${rss(node)}`;
}

async function measureTopics(node: OrbitMqProcess): Promise<void> {
  const topics = Number(values.topics);
  const queues = Number(values.queues);
  const before = rss(node);
  const startMs = performance.now();
  await createTopics(node.endpoint, topics, queues);
  const seconds = (performance.now() - startMs) / 1_000;
  say(
    `topics: ${topics} with ${queues} queues each in ${seconds.toFixed(1)} s; ${before} before, ${rss(node)} after`,
  );
  const sendSeconds = await sendToAll(node, topics, topics * queues);
  say(
    `  a message for each of ${topics * queues} queues in ${sendSeconds.toFixed(1)} s; ${rss(node)}`,
  );
  say(`  restart after SIGKILL: ${await restart(node)}`);
}

/** Sends `messages` one by one, to all topics in turn: the broker goes through the queues of each. */
async function sendToAll(node: OrbitMqProcess, topics: number, messages: number): Promise<number> {
  const nextId = messageIds();
  const body = Buffer.alloc(Number(values.bytes), 'x');
  const client = await MessagingClient.open(node.port);
  let next = 0;
  const startMs = performance.now();
  const sender = async (): Promise<void> => {
    while (next < messages) {
      const topic = `scale-${next++ % topics}`;
      const { code, text } = await client.send(new SendTemplate(topic, body), nextId());
      if (code !== OK) throw new Error(`send to ${topic}: ${code} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: SENDERS * 16 }, sender));
  client.close();
  return (performance.now() - startMs) / 1_000;
}

/** One request with `BATCH` messages, fresh ids each time. */
function batch(template: SendTemplate, nextId: () => string): Buffer {
  return Buffer.concat(Array.from({ length: BATCH }, () => Buffer.from(template.withId(nextId()))));
}

async function fill(node: OrbitMqProcess, topic: string, messages: number): Promise<void> {
  const nextId = messageIds();
  const body = Buffer.alloc(Number(values.bytes), 'x');
  let asked = 0;
  let sent = 0;
  let reported = 0;
  const startMs = performance.now();
  const sender = async (): Promise<void> => {
    const client = await MessagingClient.open(node.port);
    const template = new SendTemplate(topic, body);
    while (asked < messages) {
      asked += BATCH;
      const { code, text } = await client.sendEncoded(batch(template, nextId));
      if (code !== OK) throw new Error(`send: ${code} ${text}`);
      sent += BATCH;
      if (Math.floor(sent / REPORT_EVERY) <= reported) continue;
      reported = Math.floor(sent / REPORT_EVERY);
      samples.push({ stored: sent, residentBytes: node.usage().residentBytes });
      const rate = sent / ((performance.now() - startMs) / 1_000);
      say(`  ${(sent / 1e6).toFixed(0)} million stored, ${rate.toFixed(0)} msg/s, ${rss(node)}`);
    }
    client.close();
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
}

/** Receives of one message each, acknowledged; `before` runs ahead of each, outside the measured time. */
async function receiveLatency(
  client: MessagingClient,
  topic: string,
  group: string,
  before: () => Promise<void>,
): Promise<string> {
  const recorder = new LatencyRecorder();
  for (let i = 0; i < RECEIVES; i++) {
    await before();
    const startMs = performance.now();
    const reply = await client.receive({
      topic,
      group,
      batchSize: 1,
      invisibleMs: INVISIBLE_MS,
      awaitMs: 5_000,
    });
    recorder.record(performance.now() - startMs);
    const [message] = reply.messages;
    if (message === undefined) throw new Error(`receive: ${reply.code} ${reply.text}`);
    await client.ack(topic, group, message);
  }
  const { p50Ms, p99Ms, maxMs } = recorder.summary();
  return `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, max ${maxMs.toFixed(2)} ms`;
}

async function measureBacklog(node: OrbitMqProcess): Promise<void> {
  const messages = Number(values.messages);
  const topic = 'backlog';
  const client = await MessagingClient.open(node.port);
  await client.queryRoute(topic);
  say(`backlog: ${messages} messages of ${values.bytes} bytes; ${rss(node)} before`);
  await fill(node, topic, messages);
  const head = await receiveLatency(client, topic, 'at-the-head', async () => undefined);
  say(`  receive at the head of the backlog: ${head}; ${rss(node)}`);
  const live = 'live';
  await client.queryRoute(live);
  const template = new SendTemplate(live, Buffer.alloc(Number(values.bytes), 'y'));
  const nextId = messageIds();
  const tail = await receiveLatency(client, live, 'at-the-tail', async () => {
    await client.send(template, nextId());
  });
  say(`  receive of a new message beside it: ${tail}; ${rss(node)}`);
  client.close();
  say(`  restart after SIGKILL: ${await restart(node)}`);
  const again = await MessagingClient.open(node.port);
  const cold = await receiveLatency(again, topic, 'at-the-head', async () => undefined);
  say(`  receive at the head after the restart: ${cold}; ${rss(node)}`);
  again.close();
  extrapolate(node, messages);
}

/** What 100 million messages would take: from the growth over the second half, when caches and buffers are full. */
function extrapolate(node: OrbitMqProcess, messages: number): void {
  const bytesOnDisk = directoryBytes(node.dataDirectory) / messages;
  say(
    `  on disk: ${bytesOnDisk.toFixed(0)} bytes a message, ${((bytesOnDisk * EXTRAPOLATED_MESSAGES) / 1e9).toFixed(0)} GB for 100 million`,
  );
  const half = samples[Math.floor(samples.length / 2)];
  const last = samples.at(-1);
  if (half === undefined || last === undefined || last.stored === half.stored) return;
  const growth = (last.residentBytes - half.residentBytes) / (last.stored - half.stored);
  const more = growth * (EXTRAPOLATED_MESSAGES - last.stored);
  say(
    `  memory grew by ${growth.toFixed(1)} bytes a message over the second half: ${((last.residentBytes + more) / MIB).toFixed(0)} MiB at 100 million`,
  );
}

const directory = join(values.directory, `orbitmq-scale-${process.pid}`);
mkdirSync(directory, { recursive: true });
const node = await OrbitMqProcess.start({
  directory,
  readyTimeoutMs: READY_TIMEOUT_MS,
  flags: ['--flush', values.flush, '--group-start-position', 'earliest', '--log-format', 'json'],
});
try {
  if (Number(values.topics) > 0) await measureTopics(node);
  if (Number(values.messages) > 0) await measureBacklog(node);
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify({ options: values, lines, samples }, null, 2)}\n`);
  }
} finally {
  await node.dispose();
  rmSync(directory, { recursive: true, force: true });
}
