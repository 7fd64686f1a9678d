import { describe, expect, it } from '@jest/globals';
import {
  openPortForward,
  type OpenSocket,
  type TunnelSocket,
} from '../../../../operator/kube/port-forward.ts';

const AT = { namespace: 'n', pod: 'p', port: 8081 };

/** A socket by hand: what was sent, and what is done with it. */
class FakeSocket implements TunnelSocket {
  onclose: (() => void) | null = null;
  onerror: ((event: { readonly message?: string }) => void) | null = null;
  readonly sent: Buffer[] = [];
  readonly calls: string[] = [];
  streams!: Parameters<OpenSocket>[3];

  readonly open: OpenSocket = (_namespace, _pod, _port, streams) => {
    this.streams = streams;
    return Promise.resolve(this);
  };

  send(data: Buffer, done: (error?: Error) => void): void {
    this.sent.push(data);
    done();
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }

  close(): void {
    this.calls.push('close');
    this.onclose?.();
  }
}

describe('a way to a port of a pod', () => {
  it('carries bytes both ways, on the channel of the data', async () => {
    const socket = new FakeSocket();
    const tunnel = await openPortForward(socket.open, AT);
    tunnel.write('ping');
    socket.streams.data.write(Buffer.from('pong'));
    const [answer] = (await tunnel.take(1).toArray()) as Buffer[];
    expect([socket.sent[0]?.toString('latin1'), answer?.toString()]).toEqual(['\0ping', 'pong']);
  });

  it('makes the other side wait while nobody reads', async () => {
    const socket = new FakeSocket();
    const tunnel = await openPortForward(socket.open, AT);
    for (let i = 0; i < 10; i++) socket.streams.data.write(Buffer.alloc(64 * 1_024));
    expect(socket.calls).toContain('pause');
    tunnel.destroy();
  });

  it('ends when the socket ends, and closes it when nobody needs it', async () => {
    const socket = new FakeSocket();
    const tunnel = await openPortForward(socket.open, AT);
    socket.onclose?.();
    expect(tunnel.destroyed).toBe(true);
    const other = new FakeSocket();
    (await openPortForward(other.open, AT)).destroy();
    expect(other.calls).toContain('close');
  });

  it('fails with what the kubelet says', async () => {
    const socket = new FakeSocket();
    const tunnel = await openPortForward(socket.open, AT);
    const failed = new Promise<Error>((resolve) => tunnel.once('error', resolve));
    socket.streams.errors.write(Buffer.alloc(0));
    socket.streams.errors.write(Buffer.from('connection refused'));
    expect((await failed).message).toBe('port-forward pods n/p: connection refused');
  });

  it.each([
    [{ message: 'Unexpected server response: 403' }, 'forbidden'],
    [{ message: 'Unexpected server response: 404' }, 'not-found'],
    [{ error: { message: 'connect ECONNREFUSED' } }, 'unreachable'],
  ])('that is refused with %j is %s', async (thrown, kind) => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the socket rejects with an event
    const refuse: OpenSocket = () => Promise.reject(thrown);
    await expect(openPortForward(refuse, AT)).rejects.toMatchObject({ code: 'KUBE', kind });
  });
});
