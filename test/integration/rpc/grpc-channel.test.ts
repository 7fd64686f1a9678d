import net from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { nodeEnvironment } from '../../../common/environment/node/node-environment.ts';
import { GrpcChannel } from '../../../common/rpc/grpc-channel.ts';
import { serve } from '../../support/gateway-server.ts';

const ECHO = '/t.T/Echo';
const REQUEST = Buffer.from('hello');

describe('GrpcChannel', () => {
  const disposals: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const dispose of disposals.splice(0).reverse()) await dispose();
  });

  it('gives up an attempt to connect of which nothing comes, and makes a new one', async () => {
    const running = await serve({
      [ECHO]: { kind: 'unary', handle: (request) => Promise.resolve(request) },
    });
    disposals.push(() => running.close());
    // As an address that leads nowhere any more, and then to the host that has come back.
    let connections = 0;
    const sockets: net.Socket[] = [];
    const door = net.createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      if (++connections === 1) return;
      const inner = net.connect(running.port, '127.0.0.1');
      sockets.push(inner);
      inner.on('error', () => socket.destroy());
      socket.pipe(inner).pipe(socket);
    });
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    disposals.push(() => {
      for (const socket of sockets) socket.destroy();
      door.close();
    });
    const { port } = door.address() as net.AddressInfo;
    const channel = new GrpcChannel(
      { host: '127.0.0.1', port, trust: { kind: 'plaintext' }, inboundMessageBytesMax: 1_000 },
      nodeEnvironment().clock,
    );
    disposals.push(() => {
      channel.close();
    });
    const call = (deadlineMs: number): Promise<Buffer> =>
      channel.unary(ECHO, REQUEST, { deadlineMs, metadata: {} });
    // Waits for the same connection, and has more time: it was never sent, and says so.
    const patient = call(30_000).catch((error: unknown) => error);
    await expect(call(1_500)).rejects.toThrow('no answer within 1.5 s');
    expect(await patient).toMatchObject({ wasNeverSent: true });
    expect(await call(5_000)).toEqual(REQUEST);
    expect(connections).toBe(2);
  });
});
