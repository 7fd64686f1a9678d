/** The client side of the seam: calls on bytes to one address. */

export interface CallOptions {
  /** The call fails with DEADLINE_EXCEEDED after this. Every call has one: nothing waits for ever. */
  readonly deadlineMs: number;
  /** Lower-case keys, text values. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
}

/** Our side of a bidirectional stream that we opened. */
export interface RpcStream {
  /** Does nothing once the stream has ended. Waits for room in memory: whoever sends without being answered sets the bound. */
  send(message: Uint8Array): void;
  /** We send no more; the other side may. */
  end(): void;
  /** Ends the stream at once. */
  cancel(): void;
}

export interface RpcStreamListener {
  message(message: Buffer): void;
  /** Once, when the stream has ended; with an `RpcError` unless the other side ended it with OK. */
  closed(error: Error | undefined): void;
}

/** All methods reject with an `RpcError` for a gRPC status other than OK. */
export interface RpcChannel {
  readonly address: string;
  unary(path: string, request: Uint8Array, options: CallOptions): Promise<Buffer>;
  /** Every message of the response, collected; more than `bytesMax` in all ends the call with RESOURCE_EXHAUSTED. */
  serverStream(
    path: string,
    request: Uint8Array,
    options: CallOptions,
    bytesMax: number,
  ): Promise<readonly Buffer[]>;
  /** Opens a bidirectional stream, sends one message, gives the first one that comes back, and ends the stream. */
  exchange(path: string, message: Uint8Array, options: CallOptions): Promise<Buffer>;
  /** A stream without deadline: whoever opens it watches for silence. */
  openStream(
    path: string,
    metadata: Readonly<Record<string, string>>,
    listener: RpcStreamListener,
  ): RpcStream;
  close(): void;
}
