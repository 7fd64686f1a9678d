import { describe, expect, it } from '@jest/globals';
import type { TopicConfig } from '../../../common/model/topic.ts';
import { ANY_QUEUE, assignments } from '../../../gateway/assignment.ts';
import type { BrokerRoute } from '../../../gateway/broker-access.ts';
import { endpointsOf, routeQueues } from '../../../gateway/route.ts';
import { AddressScheme, MessageType, Permission } from '../../../proto/generated/v2.ts';

const topic: TopicConfig = {
  name: 'orders',
  type: 'MIXED',
  queueCount: 2,
  permission: 'READ_WRITE',
  retentionMs: undefined,
};
const route = (brokerName: string, changes: Partial<TopicConfig> = {}): BrokerRoute => ({
  brokerName,
  host: 'mq.example',
  port: 8081,
  topic: { ...topic, ...changes },
});

describe('a route', () => {
  it('lists all queues broker by broker, from queue 0', () => {
    const queues = routeQueues({ name: 'orders' }, [route('a'), route('b', { queueCount: 1 })]);
    expect(queues.map((queue) => [queue.broker?.name, queue.id])).toEqual([
      ['a', 0],
      ['a', 1],
      ['b', 0],
    ]);
  });

  it('gives the topic back as the client wrote it, its permission and types', () => {
    const [queue] = routeQueues({ name: 'orders', resourceNamespace: 'ns' }, [
      route('a', { permission: 'READ' }),
    ]);
    expect(queue?.topic).toEqual({ name: 'orders', resourceNamespace: 'ns' });
    expect(queue?.permission).toBe(Permission.READ);
    expect(queue?.acceptMessageTypes).toEqual([
      MessageType.NORMAL,
      MessageType.FIFO,
      MessageType.DELAY,
      MessageType.TRANSACTION,
    ]);
  });

  it.each([
    ['mq.example', AddressScheme.DOMAIN_NAME],
    ['localhost', AddressScheme.DOMAIN_NAME],
    ['10.0.0.1', AddressScheme.IPv4],
    ['::1', AddressScheme.IPv6],
  ])('has one address, of the scheme that %s is', (host, scheme) => {
    expect(endpointsOf(host, 1)).toEqual({ scheme, addresses: [{ host, port: 1 }] });
  });
});

describe('assignments', () => {
  const ids = (isOrdered: boolean, ...routes: BrokerRoute[]) =>
    assignments({ name: 'orders' }, routes, isOrdered).map(({ messageQueue }) => [
      messageQueue?.broker?.name,
      messageQueue?.id,
    ]);

  it('are one for each broker for an ordinary group', () => {
    expect(ids(false, route('a'), route('b'))).toEqual([
      ['a', ANY_QUEUE],
      ['b', ANY_QUEUE],
    ]);
  });

  it('are one for each queue for an ordered group', () => {
    expect(ids(true, route('a'), route('b', { queueCount: 1 }))).toEqual([
      ['a', 0],
      ['a', 1],
      ['b', 0],
    ]);
  });

  it('leave out brokers that may not be read from', () => {
    expect(ids(false, route('a', { permission: 'WRITE' }), route('b'))).toEqual([['b', ANY_QUEUE]]);
  });
});
