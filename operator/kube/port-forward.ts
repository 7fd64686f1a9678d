import { PortForward, type KubeConfig } from '@kubernetes/client-node';
import { Duplex, PassThrough, Writable } from 'node:stream';
import { failureOfAnswer, KubeError } from './kube-error.ts';

/** What is used of the socket that client-node opens. */
export interface TunnelSocket {
  send(data: Buffer, done: (error?: Error) => void): void;
  pause(): void;
  resume(): void;
  close(): void;
  onclose: (() => void) | null;
  onerror: ((event: { readonly message?: string }) => void) | null;
}

/** Opens the socket of a port-forward; `data` and `errors` get what comes over it, without the numbers of channels and ports. */
export type OpenSocket = (
  namespace: string,
  pod: string,
  port: number,
  streams: { readonly data: Writable; readonly errors: Writable },
) => Promise<TunnelSocket>;

/** Of channel 0, which carries the data of the first port. */
const DATA_CHANNEL = Buffer.of(0);

export function socketOpener(config: KubeConfig): OpenSocket {
  const forward = new PortForward(config);
  return async (namespace, pod, port, { data, errors }) => {
    // What is sent goes over the socket directly, so that a slow pod slows its sender down.
    const nothing = new PassThrough();
    const socket: unknown = await forward.portForward(
      namespace,
      pod,
      [port],
      data,
      errors,
      nothing,
    );
    return socket as TunnelSocket;
  };
}

/** A connection to a port of a pod, through the API server. Rejects with a `KubeError` when there is no way. */
export async function openPortForward(
  open: OpenSocket,
  {
    namespace,
    pod,
    port,
  }: { readonly namespace: string; readonly pod: string; readonly port: number },
): Promise<Duplex> {
  const tunnel = new Tunnel();
  const what = `port-forward pods ${namespace}/${pod}`;
  try {
    const socket = await open(namespace, pod, port, tunnel.ends(what));
    tunnel.connect(socket);
    return tunnel;
  } catch (error) {
    throw failureOf(what, error);
  }
}

class Tunnel extends Duplex {
  #socket: TunnelSocket | undefined;

  constructor() {
    super({ allowHalfOpen: false });
  }

  /** Where what comes from the pod goes. */
  ends(what: string): { readonly data: Writable; readonly errors: Writable } {
    const data = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.push(chunk)) this.#socket?.pause();
        done();
      },
    });
    const errors = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        // The channel begins with the number of its port, which is no error.
        const message = chunk.toString('utf8').trim();
        if (message !== '') {
          this.destroy(new KubeError(unreachable(`${what}: ${message}`)));
        }
        done();
      },
    });
    return { data, errors };
  }

  connect(socket: TunnelSocket): void {
    this.#socket = socket;
    socket.onclose = () => {
      this.push(null);
      this.destroy();
    };
    socket.onerror = ({ message = 'the connection broke' }) => {
      this.destroy(new KubeError(unreachable(message)));
    };
    if (this.destroyed) socket.close();
  }

  override _read(): void {
    this.#socket?.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#socket?.send(Buffer.concat([DATA_CHANNEL, chunk]), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket?.close();
    done(error);
  }
}

const UPGRADE_REFUSED = /Unexpected server response: (\d+)/;

/** Why the socket could not be opened: the status stands in the text of the error, and nowhere else. */
function failureOf(what: string, error: unknown): KubeError {
  const message = messageOf(error);
  const status = UPGRADE_REFUSED.exec(message)?.[1];
  if (status !== undefined) return failureOfAnswer(what, Number(status), '');
  return new KubeError({ ...unreachable(`${what}: ${message}`), cause: error });
}

/** Of an error, or of the event that carries one. */
function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { message, error: inner } = error as { message?: unknown; error?: unknown };
  if (typeof message === 'string' && message !== '') return message;
  return inner === undefined ? 'the connection failed' : messageOf(inner);
}

function unreachable(message: string): ConstructorParameters<typeof KubeError>[0] {
  return { kind: 'unreachable', status: 0, message };
}
