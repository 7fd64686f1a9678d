import { createConnection } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { PodTunnel } from '../../../../cli/kube/pod-tunnel.ts';

/** What is written comes back, as from a pod that echoes. */
const echo = (): Promise<Duplex> => Promise.resolve(new PassThrough());

async function talk(tunnel: PodTunnel, text: string): Promise<string> {
  const { host, port } = tunnel.address;
  const socket = createConnection({ host, port });
  socket.write(text);
  const [answer] = (await socket.take(1).toArray()) as (Buffer | undefined)[];
  socket.destroy();
  return answer?.toString() ?? '';
}

describe('a port that leads to a pod', () => {
  it('has a way of its own for each connection, the first one opened before it', async () => {
    let opened = 0;
    const tunnel = await PodTunnel.create(() => {
      opened += 1;
      return echo();
    });
    expect(opened).toBe(1);
    expect([await talk(tunnel, 'a'), await talk(tunnel, 'b'), opened]).toEqual(['a', 'b', 2]);
    await tunnel.close();
  });

  it('is not made when there is no way', async () => {
    const refused = (): Promise<Duplex> => Promise.reject(new Error('forbidden'));
    await expect(PodTunnel.create(refused)).rejects.toThrow('forbidden');
  });

  it('hangs up when a later way cannot be opened', async () => {
    let isAllowed = true;
    const tunnel = await PodTunnel.create(() => {
      if (!isAllowed) return Promise.reject(new Error('gone'));
      isAllowed = false;
      return echo();
    });
    expect([await talk(tunnel, 'a'), await talk(tunnel, 'b')]).toEqual(['a', '']);
    await tunnel.close();
  });

  it('ends what is under way when it is closed', async () => {
    const tunnel = await PodTunnel.create(echo);
    const socket = createConnection(tunnel.address);
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('connect', resolve));
    const ended = new Promise((resolve) => socket.once('close', resolve));
    await tunnel.close();
    await ended;
    expect(socket.destroyed).toBe(true);
  });
});
