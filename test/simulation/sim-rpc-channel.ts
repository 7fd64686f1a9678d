import type { Environment } from '../../common/environment/environment.ts';
import type { TimerHandle } from '../../common/environment/timers.ts';
import type {
  CallOptions,
  RpcChannel,
  RpcStream,
  RpcStreamListener,
} from '../../common/rpc/rpc-channel.ts';
import { GRPC_STATUS, RpcError } from '../../common/rpc/rpc-error.ts';
import type { SimConnection } from './sim-connection.ts';
import type { SimHost } from './sim-host.ts';
import type { Frame } from './sim-rpc-frame.ts';

export interface SimRpcChannelOptions {
  /** First and longest pause between attempts to connect. */
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  /** A reader tells the sender of a stream each time it has taken so many bytes more. */
  readonly creditBytes: number;
}

/** The pauses of common/rpc/grpc-channel.ts. */
const DEFAULT_OPTIONS: SimRpcChannelOptions = {
  reconnectMinMs: 100,
  reconnectMaxMs: 2_000,
  creditBytes: 16 * 1024,
};

/**
 * RpcChannel over simulated connections, with the semantics of common/rpc/grpc-channel.ts: one connection, made when first
 * needed; while the last attempt has just failed, calls fail at once with UNAVAILABLE; when the connection ends, so do its
 * calls, and whether their handlers ran is unknown.
 */
export class SimRpcChannel implements RpcChannel {
  readonly address: string;
  readonly #host: SimHost;
  readonly #environment: Pick<Environment, 'clock' | 'timers'>;
  readonly #options: SimRpcChannelOptions;
  readonly #calls = new Map<number, ClientCall>();
  #connection: SimConnection | undefined;
  /** What waits for the connection that is being made; undefined while none is. */
  #waiting: Outgoing[] | undefined;
  #failures = 0;
  #retryAtMs = 0;
  #lastFailure = '';
  #callCount = 0;
  #isClosed = false;

  constructor(
    host: SimHost,
    address: string,
    environment: Pick<Environment, 'clock' | 'timers'>,
    options: Partial<SimRpcChannelOptions> = {},
  ) {
    this.#host = host;
    this.address = address;
    this.#environment = environment;
    this.#options = { ...DEFAULT_OPTIONS, ...options };
  }

  unary(path: string, request: Uint8Array, options: CallOptions): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#start(path, options, request, {
        message: resolve,
        closed: (error) => {
          if (error !== undefined) reject(error);
          else resolve(EMPTY);
        },
      });
    });
  }

  serverStream(
    path: string,
    request: Uint8Array,
    options: CallOptions,
    bytesMax: number,
  ): Promise<readonly Buffer[]> {
    return new Promise((resolve, reject) => {
      const messages: Buffer[] = [];
      let bytes = 0;
      const call = this.#start(path, options, request, {
        message: (message) => {
          bytes += message.length;
          if (bytes <= bytesMax) {
            messages.push(message);
            return;
          }
          reject(new RpcError('resourceExhausted', `response has more than ${bytesMax} bytes`));
          call.cancel();
        },
        closed: (error) => {
          if (error !== undefined) reject(error);
          else resolve(messages);
        },
      });
    });
  }

  exchange(path: string, message: Uint8Array, options: CallOptions): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const call = this.#start(path, options, undefined, {
        message: (answer) => {
          resolve(answer);
          call.halfClose();
        },
        closed: (error) => {
          reject(error ?? new RpcError('unknown', 'the stream ended without an answer'));
        },
      });
      call.send(message);
    });
  }

  openStream(
    path: string,
    metadata: Readonly<Record<string, string>>,
    listener: RpcStreamListener,
  ): RpcStream {
    const call = this.#start(path, { metadata }, undefined, listener);
    return {
      send: (message) => {
        call.send(message);
      },
      end: () => {
        call.halfClose();
      },
      cancel: () => {
        call.cancel();
      },
    };
  }

  /** Open calls end as they will; new ones fail. */
  close(): void {
    this.#isClosed = true;
    this.#closeWhenUnused();
  }

  #start(
    path: string,
    options: Partial<CallOptions> & Pick<CallOptions, 'metadata'>,
    request: Uint8Array | undefined,
    listener: RpcStreamListener,
  ): ClientCall {
    const number = ++this.#callCount;
    const call = new ClientCall(number, listener, this.#options.creditBytes, {
      timers: this.#environment.timers,
      send: (frame, message) => {
        this.#send({ frame, message });
      },
      onEnded: () => {
        this.#calls.delete(number);
        if (this.#isClosed) this.#closeWhenUnused();
      },
    });
    this.#calls.set(number, call);
    call.limit(options.deadlineMs, options.signal, path);
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      this.#environment.timers.soon(() => {
        call.over(new RpcError('unavailable', refusal));
      });
      return call;
    }
    const { metadata, deadlineMs } = options;
    const isSingle = request !== undefined;
    const frame: Frame = { kind: 'open', call: number, path, metadata, deadlineMs, isSingle };
    this.#send({ frame, message: request });
    return call;
  }

  #refusal(): string | undefined {
    if (this.#isClosed) return 'the channel is closed';
    if (this.#connection !== undefined || this.#waiting !== undefined) return undefined;
    if (this.#environment.clock.monotonicMs() < this.#retryAtMs) return this.#lastFailure;
    return undefined;
  }

  #send(outgoing: Outgoing): void {
    const { frame, message } = outgoing;
    if (this.#connection !== undefined) this.#connection.send(message, frame);
    else if (this.#waiting !== undefined) this.#waiting.push(outgoing);
    else if (frame.kind === 'open') this.#connect(outgoing);
  }

  #connect(first: Outgoing): void {
    this.#waiting = [first];
    const [host = '', port = ''] = this.address.split(':');
    this.#host.connect(host, port).then(
      (connection) => {
        this.#connected(connection);
      },
      (error: unknown) => {
        this.#notConnected((error as Error).message);
      },
    );
  }

  #connected(connection: SimConnection): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    this.#failures = 0;
    this.#connection = connection;
    connection.onClose((reason) => {
      if (this.#connection === connection) this.#connection = undefined;
      this.#endAll(`the connection ended: ${reason}`);
    });
    connection.onMessage((message, head) => {
      const frame = head as Frame;
      this.#calls.get(frame.call)?.received(frame, message);
    });
    for (const { frame, message } of waiting) connection.send(message, frame);
    this.#closeWhenUnused();
  }

  #notConnected(why: string): void {
    const { reconnectMinMs, reconnectMaxMs } = this.#options;
    this.#waiting = undefined;
    this.#lastFailure = why;
    const pauseMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** this.#failures);
    this.#failures += 1;
    this.#retryAtMs = this.#environment.clock.monotonicMs() + pauseMs;
    this.#endAll(why);
  }

  #endAll(why: string): void {
    for (const call of [...this.#calls.values()]) call.over(new RpcError('unavailable', why));
  }

  #closeWhenUnused(): void {
    if (!this.#isClosed || this.#calls.size > 0) return;
    this.#connection?.close();
    this.#connection = undefined;
  }
}

/** What waits for a connection. */
interface Outgoing {
  readonly frame: Frame;
  readonly message: Uint8Array | undefined;
}

interface ClientCallPorts {
  readonly timers: Environment['timers'];
  send(frame: Frame, message?: Uint8Array): void;
  onEnded(): void;
}

class ClientCall {
  readonly #number: number;
  readonly #listener: RpcStreamListener;
  readonly #creditBytes: number;
  readonly #ports: ClientCallPorts;
  #isOver = false;
  #isHalfClosed = false;
  #readBytes = 0;
  #release: (() => void) | undefined;

  constructor(
    number: number,
    listener: RpcStreamListener,
    creditBytes: number,
    ports: ClientCallPorts,
  ) {
    this.#number = number;
    this.#listener = listener;
    this.#creditBytes = creditBytes;
    this.#ports = ports;
  }

  /** Ends the call at its deadline and when it is aborted. */
  limit(deadlineMs: number | undefined, signal: AbortSignal | undefined, path: string): void {
    let deadline: TimerHandle | undefined;
    if (deadlineMs !== undefined) {
      deadline = this.#ports.timers.after(Math.max(0, deadlineMs), () => {
        this.#stop(new RpcError('deadlineExceeded', `${path} took more than ${deadlineMs} ms`));
      });
    }
    const abort = (): void => this.cancel();
    if (signal?.aborted === true) abort();
    else signal?.addEventListener('abort', abort, { once: true });
    this.#release = () => {
      deadline?.cancel();
      signal?.removeEventListener('abort', abort);
    };
  }

  send(message: Uint8Array): void {
    if (this.#isOver || this.#isHalfClosed) return;
    this.#ports.send({ kind: 'message', call: this.#number }, message);
  }

  halfClose(): void {
    if (this.#isOver || this.#isHalfClosed) return;
    this.#isHalfClosed = true;
    this.#ports.send({ kind: 'half-close', call: this.#number });
  }

  cancel(): void {
    this.#stop(new RpcError('cancelled', 'cancelled by us'));
  }

  received(frame: Frame, message: Buffer): void {
    if (frame.kind === 'message') {
      this.#take(message);
    } else if (frame.kind === 'answer') {
      this.#listener.message(message);
      this.over(undefined);
    } else if (frame.kind === 'end') {
      const { status, details } = frame;
      this.over(status === GRPC_STATUS.ok ? undefined : new RpcError(status, details));
    }
  }

  over(error: RpcError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#release?.();
    this.#ports.onEnded();
    this.#listener.closed(error);
  }

  /** The other side is told; whoever stopped it hears of the end later, not inside its own call. */
  #stop(error: RpcError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#release?.();
    this.#ports.send({ kind: 'cancel', call: this.#number });
    this.#ports.onEnded();
    this.#ports.timers.soon(() => {
      this.#listener.closed(error);
    });
  }

  #take(message: Buffer): void {
    this.#readBytes += message.length;
    if (this.#readBytes >= this.#creditBytes) {
      this.#ports.send({ kind: 'credit', call: this.#number, bytes: this.#readBytes });
      this.#readBytes = 0;
    }
    this.#listener.message(message);
  }
}

const EMPTY = Buffer.alloc(0);
