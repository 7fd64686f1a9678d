import { randomBytes } from 'node:crypto';
import process from 'node:process';
import type { Command } from 'commander';
import { assert } from '../../common/assert.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import { bytesArgument, durationArgument, integerArgument } from '../argument.ts';
import { BenchRun, type BenchResult, type BenchStep } from '../bench-run.ts';
import type { CliContext } from '../cli-context.ts';
import { withClient, type ClientOptions } from '../client-options.ts';
import { MessageIdSource } from '../client/message-id.ts';
import type { MessagingClient } from '../client/messaging-client.ts';
import { printResult } from '../output/output-format.ts';
import { startProgress } from '../output/progress.ts';
import { sizeText } from '../output/size-text.ts';
import { fieldList } from '../output/text-table.ts';
import { withMessaging, withAdmin } from '../session.ts';

const COUNT_MAX = 1_000_000_000;
const INFLIGHT_MAX = 4_096;
const CONNECTIONS_MAX = 256;
const BATCH_MAX = 32;
const NO_LIMIT_MS = 365 * 24 * 3_600_000;
const PROGRESS_INTERVAL_MS = 200;
const POLL_MS = 2_000;
const INVISIBLE_MS = 60_000;

interface BenchOptions extends ClientOptions {
  readonly count: number;
  readonly duration: number;
  readonly inflight: number;
  readonly connections: number;
  readonly size: number;
  readonly batch: number;
  readonly group: string;
  readonly tag?: string;
}

export function addBenchCommands(program: Command, context: CliContext): void {
  const bench = program.command('bench').description('measure sending and receiving');
  const send = bench
    .command('send <topic>')
    .description('send many messages and show rate and latency')
    .option('--size <bytes>', 'size of the body', bytesArgument, 1_024)
    .option('--batch <number>', 'messages in one request', integerArgument(1, BATCH_MAX), 1)
    .option('--tag <tag>', 'tag of the messages');
  withClient(withLimits(send, 100_000), context).action((topic: string, options: BenchOptions) =>
    benchSend(context, topic, options),
  );
  const receive = bench
    .command('receive <topic>')
    .description('receive and acknowledge many messages and show rate and latency')
    .option('-g, --group <name>', 'consumer group; made when it does not exist', 'orbitmq-bench')
    .option(
      '--batch <number>',
      'messages asked for in one request',
      integerArgument(1, BATCH_MAX),
      32,
    );
  withClient(withLimits(receive, 100_000), context).action((topic: string, options: BenchOptions) =>
    benchReceive(context, topic, options),
  );
}

function withLimits(command: Command, count: number): Command {
  return command
    .option('-n, --count <number>', 'messages', integerArgument(1, COUNT_MAX), count)
    .option('--duration <duration>', 'stop after so long', durationArgument, NO_LIMIT_MS)
    .option('--inflight <number>', 'requests at once', integerArgument(1, INFLIGHT_MAX), 64)
    .option('--connections <number>', 'connections', integerArgument(1, CONNECTIONS_MAX), 1);
}

async function benchSend(context: CliContext, topic: string, options: BenchOptions): Promise<void> {
  const { size, batch, tag } = options;
  const ids = new MessageIdSource(randomBytes(12), process.pid, Date.now());
  const body = randomBytes(Math.max(1, size));
  const oneBatch = (): {
    messageId: string;
    topic: string;
    body: Buffer;
    tag: string | undefined;
  }[] => Array.from({ length: batch }, () => ({ messageId: ids.next(), topic, body, tag }));
  await withClients(context, options, async (clients) => {
    for (const client of clients) await client.startProducer(topic);
    const result = await measure(context, options, 'send', batch, async (worker) => {
      const receipts = await clientOf(clients, worker).send(oneBatch());
      return { messages: receipts.length, bytes: receipts.length * body.length };
    });
    report(context, options, result);
  });
}

async function benchReceive(
  context: CliContext,
  topic: string,
  options: BenchOptions,
): Promise<void> {
  const { group, batch } = options;
  await withAdmin(context, options, (admin) =>
    admin.ensureGroup(group, { startPosition: 'earliest' }),
  );
  await withClients(context, options, async (clients) => {
    for (const client of clients) await client.startConsumer(group, topic, '*');
    const queues = await clientOf(clients, 0).brokers(topic);
    const result = await measure(context, options, 'receive', batch, async (worker) => {
      const client = clientOf(clients, worker);
      const queue = queues[worker % queues.length];
      assert(queue !== undefined, 'a route that is OK has queues');
      return receiveAndAck(client, { group, topic, queue, batch });
    });
    report(context, options, result);
  });
}

interface ReceiveStep {
  readonly group: string;
  readonly topic: string;
  readonly queue: Parameters<MessagingClient['receive']>[0]['queue'];
  readonly batch: number;
}

async function receiveAndAck(client: MessagingClient, step: ReceiveStep): Promise<BenchStep> {
  const { group, topic, queue, batch } = step;
  const request = { group, queue, filter: '*', batchSize: batch };
  const messages = await client.receive({ ...request, invisibleMs: INVISIBLE_MS, pollMs: POLL_MS });
  await client.ack(group, topic, messages);
  const bytes = messages.reduce((sum, message) => sum + (message.body?.length ?? 0), 0);
  return { messages: messages.length, bytes };
}

async function measure(
  { terminal }: CliContext,
  options: BenchOptions,
  label: string,
  claim: number,
  operation: (worker: number) => Promise<BenchStep>,
): Promise<BenchResult> {
  const { count, duration, inflight } = options;
  const run = new BenchRun({ count, durationMs: duration, inflight });
  const progress = startProgress(terminal, label, count);
  const timer = setInterval(() => {
    const rate = Math.round((run.messages * 1_000) / Math.max(1, run.elapsedMs));
    progress.update(run.messages, `| ${rate}/s`);
  }, PROGRESS_INTERVAL_MS);
  try {
    return await run.run(claim, operation);
  } finally {
    clearInterval(timer);
    progress.stop();
  }
}

async function withClients(
  context: CliContext,
  options: BenchOptions,
  work: (clients: readonly MessagingClient[]) => Promise<void>,
): Promise<void> {
  await withMessaging(context, options, async (first, openAnother) => {
    const others = Array.from({ length: options.connections - 1 }, () => openAnother());
    await work([first, ...others]);
  });
}

function clientOf(clients: readonly MessagingClient[], worker: number): MessagingClient {
  const client = clients[worker % clients.length];
  assert(client !== undefined, 'there is at least one client');
  return client;
}

function report({ terminal }: CliContext, options: BenchOptions, result: BenchResult): void {
  const { p50, p99, p999, max } = result.latencyMs;
  printResult(terminal, options.output, result, () =>
    fieldList([
      ['messages', result.messages],
      ['errors', result.errors],
      ['time', `${result.seconds} s`],
      ['rate', `${result.messagesPerSecond} messages/s, ${sizeText(result.bytesPerSecond)}/s`],
      ['latency', `p50 ${p50} ms, p99 ${p99} ms, p99.9 ${p999} ms, max ${max} ms`],
    ]),
  );
  if (result.errors === 0) return;
  const total = result.messages + result.errors;
  const { errors: failed, firstError: reason } = result;
  throw new MqError('partly-failed', { failed, total, what: 'requests', reason });
}
