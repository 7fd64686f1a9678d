import type { Timers, TimerHandle } from '../../common/environment/timers.ts';
import { GRPC_STATUS, RpcError, rpcStatusOf } from '../../common/rpc/rpc-error.ts';
import type {
  BidiListener,
  CallContext,
  SendMessage,
  ServiceMethod,
  ServiceTable,
} from '../../common/rpc/service-table.ts';
import type { SimConnection } from './sim-connection.ts';
import type { SimHost } from './sim-host.ts';
import type { Frame, OpenFrame } from './sim-rpc-frame.ts';

export interface SimRpcServerOptions {
  /** Bytes of one response stream that the reader has not taken, above which `send` asks its handler to wait. */
  readonly streamPendingBytes: number;
  /** A bidirectional stream whose reader owes more than this is given up. */
  readonly bidiPendingBytesMax: number;
  /** A handler failed with something that is not an RpcError: a bug. */
  readonly onHandlerFailed: (method: string, error: unknown) => void;
}

/** As common/rpc/grpc-server.ts has them, but for the megabytes. */
const DEFAULT_OPTIONS: SimRpcServerOptions = {
  streamPendingBytes: 64 * 1024,
  bidiPendingBytesMax: 1024 * 1024,
  onHandlerFailed: (method, error) => {
    throw new Error(`${method} failed unexpectedly`, { cause: error });
  },
};

/** Serves a ServiceTable at a port of a simulated node, with the semantics of common/rpc/grpc-server.ts. */
export class SimRpcServer {
  readonly #host: SimHost;
  readonly #port: string;
  readonly #table: ServiceTable;
  readonly #timers: Timers;
  readonly #options: SimRpcServerOptions;
  readonly #connections = new Map<SimConnection, Map<number, ServerCall>>();
  #openCalls = 0;

  constructor(
    host: SimHost,
    port: number,
    timers: Timers,
    table: ServiceTable,
    options: Partial<SimRpcServerOptions> = {},
  ) {
    this.#host = host;
    this.#port = String(port);
    this.#timers = timers;
    this.#table = table;
    this.#options = { ...DEFAULT_OPTIONS, ...options };
    host.listen(this.#port, (connection) => {
      this.#accept(connection);
    });
  }

  /** Calls that have not ended. */
  get callCount(): number {
    return this.#openCalls;
  }

  /** Accepts nothing new and cuts what is open. */
  close(): void {
    this.#host.stopListening(this.#port);
    for (const [connection, calls] of this.#connections) {
      connection.close();
      endAll(calls);
    }
    this.#connections.clear();
  }

  #accept(connection: SimConnection): void {
    const calls = new Map<number, ServerCall>();
    this.#connections.set(connection, calls);
    connection.onMessage((message, head) => {
      const frame = head as Frame;
      if (frame.kind === 'open') this.#open(connection, calls, frame, message);
      else calls.get(frame.call)?.received(frame, message);
    });
    connection.onClose(() => {
      this.#connections.delete(connection);
      endAll(calls);
    });
  }

  #open(
    connection: SimConnection,
    calls: Map<number, ServerCall>,
    frame: OpenFrame,
    request: Buffer,
  ): void {
    const method = this.#table[frame.path];
    if (method === undefined) {
      const status = { status: GRPC_STATUS.unimplemented, details: `no method ${frame.path}` };
      sendFrame(connection, { kind: 'end', call: frame.call, ...status });
      return;
    }
    this.#openCalls += 1;
    const call = new ServerCall(frame, connection, {
      timers: this.#timers,
      options: this.#options,
      onEnded: () => {
        this.#openCalls -= 1;
        calls.delete(frame.call);
      },
    });
    calls.set(frame.call, call);
    call.start(method, request);
  }
}

function sendFrame(connection: SimConnection, frame: Frame, message?: Uint8Array): void {
  connection.send(message, frame);
}

function endAll(calls: Map<number, ServerCall>): void {
  for (const call of [...calls.values()]) call.over();
}

interface CallHost {
  readonly timers: Timers;
  readonly options: SimRpcServerOptions;
  onEnded(): void;
}

class ServerCall implements CallContext {
  readonly method: string;
  readonly peer: string;
  readonly isTls = false;
  readonly deadlineMs: number | undefined;
  readonly #number: number;
  readonly #head: OpenFrame;
  readonly #connection: SimConnection;
  readonly #host: CallHost;
  #deadline: TimerHandle | undefined;
  #bidi: BidiListener | undefined;
  #isBidi = false;
  #abort: AbortController | undefined;
  #isAnswered = false;
  #isOver = false;
  #pendingBytes = 0;
  #room: Promise<void> | undefined;
  #resolveRoom: (() => void) | undefined;

  constructor(head: OpenFrame, connection: SimConnection, host: CallHost) {
    this.#number = head.call;
    this.#head = head;
    this.#connection = connection;
    this.#host = host;
    this.method = head.path;
    this.peer = `${connection.remote}:${head.call}`;
    this.deadlineMs = head.deadlineMs;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#isOver) this.#abort.abort(CALL_ENDED);
    }
    return this.#abort.signal;
  }

  metadata(name: string): string | undefined {
    return this.#head.metadata[name];
  }

  start(method: ServiceMethod, request: Buffer): void {
    if (this.deadlineMs !== undefined) {
      this.#deadline = this.#host.timers.after(Math.max(0, this.deadlineMs), () => {
        this.over();
      });
    }
    if (method.kind === 'unary') {
      this.#settle(method.handle(request, this));
    } else if (method.kind === 'server-stream') {
      this.#settle(method.handle(request, this, this.#send));
    } else {
      this.#isBidi = true;
      this.#bidi = method.handle(this, {
        send: this.#send,
        end: (error) => {
          this.#finish(error);
        },
      });
      // A single request message of an exchange.
      if (this.#head.isSingle) {
        this.#bidi.message(request);
        this.#bidi.halfClosed();
      }
    }
  }

  received(frame: Frame, message: Buffer): void {
    if (this.#isOver || this.#isAnswered) return;
    if (frame.kind === 'message') this.#bidi?.message(message);
    else if (frame.kind === 'half-close') this.#bidi?.halfClosed();
    else if (frame.kind === 'credit') this.#drained(frame.bytes);
    else this.over();
  }

  /** Runs once for every call, however it ended. */
  over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline?.cancel();
    this.#pendingBytes = 0;
    this.#releaseWaiting();
    this.#host.onEnded();
    this.#abort?.abort(CALL_ENDED);
    this.#bidi?.closed();
  }

  #settle(work: Promise<Uint8Array | void>): void {
    work.then(
      (response) => {
        this.#finish(undefined, response ?? undefined);
      },
      (error: unknown) => {
        this.#finish(error ?? new Error('rejected without a reason'));
      },
    );
  }

  readonly #send: SendMessage = (message) => {
    if (this.#isOver || this.#isAnswered) return undefined;
    const { streamPendingBytes, bidiPendingBytesMax } = this.#host.options;
    if (this.#isBidi && this.#pendingBytes > bidiPendingBytesMax) {
      this.#finish(new RpcError('resourceExhausted', 'the stream is not being read'));
      return undefined;
    }
    this.#pendingBytes += message.byteLength;
    sendFrame(this.#connection, { kind: 'message', call: this.#number }, message);
    if (this.#pendingBytes <= streamPendingBytes) return undefined;
    this.#room ??= new Promise((resolve) => {
      this.#resolveRoom = resolve;
    });
    return this.#room;
  };

  #drained(bytes: number): void {
    this.#pendingBytes -= bytes;
    if (this.#pendingBytes <= this.#host.options.streamPendingBytes) this.#releaseWaiting();
  }

  #releaseWaiting(): void {
    this.#resolveRoom?.();
    this.#resolveRoom = undefined;
    this.#room = undefined;
  }

  #finish(error?: unknown, response?: Uint8Array): void {
    if (this.#isOver || this.#isAnswered) return;
    this.#isAnswered = true;
    if (error === undefined && response !== undefined) {
      sendFrame(this.#connection, { kind: 'answer', call: this.#number }, response);
    } else {
      const status = this.#statusOf(error);
      sendFrame(this.#connection, { kind: 'end', call: this.#number, ...status });
    }
    // A stream is told of its end later, not inside its own call of `end`.
    if (this.#isBidi) this.#host.timers.soon(() => this.over());
    else this.over();
  }

  #statusOf(error: unknown): { status: number; details: string } {
    if (error === undefined) return { status: GRPC_STATUS.ok, details: '' };
    const status = rpcStatusOf(error);
    if (status !== undefined) return { status, details: (error as Error).message };
    this.#host.options.onHandlerFailed(this.method, error);
    return { status: GRPC_STATUS.internal, details: 'internal error' };
  }
}

const CALL_ENDED = new Error('the call has ended');
