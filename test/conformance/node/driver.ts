/** Driver of the Node.js client, see ../driver-protocol.ts. Runs as a program: `node driver.ts`. */
import { createInterface } from 'node:readline';
import {
  ConsumeResult,
  type MessageView,
  Producer,
  PushConsumer,
  SimpleConsumer,
} from 'rocketmq-client-nodejs';
import type {
  ConsumerArgs,
  DriverOperations,
  DriverRequest,
  IncomingMessage,
  Operation,
  OutgoingMessage,
  StartArgs,
} from '../driver-protocol.ts';

interface Running {
  shutdown(): Promise<void>;
}

interface Received {
  readonly consumer: SimpleConsumer;
  readonly view: MessageView;
}

const clients = new Map<string, Running>();
const received = new Map<string, Received>();
const deliveries = new Map<string, IncomingMessage[]>();
let lastNumber = 0;

const nextName = (kind: string): string => `${kind}-${++lastNumber}`;

const print = (...words: unknown[]): void => {
  process.stderr.write(`${words.map(String).join(' ')}\n`);
};
/** The library's own default is a file in the home directory. */
const logger = { info: (): void => undefined, warn: print, error: print };

const sslEnabled = process.env['ORBITMQ_CONFORMANCE_TLS'] === '1';

const common = ({ endpoint }: StartArgs) => ({
  endpoints: endpoint,
  sslEnabled,
  namespace: '',
  logger,
});

function describe(view: MessageView, ref: string): IncomingMessage {
  return {
    ref,
    messageId: view.messageId,
    topic: view.topic,
    body: view.body.toString('base64'),
    tag: view.tag === undefined || view.tag === '' ? null : view.tag,
    keys: view.keys,
    properties: Object.fromEntries(view.properties),
    attempt: view.deliveryAttempt ?? 0,
    bornHost: view.bornHost,
    bornTimestampMs: view.bornTimestamp?.getTime() ?? 0,
    receiptHandle: view.receiptHandle,
  };
}

async function keep(client: Running & { startup(): Promise<void> }, kind: string) {
  await client.startup();
  const handle = nextName(kind);
  clients.set(handle, client);
  return { handle };
}

function clientOf<T extends Running>(handle: string, type: abstract new (...args: never[]) => T) {
  const client = clients.get(handle);
  if (client instanceof type) return client;
  throw new Error(`no ${type.name} ${handle}`);
}

function messageOf(ref: string): Received {
  const found = received.get(ref);
  if (found) return found;
  throw new Error(`no message ${ref}`);
}

async function send({ handle, message }: { handle: string; message: OutgoingMessage }) {
  const receipt = await clientOf(handle, Producer).send({
    topic: message.topic,
    body: Buffer.from(message.body, 'base64'),
    ...(message.tag === undefined ? {} : { tag: message.tag }),
    keys: [...(message.keys ?? [])],
    properties: new Map(Object.entries(message.properties ?? {})),
  });
  return { messageId: receipt.messageId };
}

async function receive({
  handle,
  max,
  invisibleMs,
}: {
  handle: string;
  max: number;
  invisibleMs: number;
}) {
  const consumer = clientOf(handle, SimpleConsumer);
  const views = await consumer.receive(max, invisibleMs);
  const messages = views.map((view) => {
    const ref = nextName('message');
    received.set(ref, { consumer, view });
    return describe(view, ref);
  });
  return { messages };
}

async function ack({ ref, receiptHandle }: { ref: string; receiptHandle?: string }) {
  const { consumer, view } = messageOf(ref);
  const own = view.receiptHandle;
  if (receiptHandle !== undefined) Object.assign(view, { receiptHandle });
  try {
    await consumer.ack(view);
  } finally {
    Object.assign(view, { receiptHandle: own });
  }
  return {};
}

async function startPushConsumer(args: ConsumerArgs & { failFirst: number }) {
  const seen: IncomingMessage[] = [];
  const consumer = new PushConsumer({
    ...common(args),
    consumerGroup: args.group,
    subscriptions: new Map([[args.topic, args.filter]]),
    messageListener: {
      consume: async (view: MessageView) => {
        seen.push(describe(view, ''));
        return (view.deliveryAttempt ?? 0) <= args.failFirst
          ? ConsumeResult.FAILURE
          : ConsumeResult.SUCCESS;
      },
    },
  });
  const { handle } = await keep(consumer, 'push');
  deliveries.set(handle, seen);
  return { handle };
}

type Handlers = {
  [O in Operation]: (args: DriverOperations[O]['args']) => Promise<DriverOperations[O]['result']>;
};

const handlers: Handlers = {
  hello: async () => ({ client: 'rocketmq-client-nodejs' }),
  startProducer: (args) =>
    keep(
      new Producer({ ...common(args), topics: [args.topic, ...(args.moreTopics ?? [])] }),
      'producer',
    ),
  send,
  startSimpleConsumer: (args) =>
    keep(
      new SimpleConsumer({
        ...common(args),
        consumerGroup: args.group,
        subscriptions: new Map([[args.topic, args.filter]]),
        awaitDuration: args.awaitMs,
      }),
      'simple',
    ),
  receive,
  ack,
  changeInvisible: async ({ ref, invisibleMs }) => {
    const { consumer, view } = messageOf(ref);
    await consumer.changeInvisibleDuration(view, invisibleMs);
    return {};
  },
  startPushConsumer,
  delivered: async ({ handle, from }) => ({ messages: (deliveries.get(handle) ?? []).slice(from) }),
  stop: async ({ handle }) => {
    const client = clients.get(handle);
    clients.delete(handle);
    await client?.shutdown();
    return {};
  },
};

async function answer(line: string): Promise<void> {
  const { id, op, args } = JSON.parse(line) as DriverRequest;
  try {
    const result = await handlers[op](args as never);
    process.stdout.write(`${JSON.stringify({ id, result })}\n`);
  } catch (error) {
    const { message, code } = error as Error & { code?: unknown };
    const failure = { message, code: typeof code === 'number' ? code : null };
    process.stdout.write(`${JSON.stringify({ id, error: failure })}\n`);
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => void answer(line))
  .once('close', () => process.exit(0));
