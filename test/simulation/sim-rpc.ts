import type { Timers } from '../../common/environment/timers.ts';
import type { SimConnection } from './sim-connection.ts';
import type { SimHost } from './sim-host.ts';

/** Answers one call; what it throws reaches the caller as `UNKNOWN` with the message, or with the error's own `code`. */
export type RpcHandler = (request: Buffer, from: string) => Promise<Uint8Array>;

const SERVICE = 'rpc';

/** Frame: kind u8, call number u32, length of the head u16, head (method, or code and message), body. */
const KIND = { request: 1, response: 2, failure: 3 } as const;
const HEAD_START = 7;

interface PendingCall {
  resolve(response: Buffer): void;
  reject(error: Error): void;
}

/**
 * Unary calls over simulated connections, with the outcomes that gRPC has: an answer, an error of the handler,
 * `UNAVAILABLE` when the connection ends (whether the handler ran is then unknown), `DEADLINE_EXCEEDED`.
 */
export class SimRpc {
  readonly #host: SimHost;
  readonly #timers: Timers;
  readonly #handlers = new Map<string, RpcHandler>();
  readonly #channels = new Map<string, RpcChannel>();

  constructor(host: SimHost, timers: Timers) {
    this.#host = host;
    this.#timers = timers;
    host.listen(SERVICE, (connection) => this.#accept(connection));
  }

  serve(method: string, handler: RpcHandler): void {
    this.#handlers.set(method, handler);
  }

  async call(to: string, method: string, request: Uint8Array, deadlineMs: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const deadline = this.#timers.after(deadlineMs, () => {
        reject(rpcError('DEADLINE_EXCEEDED', `${method} at ${to} after ${deadlineMs} ms`));
      });
      const done = (finish: () => void): void => {
        deadline.cancel();
        finish();
      };
      this.#channel(to).call(method, request, {
        resolve: (response) => done(() => resolve(response)),
        reject: (error) => done(() => reject(error)),
      });
    });
  }

  #channel(to: string): RpcChannel {
    const known = this.#channels.get(to);
    if (known?.isUsable === true) return known;
    const channel = new RpcChannel(this.#host.connect(to, SERVICE));
    this.#channels.set(to, channel);
    return channel;
  }

  #accept(connection: SimConnection): void {
    connection.onMessage((frame) => void this.#answer(connection, frame));
  }

  async #answer(connection: SimConnection, frame: Buffer): Promise<void> {
    const { call, head, body } = parseFrame(frame);
    try {
      const handler = this.#handlers.get(head);
      if (handler === undefined) throw rpcError('UNIMPLEMENTED', head);
      connection.send(makeFrame(KIND.response, call, '', await handler(body, connection.remote)));
    } catch (error) {
      const { code = 'UNKNOWN', message } = error as Error & { code?: string };
      connection.send(makeFrame(KIND.failure, call, code, Buffer.from(message)));
    }
  }
}

/** One connection to one node, used by all calls to it until it ends. */
class RpcChannel {
  isUsable = true;
  readonly #connection: Promise<SimConnection>;
  readonly #pending = new Map<number, PendingCall>();
  #callCount = 0;

  constructor(connecting: Promise<SimConnection>) {
    this.#connection = connecting;
    connecting.then(
      (connection) => this.#listen(connection),
      (error: unknown) => this.#fail((error as Error).message),
    );
  }

  call(method: string, request: Uint8Array, pending: PendingCall): void {
    const call = ++this.#callCount;
    this.#pending.set(call, pending);
    const frame = makeFrame(KIND.request, call, method, request);
    // A failure to connect reaches every pending call through `#fail`.
    this.#connection.then(
      (connection) => connection.send(frame),
      () => undefined,
    );
  }

  #listen(connection: SimConnection): void {
    connection.onClose((reason) => this.#fail(`connection ended: ${reason}`));
    connection.onMessage((frame) => {
      const { kind, call, head, body } = parseFrame(frame);
      const pending = this.#pending.get(call);
      this.#pending.delete(call);
      if (kind === KIND.response) pending?.resolve(body);
      else pending?.reject(rpcError(head, body.toString()));
    });
  }

  #fail(why: string): void {
    this.isUsable = false;
    for (const pending of this.#pending.values()) pending.reject(rpcError('UNAVAILABLE', why));
    this.#pending.clear();
  }
}

function makeFrame(kind: number, call: number, head: string, body: Uint8Array): Buffer {
  const headBytes = Buffer.from(head);
  const prefix = Buffer.alloc(HEAD_START);
  prefix.writeUInt8(kind, 0);
  prefix.writeUInt32BE(call, 1);
  prefix.writeUInt16BE(headBytes.length, 5);
  return Buffer.concat([prefix, headBytes, body]);
}

function parseFrame(frame: Buffer): { kind: number; call: number; head: string; body: Buffer } {
  const headEnd = HEAD_START + frame.readUInt16BE(5);
  return {
    kind: frame.readUInt8(0),
    call: frame.readUInt32BE(1),
    head: frame.toString('utf8', HEAD_START, headEnd),
    body: frame.subarray(headEnd),
  };
}

function rpcError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
