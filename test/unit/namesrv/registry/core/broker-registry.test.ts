import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type {
  BrokerDelta,
  BrokerHello,
  BrokerReport,
  BrokerReportAck,
} from '../../../../../common/model/broker-report.ts';
import { defaultConsumerGroup } from '../../../../../common/model/consumer-group.ts';
import type { TopicConfig } from '../../../../../common/model/topic.ts';
import { BrokerRegistry } from '../../../../../namesrv/registry/core/broker-registry.ts';

const EXPIRY_MS = 5_000;

function helloOf(brokerName: string, more: Partial<BrokerHello> = {}): BrokerHello {
  return {
    clusterName: 'c',
    brokerName,
    advertised: { host: `${brokerName}.example`, port: 8081 },
    epoch: 0,
    version: '1',
    runId: `${brokerName}-1`,
    heartbeatIntervalMs: 1_000,
    memberName: '',
    isSlave: false,
    memberAddress: more.advertised ?? { host: `${brokerName}.example`, port: 8081 },
    ...more,
  };
}

function topicOf(name: string, queueCount = 8): TopicConfig {
  return { name, type: 'NORMAL', queueCount, permission: 'READ_WRITE', retentionMs: undefined };
}

function deltaOf(
  versions: [base: number, version: number],
  more: Partial<BrokerDelta> = {},
): BrokerReport {
  const [baseVersion, version] = versions;
  const nothing = { topics: [], removedTopics: [], groups: [], removedGroups: [] };
  return { kind: 'delta', delta: { baseVersion, version, isComplete: true, ...nothing, ...more } };
}

const HEARTBEAT: BrokerReport = {
  kind: 'heartbeat',
  heartbeat: { epoch: 0, logEndOffset: 0, confirmOffset: 0, isWritable: true },
};

class Kit {
  readonly events: string[] = [];
  readonly registry: BrokerRegistry;
  nowMs = 0;
  readonly #sequences = new Map<number, number>();

  constructor() {
    this.registry = new BrokerRegistry(
      {
        clusterName: 'c',
        heartbeatExpiryMs: EXPIRY_MS,
        runId: 'n',
        startMs: 0,
        forgetAfterMs: 60_000,
      },
      {
        groupUp: ({ name }) => this.events.push(`${name} up`),
        groupDown: ({ name }, absence) => this.events.push(`${name} ${absence}`),
        groupForgotten: ({ name }) => this.events.push(`${name} forgotten`),
        memberRefused: (name) => this.events.push(`${name} refused`),
        epochRefused: () => undefined,
        newMaster: () => undefined,
        masterChanged: () => undefined,
      },
    );
  }

  send(stream: number, report: BrokerReport): BrokerReportAck {
    const sequence = (this.#sequences.get(stream) ?? 0) + 1;
    this.#sequences.set(stream, sequence);
    return this.registry.report(stream, { sequence, report }, this.nowMs);
  }

  /** A broker with these topics, on a stream of its own. */
  join(stream: number, hello: BrokerHello, topics: readonly TopicConfig[] = []): void {
    this.send(stream, { kind: 'hello', hello });
    this.send(stream, deltaOf([0, 1], { topics }));
  }

  later(ms: number): void {
    this.nowMs += ms;
    this.registry.expire(this.nowMs);
  }

  routes(topic: string): string[] {
    return this.registry
      .routes(topic)
      .map(({ group, topic: { queueCount } }) => `${group.name}:${queueCount}`);
  }
}

describe('BrokerRegistry', () => {
  it('merges the routes of all brokers by name, in whatever order they came', () => {
    const kit = new Kit();
    kit.join(1, helloOf('c'), [topicOf('t', 2)]);
    kit.join(2, helloOf('a'), [topicOf('t', 4), topicOf('only-a')]);
    kit.join(3, helloOf('b'), []);
    expect(kit.routes('t')).toEqual(['a:4', 'c:2']);
    expect(kit.routes('only-a')).toEqual(['a:8']);
    expect(kit.routes('none')).toEqual([]);
    expect(kit.registry.up.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  it('takes a group from the first broker that has it', () => {
    const kit = new Kit();
    kit.join(1, helloOf('a'));
    const groups = [{ ...defaultConsumerGroup('g'), maxAttempts: 3 }];
    kit.send(2, { kind: 'hello', hello: helloOf('b') });
    kit.send(2, deltaOf([0, 1], { groups }));
    expect(kit.registry.consumerGroup('g')?.maxAttempts).toBe(3);
    expect(kit.registry.consumerGroup('other')).toBeUndefined();
  });

  it('answers from a broker only when it has told everything', () => {
    const kit = new Kit();
    kit.send(1, { kind: 'hello', hello: helloOf('a') });
    kit.send(1, deltaOf([0, 1], { topics: [topicOf('t')], isComplete: false }));
    kit.send(1, HEARTBEAT);
    expect(kit.routes('t')).toEqual([]);
    kit.send(1, deltaOf([0, 1], { topics: [topicOf('u')] }));
    expect(kit.routes('t')).toEqual(['a:8']);
    expect(kit.events).toEqual(['a up']);
  });

  it('goes on answering while a broker tells everything anew after its restart', () => {
    const kit = new Kit();
    kit.join(1, helloOf('a'), [topicOf('t'), topicOf('gone')]);
    const ack = kit.send(2, { kind: 'hello', hello: helloOf('a', { runId: 'a-2' }) });
    expect(ack.knownVersion).toBe(0);
    expect(kit.routes('gone')).toEqual(['a:8']);
    kit.send(2, deltaOf([0, 1], { topics: [topicOf('t')] }));
    expect(kit.routes('t')).toEqual(['a:8']);
    expect(kit.routes('gone')).toEqual([]);
    expect(kit.events).toEqual(['a up']);
  });

  it('tells a broker that reconnects what it knows of it', () => {
    const kit = new Kit();
    kit.join(1, helloOf('a'), [topicOf('t')]);
    kit.send(1, deltaOf([1, 4], { removedTopics: ['t'] }));
    kit.registry.closed(1);
    expect(kit.send(2, { kind: 'hello', hello: helloOf('a') }).knownVersion).toBe(4);
  });

  it('leaves a delta aside that does not go on from what is known, and says so', () => {
    const kit = new Kit();
    kit.join(1, helloOf('a'), [topicOf('t')]);
    const ack = kit.send(1, deltaOf([7, 8], { removedTopics: ['t'] }));
    expect(ack).toMatchObject({ refusal: undefined, knownVersion: 1 });
    expect(kit.routes('t')).toEqual(['a:8']);
  });

  it('keeps a broker whose stream has broken until it has been silent for the expiry', () => {
    const kit = new Kit();
    kit.join(1, helloOf('a'), [topicOf('t')]);
    kit.later(EXPIRY_MS - 1);
    kit.send(1, HEARTBEAT);
    kit.registry.closed(1);
    kit.later(EXPIRY_MS);
    expect(kit.routes('t')).toEqual(['a:8']);
    kit.later(1);
    expect(kit.routes('t')).toEqual([]);
    expect(kit.events).toEqual(['a up', 'a silent']);
  });

  it('takes a broker back that beats again, with all that was known', () => {
    const kit = new Kit();
    kit.join(1, helloOf('a'), [topicOf('t')]);
    kit.later(EXPIRY_MS + 1);
    kit.send(1, HEARTBEAT);
    expect(kit.routes('t')).toEqual(['a:8']);
    expect(kit.events).toEqual(['a up', 'a silent', 'a up']);
  });

  it('lets a broker go at once that says goodbye, and takes nothing more from that stream', () => {
    const kit = new Kit();
    kit.join(1, helloOf('a'), [topicOf('t')]);
    expect(kit.send(1, { kind: 'goodbye' }).refusal).toBeUndefined();
    expect(kit.routes('t')).toEqual([]);
    expect(kit.send(1, HEARTBEAT).refusal).toBeDefined();
    expect(kit.events).toEqual(['a up', 'a gone']);
  });

  it('forgets a broker that does not come back', () => {
    const kit = new Kit();
    kit.join(1, helloOf('a'), [topicOf('t')]);
    kit.registry.closed(1);
    kit.later(60_001);
    expect(kit.registry.broker('a')).toBeUndefined();
    expect(kit.events).toEqual(['a up', 'a silent', 'a forgotten']);
  });

  it('refuses an epoch that is over, even of a broker that is forgotten', () => {
    const kit = new Kit();
    kit.join(1, helloOf('a', { epoch: 3 }));
    kit.registry.closed(1);
    kit.later(60_001);
    const ack = kit.send(2, { kind: 'hello', hello: helloOf('a', { epoch: 2, runId: 'a-0' }) });
    expect(ack).toMatchObject({ epoch: 3 });
    expect(ack.refusal).toMatch(/epoch 2 is over/);
    expect(
      kit.send(3, { kind: 'hello', hello: helloOf('a', { epoch: 4, runId: 'b' }) }).refusal,
    ).toBeUndefined();
  });

  it('lets a new epoch take over at once, and refuses what the old stream still sends', () => {
    const kit = new Kit();
    kit.join(1, helloOf('a', { epoch: 1 }), [topicOf('t')]);
    const advertised = { host: 'elsewhere', port: 1 };
    kit.join(2, helloOf('a', { epoch: 2, runId: 'other', advertised }), [topicOf('t', 5)]);
    expect(kit.send(1, HEARTBEAT).refusal).toMatch(/replaced/);
    kit.registry.closed(1);
    expect(kit.routes('t')).toEqual(['a:5']);
    expect(kit.registry.broker('a')?.advertised).toEqual(advertised);
  });

  it('keeps a name for the broker that has it while that one lives at another address', () => {
    const kit = new Kit();
    kit.join(1, helloOf('a'), [topicOf('t')]);
    const rival = helloOf('a', { runId: 'rival', advertised: { host: 'rival', port: 1 } });
    expect(kit.send(2, { kind: 'hello', hello: rival }).refusal).toMatch(
      /a.example:8081 has registered/,
    );
    expect(kit.routes('t')).toEqual(['a:8']);
    kit.later(EXPIRY_MS + 1);
    expect(kit.send(3, { kind: 'hello', hello: rival }).refusal).toBeUndefined();
  });

  it('refuses another cluster, and a broker whose heartbeats are too rare to be told from silence', () => {
    const kit = new Kit();
    expect(
      kit.send(1, { kind: 'hello', hello: helloOf('a', { clusterName: 'x' }) }).refusal,
    ).toMatch(/cluster x/);
    const rare = helloOf('a', { heartbeatIntervalMs: EXPIRY_MS });
    expect(kit.send(2, { kind: 'hello', hello: rare }).refusal).toMatch(/beats every 5000 ms/);
    expect(kit.registry.groups).toEqual([]);
  });

  it('refuses what is lost, doubled or out of order on a stream, and the stream with it', () => {
    for (const sequence of [2, 4, 5]) {
      const kit = new Kit();
      kit.join(1, helloOf('a'));
      expect(kit.registry.report(1, { sequence: 3, report: HEARTBEAT }, 0).refusal).toBeUndefined();
      const { refusal } = kit.registry.report(1, { sequence, report: HEARTBEAT }, 0);
      expect(refusal === undefined).toBe(sequence === 4);
    }
  });

  it('knows a version only as the broker had it, whatever is lost, doubled or reordered on the way', () => {
    // Streams as a network that keeps nothing of what it promises would deliver them.
    const chunk = fc.record({
      base: fc.nat(6),
      version: fc.integer({ min: 1, max: 6 }),
      chunks: fc.integer({ min: 1, max: 3 }),
      faults: fc.array(fc.constantFrom('none', 'none', 'none', 'lose', 'double', 'swap'), {
        maxLength: 3,
      }),
    });
    const plan = fc.record({
      truth: fc.array(
        fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 3 })), { maxLength: 4 }),
        {
          minLength: 7,
          maxLength: 7,
        },
      ),
      streams: fc.array(fc.array(chunk, { maxLength: 5 }), { minLength: 1, maxLength: 5 }),
    });
    fc.assert(
      fc.property(plan, ({ truth, streams }) => {
        const history = truth.map(
          (topics) => new Map(topics.map(([n, q]) => [`t${n}`, topicOf(`t${n}`, q)])),
        );
        const kit = new Kit();
        streams.forEach((transfers, stream) => {
          const reports = [{ kind: 'hello', hello: helloOf('a') } as BrokerReport];
          const faults: string[] = ['none'];
          for (const { base, version, chunks, faults: some } of transfers) {
            for (const report of transferOf(history, base, version, chunks)) reports.push(report);
            for (let i = 0; i < chunks; i++) faults.push(some[i] ?? 'none');
          }
          for (const { sequence, report } of delivered(reports, faults)) {
            const ack = kit.registry.report(stream, { sequence, report }, 0);
            const copy = kit.registry.broker('a')?.configuration;
            if (copy !== undefined && copy.version > 0) {
              expect(new Map(copy.topics)).toEqual(history[copy.version]);
            }
            if (ack.refusal !== undefined) break;
          }
          kit.registry.closed(stream);
        });
      }),
      { numRuns: 500 },
    );
  });
});

/** What the broker sends to bring somebody from one version to another, in so many deltas. */
function transferOf(
  history: readonly ReadonlyMap<string, TopicConfig>[],
  base: number,
  version: number,
  chunks: number,
): BrokerReport[] {
  const target = history[version]!;
  const from: ReadonlyMap<string, TopicConfig> = base === 0 ? new Map() : history[base]!;
  const names = [...new Set([...from.keys(), ...target.keys()])];
  return Array.from({ length: chunks }, (_, i) => {
    const own = names.filter((_name, place) => place % chunks === i);
    return deltaOf([base, version], {
      topics: own.flatMap((name) => target.get(name) ?? []),
      removedTopics: own.filter((name) => !target.has(name)),
      isComplete: i === chunks - 1,
    });
  });
}

function delivered(
  reports: readonly BrokerReport[],
  faults: readonly string[],
): { sequence: number; report: BrokerReport }[] {
  const sent = reports.map((report, i) => ({ sequence: i + 1, report }));
  for (let i = 0; i + 1 < sent.length; i++) {
    if (faults[i] === 'swap') [sent[i], sent[i + 1]] = [sent[i + 1]!, sent[i]!];
  }
  return sent.flatMap((report, i) =>
    faults[i] === 'lose' ? [] : faults[i] === 'double' ? [report, report] : [report],
  );
}
