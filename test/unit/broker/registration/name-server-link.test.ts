import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EXPIRY_MS, INTERVAL_MS, RegistrationWorld } from '../../../support/registration-world.ts';

/** Long enough for every backoff, resync and expiry. */
const SETTLED_MS = 4 * EXPIRY_MS;

describe('NameServerLink', () => {
  it('tells all topics and groups once, then only what changes', () => {
    const world = new RegistrationWorld();
    for (let i = 0; i < 100; i++) world.broker.setTopic(`topic-${i}`, 8);
    world.broker.setGroup('group', 17);
    world.time.advance(2 * INTERVAL_MS);
    const [end] = world.nameServers;
    expect(end!.topics()).toHaveLength(100);
    expect(end!.groups()).toEqual(world.broker.groupTexts());
    const before = end!.receivedBytes.length;
    world.broker.setTopic('topic-7', 16);
    world.time.advance(50);
    expect(end!.topics()).toEqual(world.broker.topicTexts());
    expect(end!.receivedBytes.slice(before).every((bytes) => bytes < 200)).toBe(true);
  });

  it('sends steady frames under 200 bytes, however many topics there are', () => {
    const world = new RegistrationWorld();
    for (let i = 0; i < 10_000; i++) world.broker.setTopic(`a-topic-with-a-usual-name-${i}`, 8);
    world.time.advance(SETTLED_MS);
    const { receivedBytes } = world.nameServers[0]!;
    const before = receivedBytes.length;
    world.time.advance(10 * INTERVAL_MS);
    const steady = receivedBytes.slice(before);
    expect(steady).toHaveLength(10);
    expect(Math.max(...steady)).toBeLessThan(200);
    expect(Math.max(...receivedBytes)).toBeLessThan(1024 * 1024);
    expect(world.nameServers[0]!.topics()).toHaveLength(10_000);
  });

  it('sends only what was missed when it reconnects', () => {
    const world = new RegistrationWorld();
    for (let i = 0; i < 2_000; i++) world.broker.setTopic(`topic-${i}`, 8);
    world.time.advance(SETTLED_MS);
    const [end] = world.nameServers;
    end!.cut();
    world.broker.removeTopic('topic-1');
    const before = end!.receivedBytes.length;
    world.time.advance(SETTLED_MS);
    expect(end!.topics()).toEqual(world.broker.topicTexts());
    expect(Math.max(...end!.receivedBytes.slice(before))).toBeLessThan(200);
  });

  it('sends everything when more was missed than the journal keeps', () => {
    const world = new RegistrationWorld(1, { keptChanges: 10 });
    world.broker.setTopic('first', 8);
    world.time.advance(SETTLED_MS);
    const [end] = world.nameServers;
    end!.isPartitioned = true;
    for (let i = 0; i < 100; i++) world.broker.setTopic(`topic-${i}`, 8);
    world.broker.removeTopic('first');
    end!.isPartitioned = false;
    world.time.advance(SETTLED_MS);
    expect(end!.topics()).toEqual(world.broker.topicTexts());
  });

  it('registers again at a NameServer that has started anew, without a line for each attempt', () => {
    const world = new RegistrationWorld();
    world.broker.setTopic('topic', 8);
    world.time.advance(SETTLED_MS);
    const [end] = world.nameServers;
    end!.kill();
    world.time.advance(60_000);
    end!.start();
    world.time.advance(2_500);
    expect(end!.isBrokerUp).toBe(true);
    expect(end!.topics()).toEqual(world.broker.topicTexts());
    expect(world.brokerLog.lines.map(({ level }) => level)).toEqual(['info', 'warn', 'info']);
  });

  it('gives a NameServer up that no longer answers, and finds it again', () => {
    const world = new RegistrationWorld();
    world.time.advance(SETTLED_MS);
    const [end] = world.nameServers;
    end!.isPartitioned = true;
    world.time.advance(EXPIRY_MS + 2 * INTERVAL_MS);
    expect(world.broker.isRegistered[0]).toBe(false);
    expect(end!.isBrokerUp).toBe(false);
    end!.isPartitioned = false;
    world.time.advance(SETTLED_MS);
    expect(world.broker.isRegistered[0]).toBe(true);
    expect(end!.isBrokerUp).toBe(true);
  });

  it('leaves the routes at once when it stops, and only after the expiry when it dies', async () => {
    const world = new RegistrationWorld(2);
    world.broker.setTopic('topic', 8);
    world.time.advance(SETTLED_MS);
    world.restartBroker();
    world.time.advance(SETTLED_MS);
    world.broker.kill();
    world.time.advance(EXPIRY_MS - INTERVAL_MS);
    expect(world.nameServers.map(({ isBrokerUp }) => isBrokerUp)).toEqual([true, true]);
    world.time.advance(2 * INTERVAL_MS);
    expect(world.nameServers.map(({ isBrokerUp }) => isBrokerUp)).toEqual([false, false]);
    world.restartBroker();
    world.time.advance(SETTLED_MS);
    expect(world.nameServers.map(({ isBrokerUp }) => isBrokerUp)).toEqual([true, true]);
    const stopped = world.broker.registration.stop();
    world.time.advance(10);
    await stopped;
    expect(world.nameServers.map(({ isBrokerUp }) => isBrokerUp)).toEqual([false, false]);
  });

  it('does not wait for long when it stops and nobody answers', async () => {
    const world = new RegistrationWorld();
    world.time.advance(SETTLED_MS);
    world.nameServers[0]!.isPartitioned = true;
    const stopped = world.broker.registration.stop();
    world.time.advance(500);
    await stopped;
    const { waiting } = world.time;
    world.time.advance(60_000);
    expect(world.time.waiting).toBeLessThanOrEqual(waiting);
  });

  it('ends with the truth of the broker at every NameServer, whatever happens on the way', () => {
    const server = fc.nat(1);
    const step = fc.oneof(
      fc.record({ do: fc.constant('topic' as const), name: fc.nat(7), queues: fc.nat(4) }),
      fc.record({ do: fc.constant('group' as const), name: fc.nat(3), attempts: fc.nat(4) }),
      fc.record({
        do: fc.constant('fault' as const),
        server,
        fault: fc.constantFrom('lose', 'double', 'delay'),
      }),
      fc.record({
        do: fc.constantFrom(
          'cut' as const,
          'partition' as const,
          'kill' as const,
          'start' as const,
        ),
        server,
      }),
      fc.record({ do: fc.constant('restart broker' as const) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.oneof(fc.nat(20), fc.nat(8_000)) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const world = new RegistrationWorld(2, { keptChanges: 3 });
        for (const action of steps) take(world, action);
        for (const end of world.nameServers) {
          end.isPartitioned = false;
          end.faults.length = 0;
          if (end.service === undefined) end.start();
        }
        world.time.advance(SETTLED_MS);
        for (const end of world.nameServers) {
          expect(end.isBrokerUp).toBe(true);
          expect(end.topics()).toEqual(world.broker.topicTexts());
          expect(end.groups()).toEqual(world.broker.groupTexts());
        }
      }),
      { numRuns: 300 },
    );
  });
});

type Step =
  | { do: 'topic'; name: number; queues: number }
  | { do: 'group'; name: number; attempts: number }
  | { do: 'fault'; server: number; fault: 'lose' | 'double' | 'delay' }
  | { do: 'cut' | 'partition' | 'kill' | 'start'; server: number }
  | { do: 'restart broker' }
  | { do: 'wait'; ms: number };

function take(world: RegistrationWorld, step: Step): void {
  if (step.do === 'topic') {
    if (step.queues === 0) world.broker.removeTopic(`t${step.name}`);
    else world.broker.setTopic(`t${step.name}`, step.queues);
  } else if (step.do === 'group') {
    if (step.attempts === 0) world.broker.removeGroup(`g${step.name}`);
    else world.broker.setGroup(`g${step.name}`, step.attempts);
  } else if (step.do === 'restart broker') world.restartBroker();
  else if (step.do === 'wait') world.time.advance(step.ms);
  else {
    const end = world.nameServers[step.server]!;
    if (step.do === 'fault') end.faults.push(step.fault);
    if (step.do === 'cut') end.cut();
    if (step.do === 'partition') end.isPartitioned = !end.isPartitioned;
    if (step.do === 'kill') end.kill();
    if (step.do === 'start' && end.service === undefined) end.start();
  }
}
