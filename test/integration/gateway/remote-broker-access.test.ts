import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { nodeEnvironment } from '../../../common/environment/node/node-environment.ts';
import { hasErrorCode } from '../../../common/errors/mq-error.ts';
import { GrpcChannel } from '../../../common/rpc/grpc-channel.ts';
import { wasNeverSent } from '../../../common/rpc/rpc-error.ts';
import type { BrokerAccess, BrokerRoute, Cluster } from '../../../gateway/broker-access.ts';
import { RemoteBrokerAccess } from '../../../gateway/remote-broker-access.ts';
import { RemoteConfiguration } from '../../../gateway/remote-configuration.ts';
import { ClientType, Code, type ISettings } from '../../../proto/generated/v2.ts';
import { type FakeCluster } from '../../support/fake-cluster.ts';
import {
  serveGateway,
  serveGatewayOver,
  type RunningGateway,
} from '../../support/gateway-server.ts';
import { freePort } from '../../support/free-port.ts';
import { MessagingClient } from '../../support/messaging-client.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A gateway without a broker of its own in front of a node that has one: as a NameServer in front of a broker. */

const topic = { name: 'orders' };
const group = { name: 'billing' };
const until = (isTrue: () => boolean) =>
  waitFor('the condition', 5_000, () => (isTrue() ? true : undefined));

let owner: RunningGateway;
let front: Omit<RunningGateway, 'cluster'>;
let channel: GrpcChannel;
let client: MessagingClient;

class RemoteCluster implements Cluster {
  readonly #remote: BrokerAccess;
  readonly #known: FakeCluster;

  constructor(remote: BrokerAccess, known: FakeCluster) {
    this.#remote = remote;
    this.#known = known;
  }

  routes(name: string): Promise<readonly BrokerRoute[]> {
    return this.#known.routes(name);
  }

  group(name: string) {
    return this.#known.group(name);
  }

  broker(name: string): BrokerAccess | undefined {
    return name === this.#remote.brokerName ? this.#remote : undefined;
  }

  brokers(): readonly BrokerAccess[] {
    return [this.#remote];
  }
}

beforeEach(async () => {
  owner = await serveGateway();
  const { clock } = nodeEnvironment();
  channel = new GrpcChannel(
    {
      host: '127.0.0.1',
      port: owner.port,
      trust: { kind: 'insecure-tls' },
      inboundMessageBytesMax: 8 * 1024 * 1024,
    },
    clock,
  );
  const remote = new RemoteBrokerAccess(
    'broker-a',
    channel,
    new RemoteConfiguration(channel, 2_000),
    {
      requestTimeoutMs: 2_000,
      receiveBytesMax: 64 * 1024 * 1024,
    },
  );
  front = await serveGatewayOver(new RemoteCluster(remote, owner.cluster), undefined);
  client = new MessagingClient(front.port);
});

afterEach(async () => {
  client.close();
  channel.close();
  await front.close();
  await owner.close();
});

describe('a gateway in front of a broker on another node', () => {
  it('passes sends, receives, acknowledgements and changes on, and their answers back', async () => {
    const messages = [{ topic, body: Buffer.from('hello'), systemProperties: { messageId: 'm1' } }];
    expect((await client.call('SendMessage', { messages })).entries[0]?.messageId).toBe('m1');
    const parts = await client.receive({
      group,
      messageQueue: { topic, id: -1, broker: { name: 'broker-a' } },
      batchSize: 1,
      autoRenew: true,
      longPollingTimeout: { seconds: 1 },
    });
    const received = parts.find((part) => part.message)?.message;
    expect(Buffer.from(received?.body ?? []).toString()).toBe('hello');
    const receiptHandle = received?.systemProperties?.receiptHandle ?? '';
    const change = { group, topic, receiptHandle, invisibleDuration: { seconds: 30 } };
    expect((await client.call('ChangeInvisibleDuration', change)).status?.code).toBe(Code.OK);
    const ack = await client.call('AckMessage', {
      group,
      topic,
      entries: [{ messageId: 'm1', receiptHandle }],
    });
    expect(ack.status?.code).toBe(Code.OK);
    expect(owner.cluster.first.acks).toHaveLength(1);
  });

  it('makes its clients known to the broker, and their end', async () => {
    const settings: ISettings = {
      clientType: ClientType.PUSH_CONSUMER,
      subscription: { group, subscriptions: [{ topic, expression: { expression: 'a' } }] },
    };
    const stream = client.telemetry();
    stream.settings(settings);
    const known = () => owner.cluster.first.registrations;
    await until(() => known().length === 1);
    expect(known()[0]).toMatchObject({
      clientId: client.headers['x-mq-client-id'],
      language: 'JAVA',
      group: 'billing',
      subscriptions: [{ topic: 'orders', filter: { expression: 'a' } }],
    });
    await client.call('Heartbeat', { group, clientType: ClientType.PUSH_CONSUMER });
    await until(() => known().length === 2);
    expect(known()[1]?.subscriptions).toHaveLength(1);
    await client.call('NotifyClientTermination', { group });
    await until(() => owner.cluster.first.removedClients.length === 1);
    stream.stream.end();
  });

  it('ends a wait at the broker when the client goes away', async () => {
    const queue = { topic, id: -1, broker: { name: 'broker-a' } };
    const request = {
      group,
      messageQueue: queue,
      batchSize: 1,
      autoRenew: true,
      longPollingTimeout: { seconds: 20 },
    };
    const poll = client.cancellableReceive(request);
    await until(() => owner.gateway.admission.waitingReceives === 1);
    poll.cancel();
    await until(() => owner.gateway.admission.waitingReceives === 0);
  });

  it('answers that the broker cannot be reached when it cannot', async () => {
    await owner.close();
    const answer = await client.call('SendMessage', {
      messages: [{ topic, body: Buffer.from('x'), systemProperties: { messageId: 'm' } }],
    });
    expect([Code.HA_NOT_AVAILABLE, Code.PROXY_TIMEOUT]).toContain(answer.status?.code);
    expect(front.unexpected.filter((error) => !hasErrorCode(error, 'forward-failed'))).toEqual([]);
  });
});

describe('a call to a port where nobody listens', () => {
  it('is known never to have been sent', async () => {
    const channel = new GrpcChannel(
      {
        ...{ host: '127.0.0.1', port: await freePort(), inboundMessageBytesMax: 1_024 },
        trust: { kind: 'plaintext' },
      },
      nodeEnvironment().clock,
    );
    const call = channel.unary('/a/b', Buffer.alloc(0), { deadlineMs: 5_000, metadata: {} });
    await expect(call.catch(wasNeverSent)).resolves.toBe(true);
    channel.close();
  });
});

describe('a push consumer on Node', () => {
  it('has its failing message delayed by the policy of the group, not by a thousandth of it', async () => {
    client.headers = { ...client.headers, 'x-mq-language': 'HTTP' };
    const stream = client.telemetry();
    stream.settings({ clientType: ClientType.PUSH_CONSUMER, subscription: { group } });
    await until(() => stream.received.length > 0);
    const change = (attempt: number) =>
      client.call('ChangeInvisibleDuration', {
        group,
        topic,
        receiptHandle: owner.cluster.first.handle(attempt),
        invisibleDuration: { nanos: 5_000_000 },
      });
    await change(1);
    await change(3);
    const asked = owner.cluster.first.changes.map((request) => request.invisibleDuration?.seconds);
    expect(asked).toEqual([1, 10]);
    stream.stream.end();
  });
});
