import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  ClientType,
  Code,
  Language,
  MessageType,
  type IMessage,
  type ISettings,
} from '../../../proto/generated/v2.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import {
  GATEWAY_OPTIONS,
  serveGateway,
  type RunningGateway,
} from '../../support/gateway-server.ts';
import { JAVA, MessagingClient, type TelemetryClient } from '../../support/messaging-client.ts';
import { waitFor } from '../../support/wait-for.ts';

/** The rules that break official clients when they are missed, each over a real socket. */

let running: RunningGateway;
let client: MessagingClient;

beforeEach(async () => {
  running = await serveGateway({}, new FakeCluster('broker-a', 'broker-b'));
  client = new MessagingClient(running.port);
});

afterEach(async () => {
  client.close();
  await running.close();
});

const until = (isTrue: () => boolean) =>
  waitFor('the condition', 2_000, () => (isTrue() ? true : undefined));

const topic = { name: 'orders' };
const group = { name: 'billing' };
const seconds = (s: number) => ({ seconds: s, nanos: 0 });

function message(id: string, extra: IMessage['systemProperties'] = {}): IMessage {
  return { topic, body: Buffer.from('hello'), systemProperties: { messageId: id, ...extra } };
}

function as(language: string): void {
  client.headers = { ...JAVA, 'x-mq-language': language };
}

const producer: ISettings = {
  clientType: ClientType.PRODUCER,
  userAgent: { language: Language.JAVA },
  publishing: { topics: [topic] },
};
const pushConsumer: ISettings = {
  clientType: ClientType.PUSH_CONSUMER,
  userAgent: { language: Language.JAVA },
  subscription: { group, subscriptions: [{ topic, expression: { expression: '*' } }] },
};

async function answerTo(settings: ISettings, stream: TelemetryClient = client.telemetry()) {
  stream.settings(settings);
  await until(() => stream.received.length > 0);
  const [command] = stream.received;
  stream.stream.end();
  return command!;
}

describe('rule 1: every address serves the whole service', () => {
  it('forwards receipts to the broker that they name', async () => {
    const [, other] = running.cluster.members;
    const answer = await client.call('AckMessage', {
      group,
      topic,
      entries: [{ messageId: 'm', receiptHandle: other!.handle() }],
    });
    expect(answer.entries[0]?.status?.code).toBe(Code.OK);
    expect(other!.acks).toHaveLength(1);
    expect(running.cluster.first.acks).toHaveLength(0);
  });

  it('splits an acknowledgement of several brokers and keeps the order of its entries', async () => {
    const [a, b] = running.cluster.members;
    const handles = [b!.handle(), a!.handle(), 'forged', b!.handle(2)];
    const answer = await client.call('AckMessage', {
      group,
      topic,
      entries: handles.map((receiptHandle, i) => ({ messageId: `m${i}`, receiptHandle })),
    });
    expect(answer.status?.code).toBe(Code.MULTIPLE_RESULTS);
    expect(answer.entries.map((entry) => [entry.messageId, entry.status?.code])).toEqual([
      ['m0', Code.OK],
      ['m1', Code.OK],
      ['m2', Code.INVALID_RECEIPT_HANDLE],
      ['m3', Code.OK],
    ]);
  });

  it('receives from the broker that the queue names', async () => {
    await client.call('QueryRoute', { topic });
    const queue = { topic, id: -1, broker: { name: 'broker-b' } };
    await client.receive({
      group,
      messageQueue: queue,
      batchSize: 1,
      autoRenew: true,
      longPollingTimeout: seconds(0),
    });
    expect(running.cluster.members[1]!.receives).toHaveLength(1);
  });

  it('receives from any queue of that broker, whichever one the client asks for', async () => {
    await client.call('QueryRoute', { topic });
    await client.receive({
      group,
      messageQueue: { topic, id: 3, broker: { name: 'broker-b' } },
      batchSize: 1,
      autoRenew: true,
      longPollingTimeout: seconds(0),
    });
    expect(running.cluster.members[1]!.receives.at(-1)?.messageQueue?.id).toBe(-1);
  });

  it('answers rpcs that are not built yet in their own form', async () => {
    const calls = [
      client.call('EndTransaction', { topic }),
      client.call('UpdateOffset', {}),
      client.call('GetOffset', {}),
      client.call('QueryOffset', {}),
      client.call('SyncLiteSubscription', {}),
    ];
    for (const answer of await Promise.all(calls)) {
      expect(answer.status?.code).toBe(Code.NOT_IMPLEMENTED);
    }
    const parts = await client.stream(
      '/apache.rocketmq.v2.MessagingService/PullMessage',
      Buffer.alloc(0),
    );
    expect(parts).toHaveLength(1);
    const admin = await client.raw('/apache.rocketmq.v2.Admin/ListSubscription', Buffer.alloc(0));
    expect(admin.length).toBeGreaterThan(0);
    await expect(
      client.raw('/apache.rocketmq.v2.Admin/ChangeLogLevel', Buffer.alloc(0)),
    ).rejects.toMatchObject({ code: 12 });
  });
});

describe('rule 2: any broker takes a recall', () => {
  it('answers RecallMessage with a status, whatever the handle', async () => {
    const answer = await client.call('RecallMessage', {
      topic,
      recallHandle: 'from-another-broker',
    });
    expect(answer.status?.code).toBe(Code.NOT_IMPLEMENTED);
  });
});

describe('rule 3: the answer to Settings', () => {
  it('sends response headers when the stream opens, before any message', async () => {
    const stream = client.telemetry();
    await until(() => stream.headersArrived);
    expect(stream.received).toHaveLength(0);
    stream.stream.end();
  });

  it.each([
    ['producer', producer],
    ['consumer', pushConsumer],
  ])('carries OK, the same arm and a strategy for a %s', async (_name, settings) => {
    const command = await answerTo(settings);
    expect(command.status?.code).toBe(Code.OK);
    expect(Boolean(command.settings?.publishing)).toBe(Boolean(settings.publishing));
    expect(Boolean(command.settings?.subscription)).toBe(Boolean(settings.subscription));
    const policy = command.settings?.backoffPolicy;
    expect(Boolean(policy?.exponentialBackoff) || Boolean(policy?.customizedBackoff)).toBe(true);
  });

  it('refuses Settings with an illegal name by a status and the end of the stream', async () => {
    const stream = client.telemetry();
    const command = await answerTo(
      { ...producer, publishing: { topics: [{ name: 'a b' }] } },
      stream,
    );
    expect(command.status?.code).toBe(Code.ILLEGAL_TOPIC);
    await until(() => stream.ended !== undefined);
    expect(stream.ended?.code).toBe(3);
  });
});

describe('rule 4: the arm of the backoff policy', () => {
  it.each(['JAVA', 'GO', 'PYTHON', 'HTTP', 'RUST', 'CPP', 'DOTNET'])(
    'is exponential for producers: %s',
    async (language) => {
      as(language);
      expect((await answerTo(producer)).settings?.backoffPolicy?.exponentialBackoff).toBeTruthy();
    },
  );

  it.each([
    ['PYTHON', 'customizedBackoff'],
    ['HTTP', 'exponentialBackoff'],
    ['JAVA', 'customizedBackoff'],
  ] as const)('is what a push consumer can read: %s gets %s', async (language, arm) => {
    as(language);
    expect((await answerTo(pushConsumer)).settings?.backoffPolicy?.[arm]).toBeTruthy();
  });
});

describe('rule 5: what clients adopt literally', () => {
  it('is never 0', async () => {
    const publishing = (await answerTo(producer)).settings?.publishing;
    expect(publishing?.maxBodySize).toBe(GATEWAY_OPTIONS.maxMessageBytes);
    const subscription = (await answerTo(pushConsumer)).settings?.subscription;
    expect(subscription?.receiveBatchSize).toBeGreaterThan(0);
    expect(subscription?.longPollingTimeout?.seconds).toBeGreaterThan(0);
  });
});

describe('rule 6: a delivered message', () => {
  it('reaches the client exactly as the broker made it, between status and time of delivery', async () => {
    await client.call('SendMessage', { messages: [message('id-1')] });
    const parts = await client.receive({
      group,
      messageQueue: { topic, id: -1, broker: { name: 'broker-a' } },
      batchSize: 4,
      autoRenew: true,
      longPollingTimeout: seconds(1),
    });
    expect(
      parts.map((part) => (part.status ? 'status' : part.message ? 'message' : 'time')),
    ).toEqual(['status', 'message', 'time']);
    expect(parts[0]?.status?.code).toBe(Code.OK);
    const system = parts[1]?.message?.systemProperties;
    expect(system?.bodyDigest).toBeTruthy();
    expect(system?.messageId).toBe('id-1');
    expect(system?.receiptHandle).toBeTruthy();
    expect(system?.deliveryAttempt).toBe(1);
  });
});

describe('rule 7: routes', () => {
  it('list only masters, with broker id 0, and each broker from queue 0', async () => {
    const { messageQueues } = await client.call('QueryRoute', { topic });
    expect(messageQueues.every((queue) => queue.broker?.id === 0)).toBe(true);
    for (const name of ['broker-a', 'broker-b']) {
      const ids = messageQueues
        .filter((queue) => queue.broker?.name === name)
        .map((queue) => queue.id);
      expect(ids).toEqual([0, 1, 2, 3]);
    }
    expect(messageQueues[0]?.acceptMessageTypes).toEqual([MessageType.NORMAL]);
  });
});

describe('rule 8: stable routes', () => {
  it('come in the same order each time, with exactly one address for each broker', async () => {
    const first = await client.call('QueryRoute', { topic });
    const again = await client.call('QueryRoute', { topic });
    expect(again).toEqual(first);
    for (const queue of first.messageQueues)
      expect(queue.broker?.endpoints?.addresses).toHaveLength(1);
  });
});

describe('rule 9: the queue id of a send', () => {
  it('is not looked at by the gateway', async () => {
    const answer = await client.call('SendMessage', {
      messages: [message('id-1', { queueId: 4_711 })],
    });
    expect(answer.status?.code).toBe(Code.OK);
    expect(answer.entries).toHaveLength(1);
    expect(answer.entries[0]?.status?.code).toBe(Code.OK);
  });
});

describe('rule 10: a client without Settings', () => {
  it('is served like any other', async () => {
    await client.call('SendMessage', { messages: [message('id-1')] });
    const queue = { topic, id: -1, broker: { name: 'broker-a' } };
    const parts = await client.receive(
      { group, messageQueue: queue, batchSize: 1, invisibleDuration: seconds(30) },
      2_000,
    );
    expect(parts.some((part) => part.message)).toBe(true);
    const known = running.cluster.first.registrations.at(-1);
    expect(known?.group).toBe('billing');
    expect(known?.subscriptions.map((subscription) => subscription.topic)).toEqual(['orders']);
  });

  it('may send a heartbeat without any metadata, as Go does', async () => {
    client.headers = {};
    expect((await client.call('Heartbeat', {})).status?.code).toBe(Code.OK);
  });

  it('needs a client id for everything else', async () => {
    client.headers = {};
    expect((await client.call('QueryRoute', { topic })).status?.code).toBe(Code.CLIENT_ID_REQUIRED);
    expect((await client.call('SendMessage', { messages: [message('a')] })).status?.code).toBe(
      Code.CLIENT_ID_REQUIRED,
    );
  });
});

describe('rule 11: message size', () => {
  it('takes a body of 4 MiB less 64 KiB and refuses one byte more than 4 MiB', async () => {
    const send = async (bytes: number) =>
      (
        await client.call('SendMessage', {
          messages: [{ ...message('m'), body: Buffer.alloc(bytes) }],
        })
      ).status?.code;
    expect(await send(4 * 1024 * 1024 - 64 * 1024)).toBe(Code.OK);
    expect(await send(4 * 1024 * 1024)).toBe(Code.OK);
    expect(await send(4 * 1024 * 1024 + 1)).toBe(Code.MESSAGE_BODY_TOO_LARGE);
  });
});

describe('polling', () => {
  it('answers before a deadline that equals the polling time, as Rust sets it', async () => {
    await client.call('QueryRoute', { topic });
    const queue = { topic, id: -1, broker: { name: 'broker-a' } };
    const parts = await client.receive(
      { group, messageQueue: queue, batchSize: 1, autoRenew: true, longPollingTimeout: seconds(4) },
      // A tenth of it is kept for the way back, which on a busy machine may take long.
      4_000,
    );
    expect(parts[0]?.status?.code).toBe(Code.MESSAGE_NOT_FOUND);
  });

  it('wakes when a message arrives', async () => {
    await client.call('QueryRoute', { topic });
    const queue = { topic, id: -1, broker: { name: 'broker-a' } };
    const poll = client.receive(
      {
        group,
        messageQueue: queue,
        batchSize: 1,
        autoRenew: true,
        longPollingTimeout: seconds(20),
      },
      23_000,
    );
    await until(() => running.cluster.first.receives.length > 0);
    await client.call('SendMessage', { messages: [message('late')] });
    expect((await poll).some((part) => part.message?.systemProperties?.messageId === 'late')).toBe(
      true,
    );
  });

  it('ends when the node shuts down', async () => {
    await client.call('QueryRoute', { topic });
    const queue = { topic, id: -1, broker: { name: 'broker-a' } };
    const poll = client.receive({
      group,
      messageQueue: queue,
      batchSize: 1,
      autoRenew: true,
      longPollingTimeout: seconds(20),
    });
    await until(() => running.cluster.first.receives.length > 0);
    running.gateway.drain.begin();
    expect((await poll)[0]?.status?.code).toBe(Code.MESSAGE_NOT_FOUND);
  });
});

describe('bad input', () => {
  it('that is no protobuf is a BAD_REQUEST in the response, for every rpc that reads its request', async () => {
    const garbage = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f, 1]);
    const paths = [
      'QueryRoute',
      'SendMessage',
      'AckMessage',
      'QueryAssignment',
      'ChangeInvisibleDuration',
    ];
    for (const name of paths) {
      const answer = await client.raw(`/apache.rocketmq.v2.MessagingService/${name}`, garbage);
      // status { code: BAD_REQUEST } is the first field of every response.
      expect(answer.readUInt8(0)).toBe(0x0a);
      expect(answer.includes('cannot be decoded')).toBe(true);
    }
    const parts = await client.stream(
      '/apache.rocketmq.v2.MessagingService/ReceiveMessage',
      garbage,
      2_000,
    );
    expect(parts[0]?.includes('cannot be decoded')).toBe(true);
    expect(running.unexpected).toEqual([]);
  });
});

describe('sending', () => {
  it('answers one entry for each message, in order, each with its own status', async () => {
    const messages = ['a', 'b', 'c'].map((id) => message(id));
    const answer = await client.call('SendMessage', { messages });
    expect(answer.entries.map((entry) => entry.messageId)).toEqual(['a', 'b', 'c']);
    expect(answer.entries.every((entry) => entry.status?.code === Code.OK)).toBe(true);
  });

  it('refuses a type that the topic does not take, and says not implemented for one that is not built', async () => {
    const delay = { ...message('m', { deliveryTimestamp: seconds(4_000_000_000) }) };
    expect((await client.call('SendMessage', { messages: [delay] })).status?.code).toBe(
      Code.MESSAGE_PROPERTY_CONFLICT_WITH_TYPE,
    );
    for (const member of running.cluster.members)
      member.addTopic({ name: 'orders', type: 'MIXED' });
    const answer = await client.call('SendMessage', { messages: [delay] });
    expect(answer.status?.code).toBe(Code.NOT_IMPLEMENTED);
    expect(answer.entries.map((entry) => entry.status?.code)).toEqual([Code.NOT_IMPLEMENTED]);
  });

  it('refuses topics of the system, blank and missing ones', async () => {
    for (const name of ['TBW102', 'rmq_sys_x', '%RETRY%g', '%DLQ%g', 'a b', '']) {
      const answer = await client.call('SendMessage', {
        messages: [{ ...message('m'), topic: { name } }],
      });
      expect([name, answer.status?.code]).toEqual([name, Code.ILLEGAL_TOPIC]);
    }
  });
});

describe('admission', () => {
  it('answers TOO_MANY_REQUESTS at once when a client has too much in work', async () => {
    await running.close();
    running = await serveGateway({ admissionRequestsPerClient: 2 });
    client.close();
    client = new MessagingClient(running.port);
    let open = (): void => {};
    running.cluster.first.sendGate = new Promise((resolve) => (open = resolve));
    const held = [1, 2].map((i) => client.call('SendMessage', { messages: [message(`m${i}`)] }));
    await until(() => running.gateway.admission.requests === 2);
    expect((await client.call('SendMessage', { messages: [message('m3')] })).status?.code).toBe(
      Code.TOO_MANY_REQUESTS,
    );
    open();
    for (const answer of await Promise.all(held)) expect(answer.status?.code).toBe(Code.OK);
    expect(running.gateway.admission.requests).toBe(0);
  });
});
