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
import { FRAME, makeFrame, parseFrame, type Frame, type OpenHead } from './sim-rpc-frame.ts';

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
    connection.onMessage((bytes) => {
      const frame = parseFrame(bytes);
      if (frame.kind === FRAME.open) this.#open(connection, calls, frame);
      else calls.get(frame.call)?.received(frame);
    });
    connection.onClose(() => {
      this.#connections.delete(connection);
      endAll(calls);
    });
  }

  #open(connection: SimConnection, calls: Map<number, ServerCall>, frame: Frame): void {
    const head = JSON.parse(frame.head) as OpenHead;
    const method = this.#table[head.path];
    if (method === undefined) {
      const status = { status: GRPC_STATUS.unimplemented, details: `no method ${head.path}` };
      connection.send(makeFrame(FRAME.end, frame.call, JSON.stringify(status)));
      return;
    }
    this.#openCalls += 1;
    const call = new ServerCall(frame.call, head, connection, {
      timers: this.#timers,
      options: this.#options,
      onEnded: () => {
        this.#openCalls -= 1;
        calls.delete(frame.call);
      },
    });
    calls.set(frame.call, call);
    call.start(method, frame.body);
  }
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
  readonly #head: OpenHead;
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

  constructor(number: number, head: OpenHead, connection: SimConnection, host: CallHost) {
    this.#number = number;
    this.#head = head;
    this.#connection = connection;
    this.#host = host;
    this.method = head.path;
    this.peer = `${connection.remote}:${number}`;
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

  received(frame: Frame): void {
    if (this.#isOver || this.#isAnswered) return;
    if (frame.kind === FRAME.message) this.#bidi?.message(frame.body);
    else if (frame.kind === FRAME.halfClose) this.#bidi?.halfClosed();
    else if (frame.kind === FRAME.credit) this.#drained(Number(frame.head));
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
    this.#connection.send(makeFrame(FRAME.message, this.#number, '', message));
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
      this.#connection.send(makeFrame(FRAME.answer, this.#number, '', response));
    } else {
      const status = JSON.stringify(this.#statusOf(error));
      this.#connection.send(makeFrame(FRAME.end, this.#number, status));
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
