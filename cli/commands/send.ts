import { randomBytes } from 'node:crypto';
import process from 'node:process';
import type { Command } from 'commander';
import { MqError } from '../../common/errors/mq-error.ts';
import { durationArgument, integerArgument, listArgument, pairArgument } from '../argument.ts';
import type { CliContext } from '../cli-context.ts';
import { withClient, type ClientOptions } from '../client-options.ts';
import { MessageIdSource } from '../client/message-id.ts';
import type { MessagingClient, OutgoingMessage } from '../client/messaging-client.ts';
import { printItem } from '../output/output-format.ts';
import { freeFlags } from '../server-access.ts';
import { withMessaging } from '../session.ts';
import type { Terminal } from '../terminal.ts';

const COUNT_MAX = 1_000_000;
const INPUT_BYTES_MAX = 64 * 1024 * 1024;

interface SendOptions extends ClientOptions {
  readonly tag?: string;
  readonly key?: readonly string[];
  readonly property?: Readonly<Record<string, string>>;
  readonly group?: string;
  readonly delay?: number;
  readonly id?: string;
  readonly count: number;
  readonly lines?: boolean;
}

export function addSendCommand(program: Command, context: CliContext): void {
  const send = program
    .command('send <topic> [body]')
    .description('send a message; the body comes from standard input when it is not given')
    .option('-t, --tag <tag>', 'tag of the message')
    .option('-k, --key <key>', 'key of the message; can be repeated', listArgument)
    .option('-p, --property <name=value>', 'user property; can be repeated', pairArgument)
    .option('-g, --group <name>', 'message group: messages of one group stay in order')
    .option('--delay <duration>', 'deliver it so much later', durationArgument)
    .option('--id <id>', 'message id; the same id again is stored only once')
    .option(
      freeFlags(context.servers, '-n, --count <number>'),
      'send it so many times',
      integerArgument(1, COUNT_MAX),
      1,
    )
    .option('--lines', 'each line of standard input is a message');
  withClient(send, context).action(
    (topic: string, body: string | undefined, options: SendOptions) =>
      runSend(context, topic, body, options),
  );
}

async function runSend(
  context: CliContext,
  topic: string,
  body: string | undefined,
  options: SendOptions,
): Promise<void> {
  const ids = new MessageIdSource(randomBytes(12), process.pid, Date.now());
  await withMessaging(context, options, async (client) => {
    await client.startProducer(topic);
    for await (const bytes of bodies(context.terminal, body, options)) {
      await sendOne(context, client, options, {
        topic,
        body: bytes,
        messageId: options.id ?? ids.next(),
        ...fieldsOf(options),
      });
    }
  });
}

async function sendOne(
  { terminal }: CliContext,
  client: MessagingClient,
  options: SendOptions,
  message: OutgoingMessage,
): Promise<void> {
  const [receipt] = await client.send([message]);
  const { messageId = '', offset = 0 } = receipt ?? {};
  const data = { messageId, topic: message.topic, offset };
  printItem(terminal, options.output, data, () => `${messageId}  offset ${offset}`);
}

function fieldsOf(options: SendOptions): Partial<OutgoingMessage> {
  const { tag, key, property, group, delay } = options;
  return {
    tag,
    keys: key ?? [],
    properties: property ?? {},
    messageGroup: group,
    deliveryTimeMs: delay === undefined ? undefined : Date.now() + delay,
  };
}

/** The bodies to send, one after the other, so that a long input is never held as a whole. */
async function* bodies(
  terminal: Terminal,
  body: string | undefined,
  { lines, count }: SendOptions,
): AsyncGenerator<Buffer> {
  if (lines === true) {
    yield* inputLines(terminal);
    return;
  }
  const isFromInput = body === undefined || body === '-';
  const bytes = isFromInput ? await readInput(terminal) : Buffer.from(body);
  for (let sent = 0; sent < count; sent++) yield bytes;
}

async function readInput(terminal: Terminal): Promise<Buffer> {
  if (terminal.isInputTty) {
    terminal.error('Type the body, then Ctrl-D.\n');
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of terminal.input()) {
    parts.push(part);
    bytes += part.length;
    if (bytes > INPUT_BYTES_MAX) {
      const reason = `it is larger than ${INPUT_BYTES_MAX} bytes`;
      throw new MqError('input-unreadable', { what: 'standard input', reason });
    }
  }
  return Buffer.concat(parts);
}

/** Lines without their ends; empty ones are left out, since an empty body is no message. */
async function* inputLines(terminal: Terminal): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const part of terminal.input()) {
    const text = Buffer.concat([rest, part]);
    let start = 0;
    for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, start)) {
      if (end > start) yield trimReturn(text.subarray(start, end));
      start = end + 1;
    }
    rest = text.subarray(start);
  }
  if (rest.length > 0) yield trimReturn(rest);
}

function trimReturn(line: Buffer): Buffer {
  return line.at(-1) === 13 ? line.subarray(0, -1) : line;
}
