import http2 from 'node:http2';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import type { BidiListener, ServiceTable } from '../../../common/rpc/service-table.ts';
import { serve, type RunningServer } from '../../support/gateway-server.ts';
import { MessagingClient } from '../../support/messaging-client.ts';
import { waitFor } from '../../support/wait-for.ts';

const until = (what: string, isTrue: () => boolean, timeoutMs = 5_000) =>
  waitFor(what, timeoutMs, () => (isTrue() ? true : undefined));

const MIB = 1024 * 1024;
let sent = 0;
let streamEnded = false;
let hasBegun = false;

const table: ServiceTable = {
  '/t.T/Echo': { kind: 'unary', handle: (request) => Promise.resolve(request) },
  '/t.T/Refuse': {
    kind: 'unary',
    handle: () => Promise.reject(new RpcError('unavailable', 'not now')),
  },
  '/t.T/Fail': {
    kind: 'unary',
    handle: () => Promise.reject(new TypeError('secret of the inside')),
  },
  '/t.T/Wait': {
    kind: 'unary',
    handle: (_request, call) =>
      new Promise((resolve) => {
        call.signal.addEventListener('abort', () => {
          streamEnded = true;
          resolve(Buffer.alloc(0));
        });
        hasBegun = true;
      }),
  },
  '/t.T/Flood': {
    kind: 'server-stream',
    async handle(_request, call, send) {
      for (let i = 0; i < 1_000 && !call.signal.aborted; i += 1) {
        sent += 1;
        const room = send(Buffer.alloc(MIB));
        if (room !== undefined) await room;
      }
      streamEnded = call.signal.aborted;
    },
  },
  '/t.T/Bidi': {
    kind: 'bidi',
    handle: (_call, stream): BidiListener => ({
      message: (bytes) => void stream.send(bytes),
      halfClosed: () => stream.end(),
      closed: () => {},
    }),
  },
};

let running: RunningServer;
const clients: MessagingClient[] = [];

async function start(options: Parameters<typeof serve>[1] = {}): Promise<MessagingClient> {
  sent = 0;
  streamEnded = false;
  hasBegun = false;
  running = await serve(table, options);
  return connect();
}

function connect(tls = false): MessagingClient {
  const client = new MessagingClient(running.port, {}, tls);
  clients.push(client);
  return client;
}

const works = async (client: MessagingClient) =>
  String(await client.raw('/t.T/Echo', Buffer.from('hi'))) === 'hi';

/** Writes `bytes` and gives what came back when the server has closed the connection. */
function talk(bytes: Buffer | undefined): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = net.connect(running.port, '127.0.0.1');
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
    if (bytes !== undefined) socket.write(bytes);
  });
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await running.close();
});

describe('one port', () => {
  it('serves plaintext and TLS', async () => {
    expect(await works(await start())).toBe(true);
    expect(await works(connect(true))).toBe(true);
  });

  it('forgets connections when they end, of both kinds', async () => {
    const plaintext = await start();
    const tls = connect(true);
    expect((await works(plaintext)) && (await works(tls))).toBe(true);
    expect(running.server.connectionCount).toBe(2);
    plaintext.close();
    tls.close();
    await until('no connection', () => running.server.connectionCount === 0);
    expect(running.server.callCount).toBe(0);
  });

  it('closes a connection that begins with garbage, says so once, and serves the others', async () => {
    const client = await start();
    for (let i = 0; i < 50; i += 1) await talk(Buffer.from('\x00\x01 what is this'));
    await talk(Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'));
    expect(running.reports.filter((report) => report.kind === 'garbage')).toHaveLength(1);
    expect(await works(client)).toBe(true);
  });

  it('survives garbage after a good beginning', async () => {
    const client = await start();
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await talk(Buffer.concat([preface, Buffer.alloc(64, 0xee)]));
    await talk(Buffer.from([0x16, 3, 1, 0, 4, 1, 2, 3, 4]));
    expect(await works(client)).toBe(true);
  });

  it('tells someone who comes with HTTP/1 what this port is', async () => {
    await start();
    expect(await talk(Buffer.from('GET /metrics HTTP/1.1\r\n\r\n'))).toContain('speaks gRPC');
  });

  it('closes a connection that says nothing, or half a preface, after the handshake timeout only', async () => {
    const client = await start({ handshakeTimeoutMs: 200 });
    expect(await works(client)).toBe(true);
    const startMs = performance.now();
    await Promise.all([talk(undefined), talk(Buffer.from('PRI * HT'))]);
    expect(performance.now() - startMs).toBeGreaterThan(190);
    await sleep(200);
    expect(await works(client)).toBe(true);
    expect(running.server.connectionCount).toBe(1);
  });

  it('refuses connections beyond the bound and goes on with the ones that it has', async () => {
    const client = await start({ maxConnections: 3 });
    expect(await works(client)).toBe(true);
    const idle = await Promise.all(
      [1, 2, 3, 4, 5].map(async () => {
        const socket = net.connect(running.port, '127.0.0.1');
        socket.on('error', () => {});
        await new Promise((resolve) => socket.once('connect', resolve));
        return socket;
      }),
    );
    await until('a report', () =>
      running.reports.some((report) => report.kind === 'too-many-connections'),
    );
    expect(running.server.connectionCount).toBe(3);
    expect(await works(client)).toBe(true);
    for (const socket of idle) socket.destroy();
  });
});

describe('calls', () => {
  it('end with RESOURCE_EXHAUSTED when the request is too large, and leave the connection alone', async () => {
    const client = await start({ inboundMessageBytesMax: MIB });
    await expect(client.raw('/t.T/Echo', Buffer.alloc(MIB + 1))).rejects.toMatchObject({ code: 8 });
    expect((await client.raw('/t.T/Echo', Buffer.alloc(MIB))).length).toBe(MIB);
  });

  it('survive headers that are too large', async () => {
    const client = await start();
    const fat = connect();
    fat.headers = { 'x-fat': 'x'.repeat(200_000) };
    await expect(fat.raw('/t.T/Echo', Buffer.from('x'))).rejects.toBeTruthy();
    expect(await works(client)).toBe(true);
  });

  it('end with the status of an RpcError, with UNIMPLEMENTED for an unknown path', async () => {
    const client = await start();
    await expect(client.raw('/t.T/Refuse', Buffer.alloc(0))).rejects.toMatchObject({
      code: 14,
      details: 'not now',
    });
    await expect(client.raw('/t.T/Nothing', Buffer.alloc(0))).rejects.toMatchObject({ code: 12 });
  });

  it('end with INTERNAL for a bug, which is reported and not told to the caller', async () => {
    const client = await start();
    await expect(client.raw('/t.T/Fail', Buffer.alloc(0))).rejects.toMatchObject({
      code: 13,
      details: 'internal error',
    });
    expect(running.reports.map((report) => report.kind)).toEqual(['handler-failed']);
  });

  it('learn that their caller has gone', async () => {
    await start();
    const session = http2.connect(`http://127.0.0.1:${running.port}`);
    const stream = session.request({
      ...{ ':method': 'POST', ':path': '/t.T/Wait', 'content-type': 'application/grpc' },
      te: 'trailers',
    });
    stream.on('error', () => {});
    stream.end(Buffer.alloc(5));
    await until('the call', () => hasBegun);
    session.destroy();
    await until('the abort', () => streamEnded);
    await until('no call', () => running.server.callCount === 0);
  });

  it('end with the deadline that their caller gave', async () => {
    const client = await start();
    expect(await works(client)).toBe(true);
    await expect(client.raw('/t.T/Wait', Buffer.alloc(0), 500)).rejects.toMatchObject({ code: 4 });
    await until('the abort', () => streamEnded);
  });

  it('do not fill memory for a caller that does not read', async () => {
    await start({ streamPendingBytes: 2 * MIB, writeStallTimeoutMs: 600 });
    const session = http2.connect(`http://127.0.0.1:${running.port}`);
    session.on('error', () => {});
    const stream = session.request({
      ':method': 'POST',
      ':path': '/t.T/Flood',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => {});
    stream.end(Buffer.alloc(5));
    stream.pause();
    await until('the first message', () => sent > 0);
    await sleep(200);
    expect(sent).toBeLessThan(8);
    // Nothing moves: the connection is given up, and the handler with it.
    await until('the end of the stream', () => streamEnded);
    expect(running.reports.map((report) => report.kind)).toContain('stalled-reader');
    session.destroy();
  });

  it('stream both ways', async () => {
    const client = await start();
    const stream = client.client.makeBidiStreamRequest<Buffer, Buffer>(
      '/t.T/Bidi',
      (x) => x,
      (x) => x,
    );
    const received: string[] = [];
    stream.on('data', (bytes: Buffer) => received.push(String(bytes)));
    stream.write(Buffer.from('a'));
    stream.write(Buffer.from('b'));
    stream.end();
    await new Promise((resolve) => stream.on('end', resolve));
    expect(received).toEqual(['a', 'b']);
  });
});

describe('a timeout', () => {
  /** Opens `path` with a timeout and resolves with the gRPC status, or undefined when the call is still open after `waitMs`. */
  async function statusWithin(
    path: string,
    timeout: string,
    waitMs: number,
  ): Promise<string | undefined> {
    const session = http2.connect(`http://127.0.0.1:${running.port}`);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      'grpc-timeout': timeout,
      te: 'trailers',
    });
    let status: string | undefined;
    const take = (headers: http2.IncomingHttpHeaders): void => {
      status ??= headers['grpc-status'] as string | undefined;
    };
    stream.on('response', take).on('trailers', take);
    stream.resume();
    stream.write(Buffer.alloc(5));
    const end = performance.now() + waitMs;
    while (status === undefined && performance.now() < end) await sleep(20);
    session.destroy();
    return status;
  }

  it.each(['31535999M', '99999999H', '2147484S'])(
    'of %s, longer than grpc-js can count, is none (Java opens Telemetry with 60 years)',
    async (timeout) => {
      await start();
      expect(await statusWithin('/t.T/Bidi', timeout, 300)).toBeUndefined();
    },
  );

  it.each(['100m', '99999999n'])('of %s ends the call', async (timeout) => {
    await start();
    expect(await statusWithin('/t.T/Bidi', timeout, 10_000)).toBe('4');
  });
});

describe('a connection', () => {
  it('that pings a hundred times a second, with no call open, is never told to go away', async () => {
    await start();
    const session = http2.connect(`http://127.0.0.1:${running.port}`);
    let isAway = false;
    session.on('goaway', () => (isAway = true));
    session.on('close', () => (isAway = true));
    await new Promise((resolve) => session.once('connect', resolve));
    for (let i = 0; i < 200; i += 1) {
      await new Promise<void>((resolve, reject) => {
        session.ping((error) => (error === null ? resolve() : reject(error)));
      });
      await sleep(i % 4 === 0 ? 10 : 0);
    }
    expect(isAway).toBe(false);
    session.destroy();
  });

  it('is one of 5,000 idle ones, and a call on another is answered all the same', async () => {
    const client = await start();
    const memoryBefore = process.memoryUsage().rss;
    const preface = Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
    ]);
    const idle: net.Socket[] = [];
    for (let i = 0; i < 5_000; i += 250) {
      const batch = Array.from({ length: 250 }, () => {
        const socket = net.connect(running.port, '127.0.0.1');
        socket.on('error', () => {});
        socket.write(preface);
        return socket;
      });
      await Promise.all(
        batch.map((socket) => new Promise((resolve) => socket.once('data', resolve))),
      );
      idle.push(...batch);
    }
    expect(running.server.connectionCount).toBeGreaterThanOrEqual(5_000);
    const startMs = performance.now();
    expect(await works(client)).toBe(true);
    expect(performance.now() - startMs).toBeLessThan(1_000);
    // Both ends live in this process: well under 200 KiB for a connection and its client.
    expect(process.memoryUsage().rss - memoryBefore).toBeLessThan(1024 * MIB);
    for (const socket of idle) socket.destroy();
    await until('no idle connection', () => running.server.connectionCount <= 1);
  }, 60_000);
});
