import type {
  CallOptions,
  RpcChannel,
  RpcStream,
  RpcStreamListener,
} from '../../common/rpc/rpc-channel.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import type { CallContext, ServiceTable } from '../../common/rpc/service-table.ts';

/** A channel to services of the same process, without a network. `table` undefined: nobody is there. */
export class TableChannel implements RpcChannel {
  readonly address: string;
  isClosed = false;
  readonly calls: { readonly path: string; readonly metadata: Readonly<Record<string, string>> }[] =
    [];
  readonly #table: () => ServiceTable | undefined;

  constructor(address: string, table: () => ServiceTable | undefined) {
    this.address = address;
    this.#table = table;
  }

  async unary(path: string, request: Uint8Array, options: CallOptions): Promise<Buffer> {
    const method = this.#method(path, options);
    if (method.kind !== 'unary') throw new RpcError('unimplemented', path);
    const work = method.handle(Buffer.from(request), contextOf(path, options));
    return Buffer.from(await orAborted(work, options.signal));
  }

  async serverStream(
    path: string,
    request: Uint8Array,
    options: CallOptions,
  ): Promise<readonly Buffer[]> {
    const method = this.#method(path, options);
    if (method.kind !== 'server-stream') throw new RpcError('unimplemented', path);
    const messages: Buffer[] = [];
    const send = (message: Uint8Array): undefined => void messages.push(Buffer.from(message));
    const work = method.handle(Buffer.from(request), contextOf(path, options), send);
    await orAborted(work, options.signal);
    return messages;
  }

  exchange(path: string, message: Uint8Array, options: CallOptions): Promise<Buffer> {
    const method = this.#method(path, options);
    if (method.kind !== 'bidi') throw new RpcError('unimplemented', path);
    return new Promise((resolve, reject) => {
      const listener = method.handle(contextOf(path, options), {
        send: (answer) => {
          resolve(Buffer.from(answer));
          listener.closed();
          return undefined;
        },
        end: (error) => {
          if (error !== undefined) reject(error);
        },
      });
      listener.message(Buffer.from(message));
    });
  }

  openStream(
    path: string,
    _metadata: Readonly<Record<string, string>>,
    _listener: RpcStreamListener,
  ): RpcStream {
    throw new RpcError('unimplemented', path);
  }

  close(): void {
    this.isClosed = true;
  }

  #method(path: string, { metadata }: CallOptions): ServiceTable[string] {
    this.calls.push({ path, metadata });
    const method = this.isClosed ? undefined : this.#table()?.[path];
    if (method === undefined) throw new RpcError('unavailable', 'connection refused', 'never-sent');
    return method;
  }
}

function contextOf(path: string, { metadata, deadlineMs, signal }: CallOptions): CallContext {
  return {
    method: path,
    peer: '127.0.0.1:1',
    deadlineMs,
    signal: signal ?? new AbortController().signal,
    isTls: false,
    metadata: (name) => metadata[name],
  };
}

function orAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new RpcError('cancelled', 'cancelled')));
    work.then(resolve, reject);
  });
}
