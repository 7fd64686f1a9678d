import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type {
  BrokerHello,
  BrokerReport,
  BrokerReportAck,
} from '../../../../../common/model/broker-report.ts';
import type { EpochRevocation } from '../../../../../common/model/witness.ts';
import { BrokerRegistry } from '../../../../../namesrv/registry/core/broker-registry.ts';

const EXPIRY_MS = 5_000;
const FORGET_MS = 60_000;

/** A NameServer that members of the group `g` speak to; each hello opens a stream of its own. */
class Witness {
  readonly events: string[] = [];
  readonly registry: BrokerRegistry;
  nowMs: number;
  #streams = 0;
  readonly #open = new Map<string, { stream: number; sequence: number; epoch: number }>();

  constructor(startMs = 0, nowMs = EXPIRY_MS) {
    this.nowMs = nowMs;
    this.registry = new BrokerRegistry(
      {
        clusterName: 'c',
        heartbeatExpiryMs: EXPIRY_MS,
        runId: 'n',
        startMs,
        forgetAfterMs: FORGET_MS,
      },
      {
        groupUp: () => this.events.push('up'),
        groupDown: (_group, absence) => this.events.push(absence),
        groupForgotten: () => this.events.push('forgotten'),
        memberRefused: (_group, name) => this.events.push(`${name} refused`),
        epochRefused: () => this.events.push('epoch refused'),
        newMaster: (_group, { name, epoch }) => this.events.push(`master ${name} ${epoch}`),
        masterChanged: () => undefined,
      },
    );
  }

  hello(memberName: string, epoch: number, more: Partial<BrokerHello> = {}): BrokerReportAck {
    const stream = ++this.#streams;
    const hello: BrokerHello = {
      clusterName: 'c',
      brokerName: 'g',
      advertised: { host: 'g.example', port: 8081 },
      epoch,
      version: '1',
      runId: `run-${memberName}`,
      heartbeatIntervalMs: 1_000,
      memberName,
      isSlave: false,
      memberAddress: { host: `${memberName}.example`, port: 8081 },
      ...more,
    };
    const ack = this.registry.report(
      stream,
      { sequence: 1, report: { kind: 'hello', hello } },
      this.nowMs,
    );
    if (ack.refusal === undefined) this.#open.set(memberName, { stream, sequence: 1, epoch });
    return ack;
  }

  slave(memberName: string, epoch: number): BrokerReportAck {
    return this.hello(memberName, epoch, { isSlave: true });
  }

  /** A master with this topic, which has told everything. */
  master(memberName: string, epoch: number, topic = 't', queueCount = 8): void {
    expect(this.hello(memberName, epoch).refusal).toBeUndefined();
    expect(this.tell(memberName, topic, queueCount).refusal).toBeUndefined();
  }

  tell(memberName: string, topic: string, queueCount: number, isComplete = true): BrokerReportAck {
    const config = { type: 'NORMAL', permission: 'READ_WRITE', retentionMs: undefined } as const;
    return this.send(memberName, {
      kind: 'delta',
      delta: {
        ...{ baseVersion: 0, version: 1, isComplete, removedTopics: [], groups: [] },
        topics: [{ name: topic, queueCount, ...config }],
        removedGroups: [],
      },
    });
  }

  send(memberName: string, report: BrokerReport): BrokerReportAck {
    const open = this.#open.get(memberName)!;
    open.sequence += 1;
    return this.registry.report(open.stream, { sequence: open.sequence, report }, this.nowMs);
  }

  beat(memberName: string, epoch = this.#open.get(memberName)!.epoch): BrokerReportAck {
    return this.send(memberName, {
      kind: 'heartbeat',
      heartbeat: { epoch, logEndOffset: 7, confirmOffset: 5, isWritable: true },
    });
  }

  isConnected(memberName: string): boolean {
    return this.#open.has(memberName);
  }

  cut(memberName: string): void {
    const open = this.#open.get(memberName);
    this.#open.delete(memberName);
    if (open !== undefined) this.registry.closed(open.stream);
  }

  revoke(epoch: number): EpochRevocation {
    return this.registry.revoke('g', epoch, this.nowMs);
  }

  later(ms: number): void {
    this.nowMs += ms;
    this.registry.expire(this.nowMs);
  }

  get routes(): string[] {
    return ['t', 'u'].flatMap((topic) =>
      this.registry.routes(topic).map(({ group, topic: { name, queueCount } }) => {
        return `${name}:${queueCount} ${group.advertised?.host}`;
      }),
    );
  }

  /** Where requests are forwarded to. */
  get target(): string | undefined {
    return this.registry.broker('g')?.master?.hello.memberAddress.host;
  }
}

describe('a broker group of several members', () => {
  it('is routed to by its stable address, and forwarded to by that of its master', () => {
    const witness = new Witness();
    witness.slave('m2', 0);
    witness.master('m1', 1);
    expect(witness.routes).toEqual(['t:8 g.example']);
    expect(witness.target).toBe('m1.example');
  });

  it('keeps its routes through a failover, and answers what the old master told until the new one has told everything', () => {
    const witness = new Witness();
    witness.master('m1', 1, 't', 8);
    witness.slave('m2', 1);
    witness.cut('m1');
    for (let i = 0; i < 7; i++) {
      witness.later(1_000);
      witness.beat('m2');
    }
    expect(witness.routes).toEqual(['t:8 g.example']);
    expect(witness.target).toBeUndefined();
    expect(witness.hello('m2', 2).knownVersion).toBe(0);
    expect(witness.target).toBe('m2.example');
    witness.tell('m2', 't', 16, false);
    expect(witness.routes).toEqual(['t:8 g.example']);
    witness.tell('m2', 'u', 4);
    expect(witness.routes).toEqual(['t:16 g.example', 'u:4 g.example']);
    expect(witness.events).toEqual(['master m1 1', 'up', 'master m2 2']);
  });

  it('is left by a master that stops, and stays in the routes for its slaves', () => {
    const witness = new Witness();
    witness.master('m1', 1);
    witness.slave('m2', 1);
    witness.send('m1', { kind: 'goodbye' });
    expect(witness.routes).toHaveLength(1);
    expect(witness.target).toBeUndefined();
    witness.send('m2', { kind: 'goodbye' });
    expect(witness.routes).toEqual([]);
    expect(witness.events.slice(-1)).toEqual(['gone']);
  });

  it('comes into the routes by its master only', () => {
    const witness = new Witness();
    witness.slave('m1', 1);
    witness.slave('m2', 1);
    witness.later(EXPIRY_MS - 1);
    expect(witness.routes).toEqual([]);
    expect(witness.registry.unknownGroup?.name).toBe('g');
    witness.master('m1', 2);
    expect(witness.registry.unknownGroup).toBeUndefined();
    witness.later(EXPIRY_MS + 1);
    expect(witness.routes).toEqual([]);
    witness.slave('m2', 2);
    expect(witness.routes).toEqual([]);
    witness.beat('m1');
    expect(witness.routes).toHaveLength(1);
  });

  it('is silent when none of its members is heard', () => {
    const witness = new Witness();
    witness.master('m1', 1);
    witness.slave('m2', 1);
    witness.later(EXPIRY_MS + 1);
    expect(witness.routes).toEqual([]);
    expect(witness.events.slice(-1)).toEqual(['silent']);
  });

  it('takes no configuration from a slave', () => {
    const witness = new Witness();
    witness.master('m1', 1);
    witness.slave('m2', 1);
    expect(witness.tell('m2', 'u', 1).refusal).toMatch(/slave has no configuration/);
    expect(witness.routes).toEqual(['t:8 g.example']);
  });

  it('has one master in an epoch', () => {
    const witness = new Witness();
    witness.master('m1', 1);
    expect(witness.hello('m2', 1).refusal).toBe('m1 is the master of epoch 1');
    witness.later(EXPIRY_MS + 1);
    expect(witness.hello('m2', 1).refusal).toBe('m1 is the master of epoch 1');
    expect(witness.hello('m2', 2).refusal).toBeUndefined();
  });
});

describe('an isolated old master', () => {
  it('is refused with the present epoch, at its next heartbeat and at its next hello', () => {
    const witness = new Witness();
    witness.master('m1', 3);
    witness.master('m2', 4);
    expect(witness.beat('m1')).toMatchObject({
      refusal: 'its epoch 3 is over, the present one is 4',
      epoch: 4,
      isGranted: false,
    });
    const ack = witness.hello('m1', 3);
    expect(ack).toMatchObject({ refusal: 'its epoch 3 is over, the present one is 4', epoch: 4 });
    expect(witness.target).toBe('m2.example');
    expect(witness.events.filter((event) => event === 'epoch refused')).toHaveLength(2);
    expect(witness.slave('m1', 3).refusal).toBeUndefined();
  });

  it('loses its requests by the revocation alone, before there is another one', () => {
    const witness = new Witness();
    witness.master('m1', 1);
    expect(witness.revoke(2)).toMatchObject({ isAccepted: true, epoch: 2 });
    expect(witness.target).toBeUndefined();
    expect(witness.routes).toHaveLength(1);
    expect(witness.beat('m1')).toMatchObject({ epoch: 2, refusal: expect.anything() });
    witness.later(EXPIRY_MS + 1);
    expect(witness.routes).toEqual([]);
  });

  it('is deposed by a slave that has accepted a higher epoch', () => {
    const witness = new Witness();
    witness.master('m1', 1);
    witness.slave('m2', 1);
    expect(witness.beat('m2', 2).epoch).toBe(2);
    expect(witness.target).toBeUndefined();
    expect(witness.beat('m1').refusal).toMatch(/epoch 1 is over/);
  });

  it('is refused for ever, also when nobody else was heard since', () => {
    const witness = new Witness();
    witness.master('m1', 1);
    witness.revoke(2);
    witness.cut('m1');
    witness.later(FORGET_MS + 1);
    expect(witness.registry.groups).toEqual([]);
    expect(witness.hello('m1', 1).refusal).toMatch(/epoch 1 is over/);
  });
});

describe('the revocation of an epoch', () => {
  it('tells how long no master of a lower epoch was heard, refused reports not counted', () => {
    const witness = new Witness();
    expect(witness.revoke(1).silentMs).toBeUndefined();
    witness.master('m1', 1);
    witness.slave('m2', 1);
    witness.later(300);
    expect(witness.revoke(2)).toMatchObject({ silentMs: 300, upMs: EXPIRY_MS + 300 });
    witness.later(1_000);
    expect(witness.beat('m1').refusal).toBeDefined();
    witness.beat('m2', 1);
    expect(witness.revoke(2).silentMs).toBe(1_300);
    witness.master('m2', 2);
    witness.later(500);
    expect(witness.revoke(2).silentMs).toBe(1_800);
    expect(witness.revoke(3).silentMs).toBe(500);
  });

  it('is not accepted when a higher epoch is known', () => {
    const witness = new Witness();
    witness.master('m1', 5);
    expect(witness.revoke(4)).toMatchObject({ isAccepted: false, epoch: 5 });
    expect(witness.target).toBe('m1.example');
    expect(witness.revoke(5)).toMatchObject({ isAccepted: true, epoch: 5 });
    expect(witness.target).toBe('m1.example');
  });
});

describe('a grant', () => {
  it('is not given before one expiry has passed since the start, when a higher epoch may be forgotten', () => {
    const witness = new Witness(0, 0);
    expect(witness.hello('m1', 3).isGranted).toBe(false);
    witness.later(EXPIRY_MS - 1);
    expect(witness.beat('m1').isGranted).toBe(false);
    witness.later(1);
    expect(witness.beat('m1').isGranted).toBe(true);
  });

  it('is given before to a master whose epoch the controller has told, or a higher one', () => {
    for (const [told, epoch, isGranted] of [
      [3, 3, true],
      [2, 3, true],
      [undefined, 3, false],
    ] as const) {
      const witness = new Witness(0, 0);
      if (told !== undefined) witness.revoke(told);
      expect(witness.hello('m1', epoch).isGranted).toBe(isGranted);
      expect(witness.beat('m1').isGranted).toBe(isGranted);
    }
    const witness = new Witness(0, 0);
    witness.revoke(4);
    expect(witness.hello('m1', 3).isGranted).toBe(false);
  });

  it('is never given to a slave', () => {
    const witness = new Witness();
    witness.revoke(1);
    expect(witness.slave('m1', 1).isGranted).toBe(false);
    expect(witness.beat('m1').isGranted).toBe(false);
  });
});

type Step =
  | { do: 'hello'; member: string; epoch: number; isSlave: boolean }
  | { do: 'beat' | 'cut' | 'goodbye'; member: string }
  | { do: 'revoke'; epoch: number }
  | { do: 'wait'; ms: number };

/** What must be true of the group, kept in the simplest way. */
interface Model {
  epoch: number;
  told: number;
  /** The epoch in which each member is the master. */
  readonly isMaster: Map<string, number>;
}

describe('whatever members and controllers do', () => {
  const member = fc.constantFrom('m1', 'm2', 'm3');
  const epoch = fc.integer({ min: 1, max: 6 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ do: fc.constant('hello' as const), member, epoch, isSlave: fc.boolean() }),
    fc.record({ do: fc.constantFrom('beat' as const, 'cut' as const, 'goodbye' as const), member }),
    fc.record({ do: fc.constant('revoke' as const), epoch }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(100, 2_000, 6_000) }),
  );

  it('the epoch never goes back, no lower master is taken, granted or forwarded to, and two runs answer the same', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [first, second] = [new Witness(0, 0), new Witness(0, 0)];
        const model: Model = { epoch: 0, told: 0, isMaster: new Map() };
        for (const action of steps) {
          check(first, model, action);
          apply(second, action);
          expect(first.routes).toEqual(second.routes);
          expect(first.target).toBe(second.target);
        }
      }),
      { numRuns: 400 },
    );
  });
});

function apply(witness: Witness, step: Step): BrokerReportAck | undefined {
  if (step.do === 'wait') witness.later(step.ms);
  else if (step.do === 'revoke') witness.revoke(step.epoch);
  else if (step.do === 'hello') {
    witness.cut(step.member);
    return witness.hello(step.member, step.epoch, { isSlave: step.isSlave });
  } else if (!witness.isConnected(step.member)) return undefined;
  else if (step.do === 'cut') witness.cut(step.member);
  else {
    const ack = step.do === 'beat' ? witness.beat(step.member) : goodbye(witness, step.member);
    if (ack.refusal !== undefined || step.do === 'goodbye') witness.cut(step.member);
    return ack;
  }
  return undefined;
}

function goodbye(witness: Witness, member: string): BrokerReportAck {
  return witness.send(member, { kind: 'goodbye' });
}

function check(witness: Witness, model: Model, step: Step): void {
  const ack = apply(witness, step);
  if (step.do === 'revoke') {
    if (step.epoch >= model.epoch) model.told = Math.max(model.told, step.epoch);
    model.epoch = Math.max(model.epoch, step.epoch);
  }
  if (step.do === 'hello' && ack !== undefined) checkHello(model, step, ack);
  expect(witness.registry.broker('g')?.epoch ?? 0).toBe(model.epoch);
  if (ack !== undefined) {
    expect(ack.epoch).toBeGreaterThanOrEqual(model.epoch);
    if (ack.isGranted && 'member' in step) {
      const isWarm = witness.nowMs >= EXPIRY_MS;
      expect(model.isMaster.get(step.member)).toBe(model.epoch);
      expect(isWarm || model.told > 0).toBe(true);
    }
  }
  const target = witness.registry.broker('g')?.master;
  if (target !== undefined) {
    expect(target.epoch).toBe(model.epoch);
    expect(target.isSlave).toBe(false);
    expect(model.isMaster.get(target.name)).toBe(model.epoch);
  }
}

function checkHello(
  model: Model,
  { member, epoch, isSlave }: Extract<Step, { do: 'hello' }>,
  ack: BrokerReportAck,
): void {
  const isOver = !isSlave && epoch < model.epoch;
  if (isOver) expect(ack.refusal).toMatch(/is over/);
  if (ack.refusal !== undefined) return;
  expect(isOver).toBe(false);
  model.epoch = Math.max(model.epoch, epoch);
  if (isSlave) model.isMaster.delete(member);
  else model.isMaster.set(member, epoch);
}
