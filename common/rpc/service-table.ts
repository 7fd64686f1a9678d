/**
 * The seam between services and the transport: a service is a table of handlers on bytes. What serves the table (grpc-js now)
 * is known to one adapter only, and no handler imports it.
 */

/** What a handler may know of the call it answers. */
export interface CallContext {
  /** Path of the rpc, `/package.Service/Method`. */
  readonly method: string;
  /** `host:port` of the caller; IPv6 hosts are not bracketed. */
  readonly peer: string;
  /** Milliseconds that were left until the caller's deadline when the call arrived; undefined without a deadline. */
  readonly deadlineMs: number | undefined;
  /** Aborts when the caller cancels, its connection ends or its deadline passes; also after the answer has been sent. */
  readonly signal: AbortSignal;
  readonly isTls: boolean;
  /** First value of a metadata key (lower case), undefined when absent. Binary (`-bin`) values are not offered. */
  metadata(name: string): string | undefined;
}

/** Takes the request's bytes, gives the response's. Rejects with an `RpcError` for a gRPC status other than OK. */
export type UnaryHandler = (request: Buffer, call: CallContext) => Promise<Uint8Array>;

/**
 * Sends one message of the response stream; does nothing once the call has ended. Returns a promise when the caller reads more
 * slowly than we send: the handler must await it before it sends more, so that memory stays bounded. It never rejects, and
 * resolves when there is room again or the call has ended (see `signal`).
 */
export type SendMessage = (message: Uint8Array) => Promise<void> | undefined;

/** The stream ends when the promise resolves; a rejection ends it with an error status. */
export type ServerStreamHandler = (
  request: Buffer,
  call: CallContext,
  send: SendMessage,
) => Promise<void>;

/** What happens on the caller's side of a bidirectional stream. After `closed` nothing more is called. */
export interface BidiListener {
  message(message: Buffer): void;
  /** The caller will send no more (half-close). */
  halfClosed(): void;
  /** The call is over: cancelled, connection lost, deadline passed, or ended by us. */
  closed(): void;
}

/** Our side of a bidirectional stream. */
export interface BidiStream {
  readonly send: SendMessage;
  /** Ends the stream: with status OK, or with that error. */
  end(error?: Error): void;
}

export type BidiHandler = (call: CallContext, stream: BidiStream) => BidiListener;

export type ServiceMethod =
  | { readonly kind: 'unary'; readonly handle: UnaryHandler }
  | { readonly kind: 'server-stream'; readonly handle: ServerStreamHandler }
  | { readonly kind: 'bidi'; readonly handle: BidiHandler };

/** Handlers by path, e.g. `/apache.rocketmq.v2.MessagingService/SendMessage`. */
export type ServiceTable = Readonly<Record<string, ServiceMethod>>;
