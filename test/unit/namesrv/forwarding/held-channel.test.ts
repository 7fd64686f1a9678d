import { describe, expect, it } from '@jest/globals';
import { statusOf } from '../../../../common/errors/status.ts';
import { hasErrorCode } from '../../../../common/errors/mq-error.ts';
import type { CallOptions, RpcChannel } from '../../../../common/rpc/rpc-channel.ts';
import { RpcError } from '../../../../common/rpc/rpc-error.ts';
import { BrokerLinks } from '../../../../namesrv/broker-links.ts';
import { RegistryService } from '../../../../namesrv/registry/registry-service.ts';
import { AdminMethods } from '../../../../proto/generated/orbitmq.ts';
import { MessagingServiceMethods, SendMessageResponse } from '../../../../proto/generated/v2.ts';
import { SeededRandom } from '../../../simulation/seeded-random.ts';
import { CollectingLogger } from '../../../support/collecting-logger.ts';
import { ManualTime } from '../../../support/manual-time.ts';

const HOLD_MS = 2_000;
const SEND = MessagingServiceMethods.SendMessage.path;
const RECEIVE = MessagingServiceMethods.ReceiveMessage.path;
const HEARTBEAT = MessagingServiceMethods.Heartbeat.path;
const CREATE = AdminMethods.CreateTopic.path;

/** A call that has arrived at a member. */
interface Arrived {
  readonly member: string;
  readonly path: string;
  readonly deadlineMs: number;
  answer(text: string): void;
  fail(error: Error): void;
}

/** A NameServer and the members m1, m2 … of group `g`, which answer when the test does it for them. */
class Kit {
  readonly time = new ManualTime();
  readonly arrived: Arrived[] = [];
  readonly service: RegistryService;
  readonly links: BrokerLinks;
  readonly closed: string[] = [];
  #streams = 0;
  readonly #streamOf = new Map<string, number>();

  constructor() {
    const environment = { clock: this.time, timers: this.time, random: new SeededRandom(1) };
    const options = { clusterName: 'c', heartbeatExpiryMs: 5_000 };
    this.service = new RegistryService(options, environment, new CollectingLogger());
    this.links = new BrokerLinks(this.service, ({ host }) => this.#channelTo(host), environment);
  }

  hello(memberName: string, epoch: number, isSlave = false): void {
    const stream = ++this.#streams;
    this.#streamOf.set(memberName, stream);
    const address = { host: memberName, port: 1 };
    const hello = {
      ...{ clusterName: 'c', brokerName: 'g', advertised: { host: 'g', port: 1 }, version: '1' },
      ...{ epoch, memberName, isSlave, memberAddress: address, runId: `run of ${memberName}` },
      heartbeatIntervalMs: 1_000,
    };
    const ack = this.service.report(stream, { sequence: 1, report: { kind: 'hello', hello } });
    expect(ack.refusal).toBeUndefined();
  }

  /** The process is dead: its connections break. */
  die(memberName: string): void {
    this.service.closed(this.#streamOf.get(memberName)!);
    for (const call of this.arrived.splice(0)) {
      call.fail(new RpcError('unavailable', 'the connection broke'));
    }
  }

  /** What becomes of a call, in words. */
  call(path: string, deadlineMs = 10_000, signal?: AbortSignal): { outcome: string } {
    const result = { outcome: '' };
    const options = { deadlineMs, metadata: {}, ...(signal ? { signal } : {}) };
    this.links
      .link('g')!
      .channel.unary(path, Buffer.from('request'), options)
      .then(
        (bytes) => (result.outcome = bytes.toString()),
        (error: unknown) =>
          (result.outcome = hasErrorCode(error, 'no-master')
            ? 'no-master'
            : (error as Error).message),
      );
    return result;
  }

  async pass(ms = 0): Promise<void> {
    await settled();
    this.time.advance(ms);
    await settled();
  }

  get places(): string[] {
    return this.arrived.map(({ member }) => member);
  }

  #channelTo(member: string): RpcChannel {
    const unary = (path: string, _request: Uint8Array, options: CallOptions): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        const take = (): void => {
          const place = this.arrived.indexOf(call);
          if (place >= 0) this.arrived.splice(place, 1);
        };
        const call: Arrived = {
          ...{ member, path, deadlineMs: options.deadlineMs },
          answer: (text) => {
            take();
            resolve(Buffer.from(text, 'latin1'));
          },
          fail: (error) => {
            take();
            reject(error);
          },
        };
        options.signal?.addEventListener('abort', () => {
          call.fail(new RpcError('cancelled', 'given up'));
        });
        this.arrived.push(call);
      });
    const unused = (): never => {
      throw new Error('not used here');
    };
    return {
      ...{ address: `${member}:1`, unary, exchange: unused, serverStream: unused },
      openStream: unused,
      close: () => this.closed.push(member),
    };
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

describe('a request for a group of several members', () => {
  it('goes to the master', async () => {
    const kit = new Kit();
    kit.hello('m2', 1, true);
    kit.hello('m1', 1);
    const call = kit.call(SEND);
    await kit.pass();
    expect(kit.places).toEqual(['m1']);
    kit.arrived[0]!.answer('done');
    await kit.pass();
    expect(call.outcome).toBe('done');
  });

  it('is held while there is no master, and goes to the next one', async () => {
    const kit = new Kit();
    kit.hello('m1', 1);
    kit.hello('m2', 1, true);
    kit.service.revokeEpoch('g', 2);
    const call = kit.call(SEND);
    await kit.pass(HOLD_MS - 1);
    expect([call.outcome, kit.places, kit.links.held]).toEqual(['', [], 1]);
    kit.hello('m2', 2);
    await kit.pass();
    expect(kit.places).toEqual(['m2']);
    // Its deadline is that of the client, not a new one.
    expect(kit.arrived[0]!.deadlineMs).toBe(10_000 - HOLD_MS + 1);
    kit.arrived[0]!.answer('done');
    await kit.pass();
    expect([call.outcome, kit.links.held]).toEqual(['done', 0]);
  });

  it('is refused with a status to be retried when no master comes in time', async () => {
    const kit = new Kit();
    kit.hello('m2', 1, true);
    const call = kit.call(SEND);
    await kit.pass(HOLD_MS);
    expect([call.outcome, kit.links.held]).toEqual(['no-master', 0]);
  });

  it('is refused at once when too many are held', async () => {
    const kit = new Kit();
    kit.hello('m2', 1, true);
    const calls = Array.from({ length: 2_049 }, () => kit.call(SEND));
    await kit.pass();
    expect(calls.filter(({ outcome }) => outcome === 'no-master')).toHaveLength(1);
    expect(kit.links.held).toBe(2_048);
  });

  it('is held for its polling time when it waits for a message, besides those that are counted', async () => {
    const kit = new Kit();
    kit.hello('m2', 1, true);
    const call = kit.call(RECEIVE, 20_000 + 10_000);
    await kit.pass(20_000 - 1);
    expect([call.outcome, kit.links.held]).toEqual(['', 0]);
    await kit.pass(1);
    expect(call.outcome).toBe('no-master');
  });

  it('is not held when it only tells of a client', async () => {
    const kit = new Kit();
    kit.hello('m2', 1, true);
    const call = kit.call(HEARTBEAT);
    await kit.pass();
    expect(call.outcome).toBe('no-master');
  });

  it('is no longer held when its client has gone away', async () => {
    const kit = new Kit();
    kit.hello('m2', 1, true);
    const client = new AbortController();
    const call = kit.call(SEND, 10_000, client.signal);
    await kit.pass(10);
    client.abort();
    await kit.pass();
    expect([call.outcome, kit.links.held]).toEqual(['no-master', 0]);
  });

  it('is repeated at the next master when the first died before it answered, if it may be', async () => {
    const kit = new Kit();
    kit.hello('m1', 1);
    const [send, create] = [kit.call(SEND), kit.call(CREATE)];
    await kit.pass();
    expect(kit.places).toEqual(['m1', 'm1']);
    kit.die('m1');
    await kit.pass(500);
    // A creation that was perhaps done would be refused as done the second time.
    expect([send.outcome, create.outcome]).toEqual(['', 'the connection broke']);
    kit.hello('m2', 2);
    await kit.pass();
    expect(kit.arrived.map(({ member, path }) => `${member} ${path}`)).toEqual([`m2 ${SEND}`]);
    kit.arrived[0]!.answer('done');
    await kit.pass();
    expect(send.outcome).toBe('done');
  });

  it('is made at the next master, whatever it is, when it never got to the first', async () => {
    const kit = new Kit();
    kit.hello('m1', 1);
    const create = kit.call(CREATE);
    await kit.pass();
    kit.arrived.splice(0)[0]!.fail(new RpcError('unavailable', 'refused', 'never-sent'));
    await kit.pass(500);
    expect(create.outcome).toBe('');
    kit.hello('m2', 2);
    await kit.pass();
    kit.arrived[0]!.answer('done');
    await kit.pass();
    expect(create.outcome).toBe('done');
  });

  it('is taken away from a master that hangs as soon as that one is deposed', async () => {
    const kit = new Kit();
    kit.hello('m1', 1);
    const call = kit.call(SEND);
    await kit.pass(1_000);
    expect(kit.places).toEqual(['m1']);
    kit.service.revokeEpoch('g', 2);
    await kit.pass();
    expect(kit.places).toEqual([]);
    kit.hello('m2', 2);
    await kit.pass();
    expect(kit.places).toEqual(['m2']);
    kit.arrived[0]!.answer('done');
    await kit.pass();
    expect(call.outcome).toBe('done');
    expect(kit.closed).toEqual(['m1']);
  });

  it('is repeated when the one that was the master says that it is none, and only then', async () => {
    const refusal = SendMessageResponse.encode({
      status: statusOf('no-master', { reason: 'another one' }),
    }).finish();
    const text = Buffer.from(refusal).toString('latin1');
    const kit = new Kit();
    kit.hello('m1', 1);
    const [first, second] = [kit.call(SEND), kit.call(SEND)];
    await kit.pass();
    kit.arrived[0]!.answer(text);
    await kit.pass();
    // Still the master as far as is known here: that is its answer.
    expect(first.outcome).not.toBe('');
    const late = kit.arrived[0]!;
    late.answer(text);
    kit.hello('m2', 2);
    await kit.pass();
    expect(kit.places).toEqual(['m2']);
    kit.arrived[0]!.answer('done');
    await kit.pass();
    expect(second.outcome).toBe('done');
  });

  it('is tried once more at the same master when nobody else comes and that one still lives', async () => {
    const kit = new Kit();
    kit.hello('m1', 1);
    const call = kit.call(SEND);
    await kit.pass();
    kit.arrived[0]!.fail(new RpcError('unavailable', 'a hiccup'));
    await kit.pass(HOLD_MS);
    expect(kit.places).toEqual(['m1']);
    kit.arrived[0]!.answer('done');
    await kit.pass();
    expect(call.outcome).toBe('done');
  });
});

describe('a request for a group of one', () => {
  it('fails at once when its broker cannot be reached: its clients go to another group', async () => {
    const kit = new Kit();
    kit.hello('', 0);
    const call = kit.call(SEND);
    await kit.pass();
    kit.arrived[0]!.fail(new RpcError('unavailable', 'connection refused'));
    await kit.pass();
    expect(call.outcome).toBe('connection refused');
  });
});

describe('the clients of a group', () => {
  it('are announced anew to the next master, which knows none of them', () => {
    const kit = new Kit();
    kit.hello('m1', 1);
    const before = kit.links.link('g')!.access;
    expect(kit.links.link('g')!.access).toBe(before);
    kit.hello('m2', 2);
    expect(kit.links.link('g')!.access).not.toBe(before);
  });
});
