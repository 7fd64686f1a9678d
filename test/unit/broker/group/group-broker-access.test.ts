import { describe, expect, it } from '@jest/globals';
import { MqError } from '../../../../common/errors/mq-error.ts';
import { STATUS_OK, statusOf } from '../../../../common/errors/status.ts';
import { FORWARDED_HEADER } from '../../../../common/rpc/peer-guard.ts';
import { parseSendMessageRequest } from '../../../../common/wire/send-message-view.ts';
import { Code, MessageType, SendMessageRequest } from '../../../../proto/generated/v2.ts';
import { groupClient, GroupWorld } from '../../../support/group-world.ts';
import { ManualTime } from '../../../support/manual-time.ts';

const topic = { name: 'orders' };
const group = { name: 'billing' };
const NO_MASTER = statusOf('no-master', { reason: 'it was deposed' });
const UNKNOWN = statusOf('outcome-unknown', { reason: 'it was deposed' });

function world() {
  const time = new ManualTime();
  const members = new GroupWorld(time);
  return { time, members, a: members.at('a'), b: members.at('b'), c: members.at('c') };
}

function message(id = 'm1') {
  const systemProperties = {
    ...{ messageId: id, messageType: MessageType.NORMAL, bornTimestamp: { seconds: 1 } },
    ...{ bornHost: 'h', bodyEncoding: 1 },
  };
  const messages = [{ topic, body: Buffer.from(id), systemProperties }];
  return parseSendMessageRequest(Buffer.from(SendMessageRequest.encode({ messages }).finish()));
}

const receive = (seconds: number) => ({
  ...{ group, batchSize: 1, longPollingTimeout: { seconds }, invisibleDuration: { seconds: 30 } },
  messageQueue: { topic, id: -1, broker: { name: 'broker-a' } },
});

/** Lets everything run that does not wait for time. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

async function pass(time: ManualTime, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    time.advance(10);
    await settle();
  }
}

describe('a request at a member of a group', () => {
  it('is served by the broker of the process while that is the master', async () => {
    const { members, a } = world();
    members.elect('a');
    expect((await a.access.sendMessage(message(), groupClient())).status?.code).toBe(Code.OK);
    expect(a.broker.queues.get('orders')).toHaveLength(1);
    expect(members.channels).toHaveLength(0);
  });

  it('goes to the master when that is another member, with the metadata of its client', async () => {
    const { members, a, b } = world();
    members.elect('b');
    expect((await a.access.sendMessage(message(), groupClient())).status?.code).toBe(Code.OK);
    expect(b.broker.queues.get('orders')).toHaveLength(1);
    expect(members.channels[0]?.calls[0]?.metadata).toMatchObject({
      'x-mq-client-id': 'client',
      [FORWARDED_HEADER]: '1',
    });
  });

  it('is held while there is no master, and goes to the one that is found', async () => {
    const { members, a, c, time } = world();
    const sent = a.access.sendMessage(message(), groupClient());
    await pass(time, 1_500);
    expect(a.routing.held).toBe(1);
    members.elect('c');
    expect((await sent).status?.code).toBe(Code.OK);
    expect(c.broker.queues.get('orders')).toHaveLength(1);
    expect(a.routing.held).toBe(0);
  });

  it('is refused as worth repeating when no master is found in time', async () => {
    const { a, time } = world();
    const sent = a.access.sendMessage(message(), groupClient());
    const refused = expect(sent).rejects.toMatchObject({ code: 'no-master' });
    await pass(time, 2_050);
    await refused;
    expect(NO_MASTER.code).toBe(Code.HA_NOT_AVAILABLE);
  });

  it('is refused before the deadline of its client', async () => {
    const { a, time } = world();
    const sent = a.access.sendMessage(message(), groupClient({ remainingMs: 600 }));
    const refused = expect(sent).rejects.toMatchObject({ code: 'no-master' });
    await pass(time, 520);
    await refused;
  });

  it('is refused at once when too many are held; receives are counted elsewhere', async () => {
    const { a, time, members } = world();
    const held = [1, 2].map((i) => a.access.sendMessage(message(`m${i}`), groupClient()));
    const received = a.access.receiveMessage(receive(1), groupClient());
    await settle();
    await expect(a.access.sendMessage(message('m3'), groupClient())).rejects.toMatchObject({
      code: 'no-master',
    });
    members.elect('a');
    await Promise.all([...held, received]);
    expect(time.waiting).toBe(0);
  });

  it('is given up when its client goes away', async () => {
    const { a, time } = world();
    const controller = new AbortController();
    const sent = a.access.sendMessage(message(), groupClient({ signal: controller.signal }));
    await settle();
    controller.abort();
    await expect(sent).rejects.toMatchObject({ code: 'no-master' });
    expect(time.waiting).toBe(0);
  });
});

describe('a send whose master is deposed', () => {
  it('is repeated at the next one, whether or not it is known to be stored', async () => {
    for (const status of [NO_MASTER, UNKNOWN]) {
      const { members, a, b, time } = world();
      members.elect('a');
      const entries = [{ status, messageId: 'm1' }];
      a.broker.sendMessage = () => {
        members.elect(undefined);
        return Promise.resolve({ status, entries });
      };
      const sent = a.access.sendMessage(message(), groupClient());
      await pass(time, 500);
      members.elect('b');
      await pass(time, 50);
      expect((await sent).status?.code).toBe(Code.OK);
      expect(b.broker.queues.get('orders')).toHaveLength(1);
    }
  });

  it('says that its outcome is unknown, and not that nothing was done, when no other master comes', async () => {
    const { members, a, time } = world();
    members.elect('a');
    const entries = [{ status: UNKNOWN, messageId: 'm1' }];
    a.broker.sendMessage = () => {
      members.elect(undefined);
      return Promise.resolve({ status: UNKNOWN, entries });
    };
    const sent = a.access.sendMessage(message(), groupClient());
    await pass(time, 2_100);
    expect((await sent).status).toEqual(UNKNOWN);
  });

  it('does not wait for a master that hangs once another one is known', async () => {
    const { members, a, b, c, time } = world();
    members.elect('b');
    b.broker.sendGate = new Promise(() => undefined);
    const sent = a.access.sendMessage(message(), groupClient());
    await pass(time, 200);
    members.tell('a', 'c');
    members.tell('c', 'c');
    await pass(time, 10);
    expect((await sent).status?.code).toBe(Code.OK);
    expect(c.broker.queues.get('orders')).toHaveLength(1);
  });

  it('survives that the master cannot be reached for a moment', async () => {
    const { members, a, b, time } = world();
    members.elect('b');
    const { table } = b;
    b.table = undefined;
    const sent = a.access.sendMessage(message(), groupClient());
    await pass(time, 300);
    b.table = table;
    await pass(time, 300);
    expect((await sent).status?.code).toBe(Code.OK);
  });

  it('says that there is no master, and so nothing was done, when the last one is gone and nobody else comes', async () => {
    const { members, a, b, time } = world();
    members.elect('b');
    b.table = undefined;
    const sent = a.access.sendMessage(message(), groupClient());
    const refused = expect(sent).rejects.toMatchObject({ code: 'no-master' });
    await pass(time, 2_300);
    await refused;
  });

  it('is not repeated for a refusal that is the answer', async () => {
    const { members, a } = world();
    members.elect('a');
    const status = statusOf('topic-not-found', { topic: 'orders' });
    let asked = 0;
    a.broker.sendMessage = () => {
      asked += 1;
      return Promise.resolve({ status, entries: [] });
    };
    expect((await a.access.sendMessage(message(), groupClient())).status).toEqual(status);
    expect(asked).toBe(1);
  });
});

describe('a receive that waits when the master changes', () => {
  it('moves on to the next master at once, with what is left of its time', async () => {
    const { members, a, b, c, time } = world();
    members.elect('b');
    const received = a.access.receiveMessage(receive(20), groupClient({ remainingMs: 25_000 }));
    await pass(time, 5_000);
    expect(b.broker.receives).toHaveLength(1);
    members.elect('c');
    await settle();
    expect(c.broker.receives[0]?.longPollingTimeout?.seconds).toBe(15);
    await c.access.sendMessage(message(), groupClient());
    const outcome = await received;
    expect(outcome.status).toEqual(STATUS_OK);
    expect(outcome.messages).toHaveLength(1);
  });

  it('moves on from the broker of its own process, which answers empty when it closes', async () => {
    const { members, a, b, time } = world();
    members.elect('a');
    a.broker.receiveMessage = () => {
      members.elect('b');
      const status = statusOf('message-not-found', { reason: 'arrived' });
      return Promise.resolve({ status, messages: [], deliveryTimestampMs: 0 });
    };
    const received = a.access.receiveMessage(receive(20), groupClient({ remainingMs: 25_000 }));
    await pass(time, 100);
    expect(b.broker.receives).toHaveLength(1);
    await b.access.sendMessage(message(), groupClient());
    expect((await received).messages).toHaveLength(1);
  });

  it('waits for a master as long as it would have waited for a message', async () => {
    const { members, a, time } = world();
    const received = a.access.receiveMessage(receive(10), groupClient({ remainingMs: 15_000 }));
    await pass(time, 9_000);
    members.elect('a');
    await a.access.sendMessage(message(), groupClient());
    expect((await received).messages).toHaveLength(1);
  });
});

describe('members that disagree about who is the master', () => {
  it('pass a request on at most twice, and never in circles', async () => {
    const { members, a, b, time } = world();
    members.tell('a', 'b');
    members.tell('b', 'a');
    const sent = a.access.sendMessage(message(), groupClient());
    const outcome = sent.catch((error: unknown) => error);
    await pass(time, 3_000);
    const answer = await outcome;
    expect(JSON.stringify(answer)).toContain('no-master');
    const hops = members.channels.flatMap(({ calls }) =>
      calls.map(({ metadata }) => metadata[FORWARDED_HEADER]),
    );
    expect(new Set(hops)).toEqual(new Set(['1', '2']));
    expect(hops.length).toBeLessThan(200);
    expect(a.broker.queues.size + b.broker.queues.size).toBe(0);
  });

  it('get a request to the master over a member that has just lost the role', async () => {
    const { members, a, c } = world();
    members.elect('c');
    members.tell('a', 'b');
    for (const member of members.members.values()) member.broker.addTopic(topic);
    expect((await a.access.sendMessage(message(), groupClient())).status?.code).toBe(Code.OK);
    expect(c.broker.queues.get('orders')).toHaveLength(1);
  });
});

describe('acknowledgements at a member of a group', () => {
  it('are repeated at the next master, since settling twice is a success', async () => {
    const { members, a, b, time } = world();
    members.elect('a');
    const entry = { messageId: 'm1', receiptHandle: b.broker.handle() };
    a.broker.ackMessage = () => {
      members.elect('b');
      return Promise.resolve({ status: UNKNOWN, entries: [{ ...entry, status: UNKNOWN }] });
    };
    const acked = a.access.ackMessage({ group, topic, entries: [entry] }, groupClient());
    await pass(time, 50);
    expect((await acked).entries?.[0]?.status?.code).toBe(Code.OK);
    expect(b.broker.acks).toHaveLength(1);
  });
});

describe('the cluster of a member', () => {
  it('answers routes from what it has folded, without a master', async () => {
    const { a } = world();
    a.broker.addTopic({ name: 'orders', queueCount: 3 });
    expect(await a.cluster.routes('orders')).toMatchObject([
      { brokerName: 'broker-a', host: 'broker-a.example', port: 8081, topic: { queueCount: 3 } },
    ]);
    expect(await a.cluster.group('billing')).toMatchObject({ name: 'billing' });
  });

  it('lets the master create a topic on first use', async () => {
    const { members, a, b } = world();
    members.elect('b');
    b.broker.addTopic({ name: 'orders', queueCount: 5 });
    a.access.autoCreateTopic = (name) => b.broker.autoCreateTopic(name);
    expect(await a.cluster.routes('orders')).toHaveLength(1);
  });

  it('has its clients announced when another member serves the group, and only then', () => {
    const { members, a } = world();
    let moves = 0;
    a.cluster.onMoved(() => {
      moves += 1;
    });
    members.elect('b');
    members.elect('b');
    members.elect(undefined);
    members.elect('b');
    expect(moves).toBe(1);
    members.elect('a');
    expect(moves).toBe(2);
  });

  it('tells what another node has passed on to nobody but its own broker', () => {
    const { members, a } = world();
    members.elect('b');
    expect(a.cluster.own()).toBeUndefined();
    members.elect('a');
    expect(a.cluster.own()).toBe(a.broker);
  });
});

describe('channels to other members', () => {
  it('are made when first used and closed when another member is the master', async () => {
    const { members, a } = world();
    members.elect('b');
    expect(a.routing.linkCount).toBe(0);
    await a.access.sendMessage(message(), groupClient());
    expect(a.routing.linkCount).toBe(1);
    members.elect(undefined);
    expect(a.routing.linkCount).toBe(1);
    members.elect('c');
    expect(a.routing.linkCount).toBe(0);
    expect(members.channels.map(({ isClosed }) => isClosed)).toEqual([true]);
  });

  it('does not keep an unexpected failure to itself', async () => {
    const { members, a } = world();
    members.elect('a');
    const bug = new TypeError('a bug');
    a.broker.sendMessage = () => Promise.reject(bug);
    await expect(a.access.sendMessage(message(), groupClient())).rejects.toBe(bug);
    a.broker.sendMessage = () =>
      Promise.reject(new MqError('too-many-requests', { what: 'x', limit: 1 }));
    await expect(a.access.sendMessage(message(), groupClient())).rejects.toMatchObject({
      code: 'too-many-requests',
    });
  });
});
