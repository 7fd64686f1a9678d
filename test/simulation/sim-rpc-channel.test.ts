import { describe, expect, it } from '@jest/globals';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import type { BidiListener, BidiStream, ServiceTable } from '../../common/rpc/service-table.ts';
import { SimRpcChannel } from './sim-rpc-channel.ts';
import { SimRpcServer, type SimRpcServerOptions } from './sim-rpc-server.ts';
import type { SimNode } from './sim-node.ts';
import { simulate, type World } from './world.ts';

const PORT = 8081;
const WITHIN = { deadlineMs: 1_000, metadata: {} };

interface Pair {
  readonly world: World;
  readonly client: SimNode;
  readonly server: SimNode;
  readonly channel: SimRpcChannel;
  readonly rpc: SimRpcServer;
}

function withPair<T>(
  table: ServiceTable,
  body: (pair: Pair) => Promise<T>,
  options: Partial<SimRpcServerOptions> = {},
): Promise<T> {
  return simulate(1, async (world) => {
    const client = world.addNode('client');
    const server = world.addNode('server');
    const rpc = new SimRpcServer(server.host, PORT, server.environment.timers, table, options);
    const channel = new SimRpcChannel(client.host, `server:${PORT}`, client.environment);
    return body({ world, client, server, channel, rpc });
  });
}

const status = (promise: Promise<unknown>): Promise<number | string> =>
  promise.then(
    (value) => `answered ${String(value)}`,
    (error: unknown) => (error as RpcError).rpcStatus,
  );

const never = (): Promise<never> => new Promise(() => undefined);

describe('unary calls', () => {
  it('carry request, metadata, deadline and answer', async () => {
    const table: ServiceTable = {
      '/echo': {
        kind: 'unary',
        handle: async (request, call) =>
          Buffer.from(
            `${request.toString()} ${call.metadata('who')} ${call.deadlineMs} ${call.peer.split(':')[0]}`,
          ),
      },
    };
    await withPair(table, async ({ channel, rpc }) => {
      const options = { deadlineMs: 50, metadata: { who: 'me' } };
      const answer = await channel.unary('/echo', Buffer.from('x'), options);
      expect(answer.toString()).toBe('x me 50 client');
      expect(rpc.callCount).toBe(0);
    });
  });

  it('fail with the status of the handler, INTERNAL for a bug, UNIMPLEMENTED for an unknown method', async () => {
    const table: ServiceTable = {
      '/refuse': {
        kind: 'unary',
        handle: () => Promise.reject(new RpcError('invalidArgument', 'no')),
      },
      '/bug': { kind: 'unary', handle: () => Promise.reject(new Error('oops')) },
    };
    const bugs: string[] = [];
    const onHandlerFailed = (method: string): void => void bugs.push(method);
    await withPair(
      table,
      async ({ channel }) => {
        const ask = (path: string): Promise<unknown> =>
          status(channel.unary(path, Buffer.alloc(0), WITHIN));
        expect(await ask('/refuse')).toBe(3);
        expect(await ask('/bug')).toBe(13);
        expect(await ask('/nothing')).toBe(12);
        expect(bugs).toEqual(['/bug']);
      },
      { onHandlerFailed },
    );
  });

  it('end at the deadline on both sides, and when they are aborted', async () => {
    const aborted: string[] = [];
    const table: ServiceTable = {
      '/slow': {
        kind: 'unary',
        handle: (_request, call) => {
          call.signal.addEventListener('abort', () => aborted.push(String(call.deadlineMs)));
          return never();
        },
      },
    };
    await withPair(table, async ({ world, channel, rpc }) => {
      const late = { deadlineMs: 30, metadata: {} };
      expect(await status(channel.unary('/slow', Buffer.alloc(0), late))).toBe(4);
      const abort = new AbortController();
      const call = channel.unary('/slow', Buffer.alloc(0), { ...WITHIN, signal: abort.signal });
      await world.sleep(5);
      abort.abort();
      expect(await status(call)).toBe(1);
      await world.sleep(5);
      expect(aborted).toEqual(['30', '1000']);
      expect(rpc.callCount).toBe(0);
    });
  });

  it('fail with UNAVAILABLE when the process dies, at once while nobody listens, and work again afterwards', async () => {
    const table: ServiceTable = { '/never': { kind: 'unary', handle: never } };
    await withPair(table, async ({ world, server, channel }) => {
      const call = status(channel.unary('/never', Buffer.alloc(0), WITHIN));
      await world.sleep(10);
      server.kill();
      expect(await call).toBe(14);
      expect(await status(channel.unary('/x', Buffer.alloc(0), WITHIN))).toBe(14);
      const beforeMs = world.scheduler.nowMs;
      expect(await status(channel.unary('/x', Buffer.alloc(0), WITHIN))).toBe(14);
      expect(world.scheduler.nowMs - beforeMs).toBeLessThan(0.001);
      const answer: ServiceTable = {
        '/x': { kind: 'unary', handle: async () => Buffer.from('back') },
      };
      const { timers } = server.restart();
      new SimRpcServer(server.host, PORT, timers, answer);
      await world.sleep(2_000);
      expect(await status(channel.unary('/x', Buffer.alloc(0), WITHIN))).toBe('answered back');
    });
  });

  it('wait for a stopped process, and for a partition that ends in time', async () => {
    const table: ServiceTable = {
      '/echo': { kind: 'unary', handle: async (request) => request },
    };
    await withPair(table, async ({ world, server, channel }) => {
      server.process.stop();
      const stopped = status(channel.unary('/echo', Buffer.from('1'), WITHIN));
      await world.sleep(500);
      server.process.continue();
      expect(await stopped).toBe('answered 1');
      world.network.block('server', 'client');
      const oneWay = status(channel.unary('/echo', Buffer.from('2'), WITHIN));
      await world.sleep(500);
      world.network.heal();
      expect(await oneWay).toBe('answered 2');
      world.network.block('server', 'client');
      expect(await status(channel.unary('/echo', Buffer.from('3'), WITHIN))).toBe(4);
    });
  });

  it('go on when their channel is closed, and no new ones begin', async () => {
    const table: ServiceTable = {
      '/echo': { kind: 'unary', handle: async (request) => request },
    };
    await withPair(table, async ({ world, client, server, channel }) => {
      const before = status(channel.unary('/echo', Buffer.from('1'), WITHIN));
      channel.close();
      expect(await before).toBe('answered 1');
      expect(await status(channel.unary('/echo', Buffer.from('2'), WITHIN))).toBe(14);
      await world.sleep(100);
      expect([client, server].map((node) => node.host.openConnectionCount())).toEqual([0, 0]);
    });
  });
});

describe('server streams', () => {
  const pieces = (count: number, bytes: number): ServiceTable => ({
    '/pieces': {
      kind: 'server-stream',
      handle: async (_request, _call, send) => {
        for (let i = 0; i < count; i++) await send(Buffer.alloc(bytes, i));
      },
    },
  });

  it('come complete, and are cut at the limit', async () => {
    await withPair(pieces(20, 10_000), async ({ channel }) => {
      const ask = (bytesMax: number): Promise<readonly Buffer[]> =>
        channel.serverStream('/pieces', Buffer.alloc(0), WITHIN, bytesMax);
      expect((await ask(1e6)).map((piece) => piece[0])).toEqual(Array.from(Array(20).keys()));
      expect(await status(ask(50_000))).toBe(8);
    });
  });

  it('make their handler wait for a reader that does not read', async () => {
    let sent = 0;
    const table: ServiceTable = {
      '/endless': {
        kind: 'server-stream',
        handle: async (_request, call, send) => {
          for (; !call.signal.aborted; sent++) await send(Buffer.alloc(1_000));
        },
      },
    };
    await withPair(table, async ({ world, client, channel }) => {
      const call = status(channel.serverStream('/endless', Buffer.alloc(0), WITHIN, 1e9));
      await world.sleep(2);
      client.process.stop();
      await world.sleep(500);
      const whileStopped = sent;
      await world.sleep(100);
      expect(sent).toBe(whileStopped);
      client.process.continue();
      await world.sleep(100);
      expect(sent).toBeGreaterThan(whileStopped);
      expect(await call).toBe(4);
    });
  });
});

/** A server side that writes down what happens to it. */
class Recorder implements BidiListener {
  readonly seen: string[] = [];
  stream: BidiStream | undefined;

  table(): ServiceTable {
    return {
      '/talk': {
        kind: 'bidi',
        handle: (_call, stream) => {
          this.stream = stream;
          return this;
        },
      },
    };
  }
  message(message: Buffer): void {
    this.seen.push(message.toString());
    if (message.toString() === 'ping') void this.stream?.send(Buffer.from('pong'));
  }
  halfClosed(): void {
    this.seen.push('half-closed');
  }
  closed(): void {
    this.seen.push('closed');
  }
}

describe('bidirectional streams', () => {
  const open = (channel: SimRpcChannel, seen: string[]) =>
    channel.openStream(
      '/talk',
      {},
      {
        message: (message) => seen.push(message.toString()),
        closed: (error) => seen.push(`closed ${(error as RpcError | undefined)?.rpcStatus ?? 0}`),
      },
    );

  it('carry messages both ways in order, the half-close, and the end with OK', async () => {
    const server = new Recorder();
    await withPair(server.table(), async ({ world, channel }) => {
      const seen: string[] = [];
      const stream = open(channel, seen);
      for (const text of ['1', 'ping', '2']) stream.send(Buffer.from(text));
      stream.end();
      stream.send(Buffer.from('too late'));
      await world.sleep(50);
      void server.stream?.send(Buffer.from('last'));
      server.stream?.end();
      void server.stream?.send(Buffer.from('too late'));
      await world.sleep(50);
      expect(server.seen).toEqual(['1', 'ping', '2', 'half-closed', 'closed']);
      expect(seen).toEqual(['pong', 'last', 'closed 0']);
    });
  });

  it('end for both sides when the caller cancels, the server refuses, or the connection is lost', async () => {
    for (const [end, clientSees, serverSees] of [
      ['cancel', 'closed 1', 'closed'],
      ['refuse', 'closed 3', 'closed'],
      ['kill client', undefined, 'closed'],
      ['kill server', 'closed 14', undefined],
    ] as const) {
      const server = new Recorder();
      await withPair(server.table(), async (pair) => {
        const seen: string[] = [];
        const stream = open(pair.channel, seen);
        stream.send(Buffer.from('1'));
        await pair.world.sleep(50);
        if (end === 'cancel') stream.cancel();
        if (end === 'refuse') server.stream?.end(new RpcError('invalidArgument', 'no'));
        if (end === 'kill client') pair.client.kill();
        if (end === 'kill server') pair.server.kill();
        await pair.world.sleep(50);
        expect(seen.at(-1)).toBe(clientSees);
        expect(server.seen).toEqual(serverSees === undefined ? ['1'] : ['1', serverSees]);
      });
    }
  });

  it('are given up when their reader does not read', async () => {
    const server = new Recorder();
    const body = async ({ world, client, channel }: Pair): Promise<void> => {
      const seen: string[] = [];
      open(channel, seen).send(Buffer.from('ping'));
      await world.sleep(50);
      client.process.stop();
      let isFull = false;
      for (let i = 0; i < 100; i++) {
        const room = server.stream?.send(Buffer.alloc(1_000));
        isFull = isFull || room !== undefined;
      }
      await world.sleep(50);
      expect(isFull).toBe(true);
      expect(server.seen).toEqual(['ping', 'closed']);
      client.process.continue();
      await world.sleep(50);
      expect(seen.at(-1)).toBe('closed 8');
    };
    await withPair(server.table(), body, {
      streamPendingBytes: 10_000,
      bidiPendingBytesMax: 50_000,
    });
  });

  it('give the first answer of an exchange', async () => {
    const server = new Recorder();
    await withPair(server.table(), async ({ world, channel }) => {
      const answer = await channel.exchange('/talk', Buffer.from('ping'), WITHIN);
      expect(answer.toString()).toBe('pong');
      await world.sleep(50);
      expect(server.seen).toEqual(['ping', 'half-closed']);
    });
  });
});
