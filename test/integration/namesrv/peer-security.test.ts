import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createSelfSigned } from '../../../common/rpc/certificate.ts';
import { nodeEnvironment } from '../../../common/environment/node/node-environment.ts';
import { GrpcChannel } from '../../../common/rpc/grpc-channel.ts';
import { GRPC_STATUS, rpcStatusOf } from '../../../common/rpc/rpc-error.ts';
import { Code } from '../../../proto/generated/v2.ts';
import { MessagingClient } from '../../support/messaging-client.ts';
import { OrbitMqProcess } from '../../support/orbitmq-process.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A NameServer and brokers that know each other by a secret and speak TLS. Each test leaves the first two running. */

const HEARTBEATS = ['--heartbeat-interval', '200ms', '--heartbeat-expiry', '2s'];
const directory = mkdtempSync(join(tmpdir(), 'orbitmq-peers-'));
const file = (name: string): string => join(directory, name);
const TLS = [
  ...['--tls-cert-file', file('node.crt'), '--tls-key-file', file('node.key')],
  ...['--peer-tls', 'tls', '--peer-ca-file', file('node.crt')],
];
const SECRET = ['--peer-secret-file', file('secret')];

let nameServer: OrbitMqProcess;
let client: MessagingClient;
const brokers: OrbitMqProcess[] = [];

async function startBroker(name: string, trust: readonly string[]): Promise<OrbitMqProcess> {
  const flags = ['--broker-name', name, '--namesrv', nameServer.endpoint, '--auto-create-topics'];
  const broker = await OrbitMqProcess.start({
    role: 'broker',
    flags: [...flags, ...HEARTBEATS, ...trust],
  });
  brokers.push(broker);
  return broker;
}

async function brokersOf(topic: string): Promise<string[]> {
  const { messageQueues } = await client.call('QueryRoute', { topic: { name: topic } });
  return [...new Set(messageQueues.map(({ broker }) => broker?.name ?? ''))];
}

const logged = (node: OrbitMqProcess, text: string): Promise<true> =>
  waitFor(`"${text}" in the log`, 20_000, () => (node.log.includes(text) ? true : undefined));

beforeAll(async () => {
  const pair = await createSelfSigned(['127.0.0.1'], Date.now());
  writeFileSync(file('node.crt'), pair.certificatePem);
  writeFileSync(file('node.key'), pair.privateKeyPem);
  writeFileSync(file('secret'), 'the secret of this cluster\n');
  writeFileSync(file('wrong'), 'the secret of another one\n');
  nameServer = await OrbitMqProcess.start({
    role: 'namesrv',
    flags: [...HEARTBEATS, ...SECRET, ...TLS],
  });
  client = new MessagingClient(nameServer.port);
  await startBroker('broker-a', [...SECRET, ...TLS]);
}, 120_000);

afterAll(async () => {
  client.close();
  await Promise.all([nameServer, ...brokers].map((node) => node.dispose()));
  rmSync(directory, { recursive: true, force: true });
}, 60_000);

describe('nodes with a secret and TLS between them', () => {
  it('find each other, and forward for clients that have neither', async () => {
    const topic = { name: 'orders' };
    await waitFor('the broker in the routes', 20_000, async () =>
      (await brokersOf('orders')).includes('broker-a') ? true : undefined,
    );
    const messages = [{ topic, body: Buffer.from('hello'), systemProperties: { messageId: 'm1' } }];
    const sent = await client.call('SendMessage', { messages });
    expect(sent.status?.code).toBe(Code.OK);
  });

  it('refuse one with another secret, and both say so', async () => {
    const stranger = await startBroker('broker-x', ['--peer-secret-file', file('wrong'), ...TLS]);
    await logged(nameServer, 'a call that only a node of this cluster may make was refused');
    await logged(nameServer, 'its signature does not fit our secret');
    await logged(stranger, 'another node refused us');
    expect(await brokersOf('orders')).toEqual(['broker-a']);
  });

  it('refuse one that speaks plaintext to them', async () => {
    const plain = await startBroker('broker-y', SECRET);
    await logged(plain, 'it came without TLS, and peer-tls is on here');
    expect(await brokersOf('orders')).toEqual(['broker-a']);
  });

  it('do not start with a secret that is too short', async () => {
    writeFileSync(file('short'), 'short');
    await expect(startBroker('broker-z', ['--peer-secret-file', file('short')])).rejects.toThrow(
      '16 are the least',
    );
  });

  it('take no registration from a stranger, not even one that speaks TLS', async () => {
    const { clock } = nodeEnvironment();
    const trust = { kind: 'insecure-tls' } as const;
    const channel = new GrpcChannel(
      { host: '127.0.0.1', port: nameServer.port, trust, inboundMessageBytesMax: 1_024 },
      clock,
    );
    try {
      const path = '/orbitmq.v1.NameServer/RegisterBroker';
      const call = channel.exchange(path, new Uint8Array(), { deadlineMs: 5_000, metadata: {} });
      const status = await call.then(() => undefined, rpcStatusOf);
      expect(status).toBe(GRPC_STATUS.unauthenticated);
    } finally {
      channel.close();
    }
  });
});
