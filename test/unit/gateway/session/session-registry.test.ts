import { describe, expect, it } from '@jest/globals';
import { hasErrorCode } from '../../../../common/errors/mq-error.ts';
import type { ClientContext } from '../../../../gateway/broker-access.ts';
import { SessionRegistry } from '../../../../gateway/session/session-registry.ts';
import { ClientType } from '../../../../proto/generated/v2.ts';
import { FakeBroker } from '../../../support/fake-cluster.ts';
import { ManualTime } from '../../../support/manual-time.ts';

const EXPIRY_MS = 60_000;

function client(clientId: string, headers: Record<string, string> = {}): ClientContext {
  return {
    clientId,
    language: 'JAVA',
    clientVersion: '5.0.7',
    namespace: '',
    peer: '127.0.0.1:1',
    remainingMs: undefined,
    signal: new AbortController().signal,
    metadata: (name) => headers[name],
  };
}

function create(sessionsMax = 10) {
  const time = new ManualTime();
  const own = new FakeBroker('own');
  const other = new FakeBroker('other');
  const registry = new SessionRegistry(
    { clientExpiryMs: EXPIRY_MS, sessionsMax },
    { clock: time, timers: time },
    (isForwarded) => (isForwarded ? [own] : [own, other]),
    () => {},
  );
  registry.start();
  return { time, own, other, registry };
}

const stream = { repeatSettings: () => {}, clientStarted: () => {} };

describe('the sessions of a gateway', () => {
  it('end when neither a stream nor a sign of life was there for the expiry', () => {
    const { time, own, registry } = create();
    registry.open(client('c'), ClientType.PUSH_CONSUMER);
    time.advance(EXPIRY_MS - 1);
    expect(registry.count).toBe(1);
    time.advance(EXPIRY_MS / 2);
    expect(registry.count).toBe(0);
    expect(own.removedClients).toEqual(['c']);
  });

  it('live as long as a stream is open', () => {
    const { time, registry } = create();
    const session = registry.open(client('c'), ClientType.PUSH_CONSUMER);
    session.streams.add(stream);
    time.advance(10 * EXPIRY_MS);
    expect(registry.count).toBe(1);
  });

  it('live as long as heartbeats come', () => {
    const { time, registry } = create();
    for (let i = 0; i < 20; i += 1) {
      registry.open(client('c'), ClientType.PUSH_CONSUMER);
      time.advance(EXPIRY_MS / 2);
    }
    expect(registry.count).toBe(1);
  });

  it('are bounded; a known client is never refused', () => {
    const { registry } = create(2);
    registry.open(client('a'), ClientType.PRODUCER);
    registry.open(client('b'), ClientType.PRODUCER);
    let error: unknown;
    try {
      registry.open(client('c'), ClientType.PRODUCER);
    } catch (thrown) {
      error = thrown;
    }
    expect(hasErrorCode(error, 'too-many-requests')).toBe(true);
    registry.open(client('a'), ClientType.PRODUCER);
  });

  it('learn subscriptions from the receives of a client that lost its Settings', () => {
    const { own, registry } = create();
    registry.received(client('c'), 'g', 'orders', { expression: '*' });
    registry.received(client('c'), 'g', 'orders', { expression: '*' });
    registry.received(client('c'), 'g', 'refunds', { expression: 'a' });
    expect(own.registrations).toHaveLength(2);
    expect(own.registrations[1]).toMatchObject({
      group: 'g',
      subscriptions: [{ topic: 'orders' }, { topic: 'refunds' }],
    });
  });

  it('tell all brokers of a client, but only the own one of what another gateway passed on', () => {
    const { own, other, registry } = create();
    registry.announce(registry.open(client('a'), ClientType.PRODUCER));
    registry.announce(
      registry.open(client('b', { 'x-orbitmq-forwarded': '1' }), ClientType.PRODUCER),
    );
    expect(own.registrations.map((registration) => registration.clientId)).toEqual(['a', 'b']);
    expect(other.registrations.map((registration) => registration.clientId)).toEqual(['a']);
  });
});

describe('a broker that has just taken over', () => {
  it('is told of all sessions, some at a time', () => {
    const { time, own, registry } = create(1_000);
    for (let i = 0; i < 450; i += 1) registry.open(client(`c${i}`), ClientType.PUSH_CONSUMER);
    registry.announceAll();
    expect(own.registrations.length).toBe(200);
    time.advance(100);
    expect(own.registrations.length).toBe(450);
  });

  it('is told from the beginning when another one takes over meanwhile', () => {
    const { time, own, registry } = create(1_000);
    for (let i = 0; i < 300; i += 1) registry.open(client(`c${i}`), ClientType.PUSH_CONSUMER);
    registry.announceAll();
    registry.announceAll();
    time.advance(100);
    expect(own.registrations.length).toBe(500);
  });
});
