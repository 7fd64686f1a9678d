import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type * as Definition from 'rocketmq-client-nodejs/proto/apache/rocketmq/v2/definition_pb.js';
import type * as ServiceClient from 'rocketmq-client-nodejs/proto/apache/rocketmq/v2/service_grpc_pb.js';
import type * as Service from 'rocketmq-client-nodejs/proto/apache/rocketmq/v2/service_pb.js';
import { bytesField, numberField } from '../../bench/protobuf.ts';
import { OrbitMqProcess } from '../support/orbitmq-process.ts';

/**
 * What no client's API can set or repeat, sent and read with the message classes that a published client was generated with:
 * an implementation of the protocol that is not ours.
 */

const require = createRequire(import.meta.url);
const folder = 'rocketmq-client-nodejs/proto/apache/rocketmq/v2';
const pb = require(`${folder}/definition_pb`) as typeof Definition;
const rpc = require(`${folder}/service_pb`) as typeof Service;
const { MessagingServiceClient } = require(`${folder}/service_grpc_pb`) as typeof ServiceClient;

const CODE_OK = 20_000;

let node: OrbitMqProcess;
let client: InstanceType<typeof MessagingServiceClient>;

beforeAll(async () => {
  node = await OrbitMqProcess.start({ flags: ['--group-start-position', 'earliest'] });
  connect();
}, 90_000);

afterAll(async () => {
  client.close();
  await node.dispose();
});

function connect(): void {
  client = new MessagingServiceClient(node.endpoint, credentials.createInsecure());
}

function metadata(): Metadata {
  const values = new Metadata();
  values.set('x-mq-client-id', 'codec@1@0@a');
  values.set('x-mq-language', 'JAVA');
  return values;
}

const resource = (name: string) => new pb.Resource().setName(name);

/** Times are well-known types of another package: they come in as bytes. */
const seconds = (field: number, value: number): Buffer => bytesField(field, numberField(1, value));
const BIRTH = bytesField(7, numberField(1, 1_700_000_000), numberField(2, 123_456_789));

function messageOf(topic: string, messageId: string, body: Buffer) {
  const properties = pb.SystemProperties.deserializeBinary(BIRTH)
    .setMessageId(messageId)
    .setMessageType(pb.MessageType.NORMAL)
    .setBodyEncoding(pb.Encoding.IDENTITY)
    .setBornHost('host.example');
  return new pb.Message().setTopic(resource(topic)).setBody(body).setSystemProperties(properties);
}

function send(...messages: ReturnType<typeof messageOf>[]): Promise<Service.SendMessageResponse> {
  const request = new rpc.SendMessageRequest().setMessagesList(messages);
  return new Promise((resolve, reject) => {
    client.sendMessage(
      request,
      metadata(),
      { deadline: Date.now() + 10_000 },
      (error, response) => {
        if (error) reject(error);
        else resolve(response);
      },
    );
  });
}

async function receive(
  topic: string,
  group: string,
  pollSeconds = 2,
): Promise<Definition.Message[]> {
  const queue = new pb.MessageQueue().setTopic(resource(topic)).setId(-1);
  const filter = new pb.FilterExpression().setType(pb.FilterType.TAG).setExpression('*');
  const times = Buffer.concat([seconds(5, 600), seconds(7, pollSeconds)]);
  const request = rpc.ReceiveMessageRequest.deserializeBinary(times)
    .setGroup(resource(group))
    .setMessageQueue(queue)
    .setFilterExpression(filter)
    .setBatchSize(32);
  const messages: Definition.Message[] = [];
  const stream = client.receiveMessage(request, metadata(), { deadline: Date.now() + 10_000 });
  for await (const part of stream as AsyncIterable<Service.ReceiveMessageResponse>) {
    const message = part.getMessage();
    if (message) messages.push(message);
  }
  return messages;
}

describe('a message on the wire', () => {
  it('keeps trace context, birth to the nanosecond, encoding, keys in their order and properties', async () => {
    const body = gzipSync('compressed by the sender');
    const message = messageOf('codec-fields', '01AABBCCDDEEFF00112233445566778899', body);
    const sent = message.getSystemProperties() as Definition.SystemProperties;
    sent
      .setTag('T')
      .setKeysList(['z', 'a', 'm'])
      .setTraceContext('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
      .setBodyEncoding(pb.Encoding.GZIP);
    message.getUserPropertiesMap().set('κλειδί', 'τιμή').set('empty', '');
    expect((await send(message)).getStatus()?.getCode()).toBe(CODE_OK);
    const [received] = await receive('codec-fields', 'codec-group');
    const properties = received?.getSystemProperties()?.toObject();
    expect(properties).toMatchObject({
      tag: 'T',
      keysList: ['z', 'a', 'm'],
      messageId: '01AABBCCDDEEFF00112233445566778899',
      bornHost: 'host.example',
      bornTimestamp: { seconds: 1_700_000_000, nanos: 123_456_789 },
      traceContext: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      bodyEncoding: pb.Encoding.GZIP,
      deliveryAttempt: 1,
    });
    expect(Buffer.from(received?.getBody_asU8() ?? []).equals(body)).toBe(true);
    expect(new Map(received?.getUserPropertiesMap().entries())).toEqual(
      new Map([
        ['κλειδί', 'τιμή'],
        ['empty', ''],
      ]),
    );
  });

  it('of a batch gets an entry of its own, in the order of the request', async () => {
    const ids = ['01AA000000000000000000000000000001', '01AA000000000000000000000000000002'];
    const response = await send(...ids.map((id) => messageOf('codec-batch', id, Buffer.from(id))));
    expect(response.getEntriesList().map((entry) => entry.getMessageId())).toEqual(ids);
    expect(response.getEntriesList().map((entry) => entry.getStatus()?.getCode())).toEqual([
      CODE_OK,
      CODE_OK,
    ]);
    const received = await receive('codec-batch', 'codec-group');
    expect(received.map((message) => message.getSystemProperties()?.getMessageId()).sort()).toEqual(
      ids,
    );
  });
});

describe('a send that is repeated', () => {
  it('gets the first receipt and is stored once, also after a crash', async () => {
    const message = messageOf(
      'codec-repeat',
      '01BB000000000000000000000000000001',
      Buffer.from('once'),
    );
    const other = messageOf('codec-repeat', '01BB000000000000000000000000000002', Buffer.from('x'));
    const first = await send(message);
    await send(other);
    const second = await send(message);
    client.close();
    await node.restart();
    connect();
    const third = await send(message);
    const receipts = [first, second, third].map((response) =>
      response.getEntriesList()[0]?.toObject(),
    );
    expect(receipts[0]?.status?.code).toBe(CODE_OK);
    expect(receipts[1]).toEqual(receipts[0]);
    expect(receipts[2]).toEqual(receipts[0]);
    const received = await receive('codec-repeat', 'codec-group');
    received.push(...(await receive('codec-repeat', 'codec-group', 1)));
    expect(received.map((each) => Buffer.from(each.getBody_asU8()).toString()).sort()).toEqual([
      'once',
      'x',
    ]);
  }, 90_000);
});
