import { Option, type Command } from 'commander';
import { assert } from '../../common/assert.ts';
import { MqError } from '../../common/errors/mq-error.ts';
import { START_POSITIONS, type StartPosition } from '../../common/model/consumer-group.ts';
import { durationArgument, integerArgument } from '../argument.ts';
import type { CliContext } from '../cli-context.ts';
import { withClient, type ClientOptions } from '../client-options.ts';
import type { MessagingClient } from '../client/messaging-client.ts';
import { receivedMessage, type ReceivedMessage } from '../client/received-message.ts';
import { printItem } from '../output/output-format.ts';
import { printable } from '../output/text-table.ts';
import { freeFlags } from '../server-access.ts';
import { withAdmin, withMessaging } from '../session.ts';

const DEFAULT_GROUP = 'orbitmq-cli';
const BATCH_MAX = 32;
const COUNT_MAX = 1_000_000_000;
const DEFAULT_WAIT_MS = 5_000;
const FOLLOW_POLL_MS = 20_000;
const DEFAULT_INVISIBLE_MS = 30_000;

interface ReceiveOptions extends ClientOptions {
  readonly group: string;
  readonly count?: number;
  readonly follow?: boolean;
  readonly filter: string;
  readonly from: StartPosition;
  readonly peek?: boolean;
  readonly ack: boolean;
  readonly wait: number;
  readonly invisible: number;
  readonly body?: boolean;
  readonly queue?: number;
  readonly offset?: number;
}

export function addReceiveCommand(program: Command, context: CliContext): void {
  const receive = program
    .command('receive <topic>')
    .description('receive messages and acknowledge them')
    .option(
      freeFlags(context.servers, '-n, --count <number>'),
      'stop after so many; 1 unless --follow',
      integerArgument(1, COUNT_MAX),
    )
    .option('-f, --follow', 'go on until interrupted')
    .option('--filter <tags>', 'only these tags, as "A || B"', '*')
    .option('-g, --group <name>', 'consumer group; made when it does not exist', DEFAULT_GROUP)
    .addOption(
      new Option('--from <position>', 'where the group starts when it is made')
        .choices(START_POSITIONS)
        .default('earliest'),
    )
    .option('--peek', 'look at stored messages and leave all groups as they are')
    .addOption(queueOption('--queue <id>', 'with --peek: only this queue'))
    .addOption(queueOption('--offset <offset>', 'with --peek and --queue: from this offset'))
    .option('--no-ack', 'do not acknowledge: the messages come again')
    .option(
      '--invisible <duration>',
      'hidden from others so long',
      durationArgument,
      DEFAULT_INVISIBLE_MS,
    )
    .option('--wait <duration>', 'wait so long for a message', durationArgument, DEFAULT_WAIT_MS)
    .option('--body', 'write nothing but the bodies, one to a line');
  withClient(receive, context).action((topic: string, options: ReceiveOptions) =>
    options.peek === true ? peek(context, topic, options) : runReceive(context, topic, options),
  );
}

function queueOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(integerArgument(0, Number.MAX_SAFE_INTEGER));
}

async function runReceive(
  context: CliContext,
  topic: string,
  options: ReceiveOptions,
): Promise<void> {
  const { group, from } = options;
  await withAdmin(context, options, (admin) => admin.ensureGroup(group, { startPosition: from }));
  const received = await withMessaging(context, options, async (client) => {
    await client.startConsumer(group, topic, options.filter);
    return receiveLoop(context, client, topic, options);
  });
  if (received === 0) {
    throw new MqError('message-not-found', { reason: `came within ${options.wait} ms` });
  }
}

/** Takes turns among the brokers of the topic until enough has come, or nothing came for the time to wait. */
async function receiveLoop(
  context: CliContext,
  client: MessagingClient,
  topic: string,
  options: ReceiveOptions,
): Promise<number> {
  const { group, filter, follow = false, invisible, wait } = options;
  const wanted = options.count ?? (follow ? Number.POSITIVE_INFINITY : 1);
  const queues = await client.brokers(topic);
  assert(queues.length > 0, 'a route that is OK has queues');
  const pollMs = Math.floor((follow ? FOLLOW_POLL_MS : wait) / queues.length);
  let received = 0;
  let emptyTurns = 0;
  for (let turn = 0; received < wanted && (follow || emptyTurns < queues.length); turn++) {
    const queue = queues[turn % queues.length];
    assert(queue !== undefined, 'the turn is within the queues');
    const batchSize = Math.min(BATCH_MAX, wanted - received);
    const request = { group, queue, filter, batchSize, invisibleMs: invisible, pollMs };
    const messages = await client.receive(request);
    for (const message of messages) show(context, options, receivedMessage(message));
    if (options.ack) await client.ack(group, topic, messages);
    received += messages.length;
    emptyTurns = messages.length === 0 ? emptyTurns + 1 : 0;
  }
  return received;
}

async function peek(context: CliContext, topic: string, options: ReceiveOptions): Promise<void> {
  const { queue: queueId, offset, filter, count = 1 } = options;
  const messages = await withAdmin(context, options, (admin) =>
    admin.peek({ topic, queueId, offset, filter, maxMessages: Math.min(count, BATCH_MAX) }),
  );
  for (const message of messages) show(context, options, message);
  if (messages.length === 0) throw new MqError('message-not-found', { reason: 'is stored there' });
}

function show({ terminal }: CliContext, options: ReceiveOptions, message: ReceivedMessage): void {
  if (options.body === true) terminal.out(`${message.body ?? message.bodyBase64 ?? ''}\n`);
  else printItem(terminal, options.output, message, () => lineOf(message));
}

/** One line for a person: what it is, then the body. */
function lineOf(message: ReceivedMessage): string {
  const { messageId, tag, keys, properties, messageGroup, deliveryAttempt } = message;
  const facts = [
    messageId,
    ...(tag === undefined ? [] : [`tag=${tag}`]),
    ...(keys === undefined ? [] : [`keys=${keys.join(',')}`]),
    ...(messageGroup === undefined ? [] : [`group=${messageGroup}`]),
    ...Object.entries(properties ?? {}).map(([name, value]) => `${name}=${value}`),
    ...(deliveryAttempt === undefined || deliveryAttempt < 2 ? [] : [`attempt=${deliveryAttempt}`]),
  ];
  const body = message.body ?? `base64:${message.bodyBase64 ?? ''}`;
  return `${printable(facts.join(' '))}  ${printable(body)}`;
}
