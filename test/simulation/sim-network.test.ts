import { describe, expect, it } from '@jest/globals';
import type { SimConnection } from './sim-connection.ts';
import { SOUND_NETWORK, type NetworkFaults } from './sim-network.ts';
import type { SimNode } from './sim-node.ts';
import { SimRpc } from './sim-rpc.ts';
import { simulate, type World } from './world.ts';

interface Pair {
  world: World;
  a: SimNode;
  b: SimNode;
}

function withPair<T>(
  body: (pair: Pair) => Promise<T>,
  faults: Partial<NetworkFaults> = {},
): Promise<T> {
  return simulate(1, async (world) => {
    world.network.faults = { ...SOUND_NETWORK, ...faults };
    return body({ world, a: world.addNode('a'), b: world.addNode('b') });
  });
}

/** Sends numbered datagrams from a to b and returns what arrived, in order. */
async function datagrams({ world, a, b }: Pair, count: number): Promise<number[]> {
  const arrived: number[] = [];
  b.host.onDatagram((from, payload) => {
    expect(from).toBe('a');
    arrived.push(payload.readUInt32BE(0));
  });
  for (let i = 0; i < count; i++) {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(i);
    a.host.sendDatagram('b', payload);
  }
  await world.sleep(60_000);
  return arrived;
}

const byNumber = (x: number, y: number): number => x - y;
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('SimNetwork: datagrams', () => {
  it('all arrive over a sound network, overtaking each other', async () => {
    const arrived = await withPair((pair) => datagrams(pair, 100));
    expect(arrived).not.toEqual(upTo(100));
    expect(arrived.sort(byNumber)).toEqual(upTo(100));
  });

  it('are lost, and doubled, as often as the faults say', async () => {
    const lossy = await withPair((pair) => datagrams(pair, 1_000), { lossProbability: 0.3 });
    expect(Math.abs(lossy.length - 700)).toBeLessThan(60);
    const doubled = await withPair((pair) => datagrams(pair, 1_000), { duplicateProbability: 0.3 });
    expect(Math.abs(doubled.length - 1_300)).toBeLessThan(60);
  });

  it('pass the one way that is not blocked', async () => {
    await withPair(async ({ world, a, b }) => {
      const seen: string[] = [];
      a.host.onDatagram((from) => seen.push(`${from}>a`));
      b.host.onDatagram((from) => seen.push(`${from}>b`));
      const exchange = async (): Promise<string[]> => {
        a.host.sendDatagram('b', Buffer.alloc(0));
        b.host.sendDatagram('a', Buffer.alloc(0));
        await world.sleep(100);
        return seen.splice(0).sort();
      };
      world.network.block('a', 'b');
      expect(await exchange()).toEqual(['b>a']);
      world.network.isolate('b');
      expect(await exchange()).toEqual([]);
      world.network.heal();
      expect(await exchange()).toEqual(['a>b', 'b>a']);
    });
  });

  it('go to the life that is there when they arrive, and to none when there is none', async () => {
    await withPair(async ({ world, a, b }) => {
      let count = 0;
      a.host.sendDatagram('b', Buffer.alloc(0));
      b.crash();
      await world.sleep(100);
      a.host.sendDatagram('b', Buffer.alloc(0));
      b.restart();
      b.host.onDatagram(() => count++);
      await world.sleep(100);
      expect(count).toBe(1);
    });
  });
});

/** A connection from a to b, both ends collecting what they see. */
async function connected({ a, b }: Pair): Promise<{
  near: SimConnection;
  far: SimConnection;
  seen: string[];
}> {
  const seen: string[] = [];
  const accepted = new Promise<SimConnection>((resolve) => b.host.listen('echo', resolve));
  const near = await a.host.connect('b', 'echo');
  const far = await accepted;
  for (const end of [near, far]) {
    end.onMessage((message) => seen.push(`${end.local} got ${message.toString()}`));
    end.onClose((reason) => seen.push(`${end.local} ${reason}`));
  }
  return { near, far, seen };
}

describe('SimConnection', () => {
  it('delivers in order and once over the worst of networks', async () => {
    const faults = { lossProbability: 0.2, duplicateProbability: 0.5, delayMeanMs: 20 };
    await withPair(async (pair) => {
      const { near, far, seen } = await connected(pair);
      for (let i = 0; i < 200; i++) near.send(Buffer.from(String(i)));
      far.send(Buffer.from('back'));
      await pair.world.sleep(60_000);
      expect(seen.filter((line) => line.startsWith('b'))).toEqual(
        upTo(200).map((i) => `b got ${i}`),
      );
      expect(seen).toContain('a got back');
    }, faults);
  });

  it('delivers what was sent before an orderly close, then closes', async () => {
    await withPair(async (pair) => {
      const { near, far, seen } = await connected(pair);
      near.send(Buffer.from('1'));
      near.send(Buffer.from('2'));
      near.close();
      near.send(Buffer.from('too late'));
      await pair.world.sleep(1_000);
      expect(seen).toEqual(['b got 1', 'b got 2', 'b closed']);
      expect([near.isOpen, far.isOpen]).toEqual([false, false]);
      expect([pair.a, pair.b].map((node) => node.host.openConnectionCount())).toEqual([0, 0]);
    });
  });

  it('waits out a short partition', async () => {
    await withPair(async (pair) => {
      const { near, seen } = await connected(pair);
      pair.world.network.isolate('b');
      near.send(Buffer.from('1'));
      near.send(Buffer.from('2'));
      await pair.world.sleep(5_000);
      expect(seen).toEqual([]);
      pair.world.network.heal();
      await pair.world.sleep(1_000);
      expect(seen).toEqual(['b got 1', 'b got 2']);
    });
  });

  it('gives up at both ends in a long partition', async () => {
    await withPair(async (pair) => {
      const { near, seen } = await connected(pair);
      pair.world.network.isolate('b');
      near.send(Buffer.from('1'));
      await pair.world.sleep(60_000);
      expect(seen.sort()).toEqual(['a ETIMEDOUT', 'b ETIMEDOUT']);
    });
  });

  it('delivers through a one-way partition although the sender can only give up', async () => {
    await withPair(async (pair) => {
      const { near, seen } = await connected(pair);
      pair.world.network.block('b', 'a');
      near.send(Buffer.from('1'));
      await pair.world.sleep(60_000);
      expect(seen).toEqual(['b got 1', 'a ETIMEDOUT', 'b ETIMEDOUT']);
    });
  });

  it('is reset at once when the other process is killed, and late when its machine loses power', async () => {
    for (const [end, reason, latestMs] of [
      ['kill', 'a ECONNRESET', 100],
      ['crash', 'a ETIMEDOUT', 60_000],
    ] as const) {
      await withPair(async (pair) => {
        const { seen } = await connected(pair);
        pair.b[end]();
        await pair.world.sleep(latestMs);
        expect(seen).toEqual([reason]);
      });
    }
  });

  it('is reset when it sends to a machine that has started anew', async () => {
    await withPair(async (pair) => {
      const { near, seen } = await connected(pair);
      pair.b.restart();
      near.send(Buffer.from('1'));
      await pair.world.sleep(100);
      expect(seen).toEqual(['a ECONNRESET']);
    });
  });

  it('is refused when nobody listens, and times out when nobody answers', async () => {
    await withPair(async ({ world, a, b }) => {
      await expect(a.host.connect('b', 'none')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      b.host.listen('echo', () => undefined);
      world.network.block('b', 'a');
      await expect(a.host.connect('b', 'echo')).rejects.toMatchObject({ code: 'ETIMEDOUT' });
      world.network.heal();
      b.crash();
      await expect(a.host.connect('b', 'echo')).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    });
  });
});

describe('SimRpc', () => {
  const rpcs = ({ a, b }: Pair): { client: SimRpc; server: SimRpc } => ({
    client: new SimRpc(a.host, a.environment.timers),
    server: new SimRpc(b.host, b.environment.timers),
  });

  it('answers calls side by side, with errors and their codes', async () => {
    await withPair(async (pair) => {
      const { client, server } = rpcs(pair);
      server.serve('double', async (request, from) => {
        expect(from).toBe('a');
        await pair.world.sleep(request[0] === 1 ? 100 : 1);
        return Buffer.from([request[0]! * 2]);
      });
      server.serve('fail', async () => {
        throw Object.assign(new Error('on purpose'), { code: 'NOT_MASTER' });
      });
      const answers = await Promise.all(
        [1, 2, 3].map((i) => client.call('b', 'double', Buffer.from([i]), 1_000)),
      );
      expect(answers.map((answer) => answer[0])).toEqual([2, 4, 6]);
      const failing = client.call('b', 'fail', Buffer.alloc(0), 1_000);
      await expect(failing).rejects.toMatchObject({ code: 'NOT_MASTER' });
      const missing = client.call('b', 'none', Buffer.alloc(0), 1_000);
      await expect(missing).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
    });
  });

  it('ends by the deadline in a partition, and works again after it', async () => {
    await withPair(async (pair) => {
      const { client, server } = rpcs(pair);
      server.serve('echo', async (request) => request);
      await client.call('b', 'echo', Buffer.from('x'), 1_000);
      pair.world.network.isolate('b');
      const startMs = pair.world.scheduler.nowMs;
      const late = client.call('b', 'echo', Buffer.from('x'), 1_000);
      await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      expect(pair.world.scheduler.nowMs - startMs).toBeCloseTo(1_000);
      pair.world.network.heal();
      await client.call('b', 'echo', Buffer.from('x'), 1_000);
    });
  });

  it('is unavailable when the server dies or is not there, and finds its next life', async () => {
    await withPair(async (pair) => {
      const { client, server } = rpcs(pair);
      server.serve('hang', () => new Promise(() => undefined));
      const hanging = client.call('b', 'hang', Buffer.alloc(0), 60_000);
      await pair.world.sleep(100);
      pair.b.kill();
      await expect(hanging).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      pair.b.restart();
      const refused = client.call('b', 'hang', Buffer.alloc(0), 60_000);
      await expect(refused).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      const next = new SimRpc(pair.b.host, pair.b.environment.timers);
      next.serve('hang', async () => Buffer.from('no more'));
      const answer = await client.call('b', 'hang', Buffer.alloc(0), 1_000);
      expect(answer.toString()).toBe('no more');
    });
  });
});
