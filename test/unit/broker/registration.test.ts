import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EXPIRY_MS, INTERVAL_MS, RegistrationWorld } from '../../support/registration-world.ts';

/** Long enough for every backoff, resync and expiry; ends between two heartbeats. */
const SETTLED_MS = 4 * EXPIRY_MS + 500;
/** Within the time in which a NameServer that has started does not answer yet for what it does not know. */
const FOUND_WITHIN_MS = EXPIRY_MS / 2;

/** Time passes in steps, so that promises of resolvers settle in between. */
async function pass(world: RegistrationWorld, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    world.time.advance(Math.min(500, ms - passed));
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
}

function targetAt({ nameServers }: RegistrationWorld, i = 0): string | undefined {
  return nameServers[i]!.service?.registry.broker('b')?.master?.hello.memberAddress.host;
}

/** A master m1 of epoch 1 and a slave m2, instead of the group of one. */
function pair(nameServers = 1): {
  world: RegistrationWorld;
  m1: RegistrationWorld['broker'];
  m2: RegistrationWorld['broker'];
} {
  const world = new RegistrationWorld(nameServers);
  world.broker.kill();
  const m1 = world.addMember({ memberName: 'm1', epoch: 1 });
  const m2 = world.addMember({ memberName: 'm2', epoch: 1, isSlave: true }, m1.topics, m1.groups);
  world.broker = m1;
  return { world, m1, m2 };
}

describe('a change of role', () => {
  it('is said at once at every NameServer, and nothing that clients see goes away in between', () => {
    const { world, m1, m2 } = pair(2);
    for (let i = 0; i < 2_000; i++) m1.setTopic(`topic-${i}`, 8);
    world.time.advance(SETTLED_MS);
    expect([targetAt(world, 0), targetAt(world, 1)]).toEqual(['m1.example', 'm1.example']);
    m1.kill();
    m2.become({ epoch: 2, isSlave: false });
    world.time.advance(5);
    expect([targetAt(world, 0), targetAt(world, 1)]).toEqual(['m2.example', 'm2.example']);
    for (const end of world.nameServers) {
      expect(end.isBrokerUp).toBe(true);
      expect(end.topics()).toHaveLength(2_000);
    }
    m2.setTopic('of the new master', 1);
    world.time.advance(INTERVAL_MS);
    for (const end of world.nameServers) expect(end.topics()).toEqual(m2.topicTexts());
  });

  it('needs none of what a slave would have to say of its topics', () => {
    const { world, m1, m2 } = pair();
    m1.kill();
    m2.setTopic('topic', 8);
    world.time.advance(SETTLED_MS);
    expect(m2.isRegistered).toEqual([true]);
    expect(world.nameServers[0]!.topics()).toEqual([]);
    const { receivedBytes } = world.nameServers[0]!;
    const before = receivedBytes.length;
    world.time.advance(10 * INTERVAL_MS);
    expect(receivedBytes.slice(before)).toHaveLength(10);
    expect(Math.max(...receivedBytes.slice(before))).toBeLessThan(200);
  });

  it('that is none is not told', () => {
    const { world, m1 } = pair();
    world.time.advance(SETTLED_MS);
    const { receivedBytes } = world.nameServers[0]!;
    m1.heard.length = 0;
    const before = receivedBytes.length;
    m1.become({ epoch: 1, isSlave: false });
    world.time.advance(10);
    expect(receivedBytes).toHaveLength(before);
    expect(m1.heard).toEqual([]);
  });
});

describe('an isolated old master', () => {
  it('hears of the higher epoch from any NameServer that it still reaches, and leads nowhere from then on', () => {
    const { world, m1, m2 } = pair(2);
    m1.setTopic('topic', 8);
    world.time.advance(SETTLED_MS);
    // The second NameServer is cut off with the old master, while the first one hears the new one.
    world.nameServers[1]!.isPartitioned = true;
    m2.become({ epoch: 2, isSlave: false });
    world.time.advance(2 * INTERVAL_MS);
    expect(targetAt(world, 0)).toBe('m2.example');
    expect(m1.heard).toContain('over 2');
    expect(m1.heard).toContain('withdrawn 0');
    m1.become({ epoch: 2, isSlave: true });
    world.nameServers[1]!.isPartitioned = false;
    world.time.advance(SETTLED_MS);
    expect([targetAt(world, 0), targetAt(world, 1)]).toEqual(['m2.example', 'm2.example']);
    expect(m1.isRegistered).toEqual([true, true]);
  });
});

describe('grants', () => {
  it('count from when the heartbeat was sent, not from when it was answered', () => {
    const { world, m1 } = pair();
    world.time.advance(SETTLED_MS);
    m1.heard.length = 0;
    const beforeMs = world.time.monotonicMs();
    world.time.advance(INTERVAL_MS);
    const [granted] = m1.heard;
    const sentMs = Number(granted!.split(' ')[2]);
    expect(granted).toMatch(/^granted 0 /);
    expect(sentMs).toBeGreaterThan(beforeMs);
    // They are sent at whole intervals, and are on their way for some milliseconds.
    expect(sentMs % INTERVAL_MS).toBe(0);
    // An answer that is on its way for long grants nothing from later than its question.
    m1.heard.length = 0;
    world.nameServers[0]!.faults.push('none', 'none', 'delay');
    world.time.advance(INTERVAL_MS);
    expect(m1.heard).toEqual([`granted 0 ${sentMs + INTERVAL_MS}`]);
  });

  it('are not given by a NameServer that has just started, and not to a slave', () => {
    const { world, m1, m2 } = pair();
    world.time.advance(EXPIRY_MS - 1);
    expect([m1.heard, m2.heard]).toEqual([[], []]);
    world.time.advance(2 * INTERVAL_MS);
    expect(m1.heard.length).toBeGreaterThan(0);
    expect(m2.heard).toEqual([]);
  });

  it('of a former role count no more when the role has changed', () => {
    const { world, m1 } = pair();
    world.time.advance(SETTLED_MS);
    // A heartbeat is on its way for epoch 1; its answer comes when this is the master of epoch 2.
    world.time.advance(501);
    m1.heard.length = 0;
    m1.become({ epoch: 2 });
    expect(m1.heard).toEqual(['withdrawn 0']);
    const changedMs = world.time.monotonicMs();
    world.time.advance(10);
    expect(m1.heard.slice(1)).not.toEqual([]);
    for (const line of m1.heard.slice(1)) {
      expect(Number(line.split(' ')[2])).toBeGreaterThanOrEqual(changedMs);
    }
  });
});

describe('NameServers behind a name', () => {
  const named = { namesrv: [{ host: 'namesrv', port: 8081 }] };

  it('have one stream each, and a restarted broker is not needed when one is added or replaced', async () => {
    const world = new RegistrationWorld(2, named);
    world.dns.set('namesrv', ['10.0.0.1', '10.0.0.2']);
    const { broker } = world;
    broker.setTopic('topic', 8);
    await pass(world, SETTLED_MS);
    expect(broker.isRegistered).toEqual([true, true]);
    expect(broker.registration.nameServerCount).toBe(2);
    const added = world.addNameServer();
    world.dns.set('namesrv', ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    await pass(world, FOUND_WITHIN_MS);
    expect(added.topics()).toEqual(broker.topicTexts());
    expect(broker.heard).toContain('count 3');
    // The first one is replaced by a node at another address: no wait for the next regular look.
    world.nameServers[0]!.kill();
    const replacement = world.addNameServer();
    world.dns.set('namesrv', ['10.0.0.2', '10.0.0.3', '10.0.0.4']);
    await pass(world, 3_000);
    expect(replacement.topics()).toEqual(broker.topicTexts());
    expect(broker.registration.nameServers.map(({ address }) => address).sort()).toEqual([
      ...['10.0.0.2:8081', '10.0.0.3:8081', '10.0.0.4:8081'],
    ]);
    expect(broker.registration.nameServerCount).toBe(3);
  });

  it('are found soon when one is replaced that had left the name before, as a pod does', async () => {
    const world = new RegistrationWorld(2, named);
    world.dns.set('namesrv', ['10.0.0.1', '10.0.0.2']);
    const { broker } = world;
    broker.setTopic('topic', 8);
    await pass(world, SETTLED_MS);
    world.dns.set('namesrv', ['10.0.0.2']);
    world.nameServers[0]!.kill();
    await pass(world, 10_000);
    const replacement = world.addNameServer();
    world.dns.set('namesrv', ['10.0.0.2', '10.0.0.3']);
    await pass(world, 3_000);
    expect(replacement.topics()).toEqual(broker.topicTexts());
  });

  it('are numbered below their count, and grants of one that is not named any more do not count', async () => {
    const world = new RegistrationWorld(3, named);
    world.dns.set('namesrv', ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    const { broker } = world;
    await pass(world, SETTLED_MS);
    world.dns.set('namesrv', ['10.0.0.2', '10.0.0.3']);
    await pass(world, FOUND_WITHIN_MS);
    // It answers still, so its clients keep their routes.
    expect(broker.isRegistered).toEqual([true, true, true]);
    expect(broker.registration.nameServerCount).toBe(3);
    broker.heard.length = 0;
    await pass(world, 2 * INTERVAL_MS);
    const numbers = new Set(broker.heard.map((line) => line.split(' ')[1]));
    expect(numbers.size).toBe(2);
    for (const number of numbers) expect(['0', '1', '2']).toContain(number);
    world.nameServers[0]!.kill();
    await pass(world, 3_000);
    expect(broker.isRegistered).toEqual([true, true]);
  });

  it('are looked for until the name is known, and count as one until then', async () => {
    const world = new RegistrationWorld(1, named);
    const { broker } = world;
    await pass(world, 5_000);
    expect(broker.registration.nameServerCount).toBe(1);
    expect(world.brokerLog.lines.map(({ message }) => message)).toEqual([
      'NameServer name cannot be resolved',
    ]);
    world.dns.set('namesrv', ['10.0.0.1']);
    await pass(world, 2_000);
    expect(broker.isRegistered).toEqual([true]);
  });

  it('are asked for once at a time, however long the answer takes', async () => {
    const world = new RegistrationWorld(1, named);
    let asked = 0;
    let answer: () => void = () => undefined;
    world.resolve = () => {
      asked += 1;
      return new Promise((resolve) => {
        answer = () => {
          resolve(['10.0.0.1']);
        };
      });
    };
    await pass(world, 4 * EXPIRY_MS);
    expect(asked).toBe(1);
    answer();
    await pass(world, EXPIRY_MS);
    expect(asked).toBe(2);
    expect(world.broker.isRegistered).toEqual([true]);
  });

  it('stay known when the name cannot be resolved for a while', async () => {
    const world = new RegistrationWorld(1, named);
    world.dns.set('namesrv', ['10.0.0.1']);
    await pass(world, SETTLED_MS);
    world.dns.delete('namesrv');
    world.nameServers[0]!.cut();
    await pass(world, FOUND_WITHIN_MS);
    expect(world.broker.isRegistered).toEqual([true]);
  });
});

describe('a list of NameServers', () => {
  it('is replaced while the broker runs: the new one is told everything, the old one goodbye', async () => {
    const world = new RegistrationWorld(2, { namesrv: [{ host: '10.0.0.1', port: 8081 }] });
    const { broker, nameServers } = world;
    broker.setTopic('topic', 8);
    await pass(world, SETTLED_MS);
    broker.registration.setNameServers([
      { host: '10.0.0.1', port: 8081 },
      { host: '10.0.0.2', port: 8081 },
    ]);
    await pass(world, 1_000);
    expect(nameServers.map((end) => end.topics().length)).toEqual([1, 1]);
    broker.registration.setNameServers([{ host: '10.0.0.2', port: 8081 }]);
    await pass(world, 1_000);
    expect(nameServers.map(({ isBrokerUp }) => isBrokerUp)).toEqual([false, true]);
    expect(broker.heard.filter((line) => line.startsWith('count'))).toEqual(['count 2', 'count 1']);
  });

  it('with two names of one NameServer does not count it twice', async () => {
    const world = new RegistrationWorld(1, {
      namesrv: [
        { host: 'a', port: 8081 },
        { host: 'b', port: 8081 },
      ],
    });
    world.dns.set('a', ['10.0.0.1']).set('b', ['10.0.0.1']);
    await pass(world, SETTLED_MS);
    expect(world.broker.isRegistered).toEqual([true]);
    expect(world.broker.registration.nameServerCount).toBe(1);
  });
});

type Step =
  | { do: 'fault'; server: number; fault: 'lose' | 'double' | 'delay' }
  | { do: 'cut' | 'partition' | 'kill' | 'start'; server: number }
  | { do: 'fail over' | 'topic' }
  | { do: 'wait'; ms: number };

describe('a group of two members and two NameServers', () => {
  const server = fc.nat(1);
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({
      do: fc.constant('fault' as const),
      server,
      fault: fc.constantFrom('lose' as const, 'double' as const, 'delay' as const),
    }),
    fc.record({
      do: fc.constantFrom(
        ...['cut' as const, 'partition' as const, 'kill' as const, 'start' as const],
      ),
      server,
    }),
    fc.record({ do: fc.constantFrom('fail over' as const, 'topic' as const) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.oneof(fc.nat(20), fc.nat(8_000)) }),
  );

  it('agree about master and topics in the end, and no NameServer goes back to an earlier master before', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const run = new FailoverRun();
        for (const action of steps) run.take(action);
        run.settle();
      }),
      { numRuns: 200 },
    );
  });
});

class FailoverRun {
  readonly #world: RegistrationWorld;
  readonly #members: readonly RegistrationWorld['broker'][];
  /** Of the master that each NameServer leads to, as long as it does not start anew. */
  readonly #epochs = [0, 0];
  #epoch = 1;
  #topics = 0;

  constructor() {
    const { world, m1, m2 } = pair(2);
    this.#world = world;
    this.#members = [m1, m2];
  }

  take(step: Step): void {
    if (step.do === 'wait') this.#world.time.advance(step.ms);
    else if (step.do === 'topic') this.#master.setTopic(`t${++this.#topics}`, 1);
    else if ('server' in step) this.#happen(step);
    else this.#failOver();
    this.#world.nameServers.forEach(({ service }, i) => {
      const epoch = service?.registry.broker('b')?.master?.epoch ?? this.#epochs[i]!;
      expect(epoch).toBeGreaterThanOrEqual(this.#epochs[i]!);
      this.#epochs[i] = epoch;
    });
  }

  settle(): void {
    const { nameServers, time } = this.#world;
    for (const end of nameServers) {
      end.isPartitioned = false;
      end.faults.length = 0;
      if (end.service === undefined) end.start();
    }
    time.advance(SETTLED_MS);
    const { memberAddress } = this.#master.identity;
    for (const [i, end] of nameServers.entries()) {
      expect(end.isBrokerUp).toBe(true);
      expect(targetAt(this.#world, i)).toBe(memberAddress.host);
      expect(end.topics()).toEqual(this.#master.topicTexts());
    }
  }

  get #master(): RegistrationWorld['broker'] {
    return this.#members[(this.#epoch + 1) % 2]!;
  }

  #failOver(): void {
    const old = this.#master;
    this.#epoch += 1;
    this.#master.become({ epoch: this.#epoch, isSlave: false });
    old.become({ epoch: this.#epoch, isSlave: true });
  }

  #happen(step: Extract<Step, { server: number }>): void {
    const end = this.#world.nameServers[step.server]!;
    if (step.do === 'fault') end.faults.push(step.fault);
    if (step.do === 'cut') end.cut();
    if (step.do === 'partition') end.isPartitioned = !end.isPartitioned;
    if (step.do === 'kill') {
      end.kill();
      this.#epochs[step.server] = 0;
    }
    if (step.do === 'start' && end.service === undefined) end.start();
  }
}
