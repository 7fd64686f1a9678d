import {
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { callError } from './refusal.ts';
import {
  endpointCredentials,
  endpointOptions,
  endpointTarget,
  type EndpointSettings,
} from './endpoint.ts';

/** A message type as the generated code has it. */
interface Codec<Properties, Message> {
  encode(message: Properties): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
}

/** One rpc as the generated tables describe it. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly request: Codec<Request, unknown>;
  readonly response: Codec<never, Response>;
}

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

const CHANNEL: ClientOptions = {
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  // Each connection its own: a bench wants several, and a command has only one anyway.
  'grpc.use_local_subchannel_pool': 1,
  // A server that restarts is back within a second or two, and gRPC would look again after minutes.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
};

/** One channel to one server, with errors that a person understands. */
export class Connection {
  readonly settings: EndpointSettings;
  readonly #client: Client;

  constructor(settings: EndpointSettings) {
    this.settings = settings;
    this.#client = new Client(endpointTarget(settings), endpointCredentials(settings), {
      ...CHANNEL,
      ...endpointOptions(settings),
    });
  }

  unary<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        method.path,
        serialize(method),
        deserialize(method),
        request,
        metadata({ ...headers, ...this.settings.sign?.(method.path) }),
        { deadline: this.#deadline(0) },
        (error: ServiceError | null, response?: Response) => {
          if (error === null && response !== undefined) resolve(response);
          else reject(this.#failure(error, method));
        },
      );
    });
  }

  /** `extraMs`: how much longer than the usual timeout the stream may last, for long polling. */
  async *serverStream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    headers: Readonly<Record<string, string>>,
    extraMs: number,
  ): AsyncGenerator<Response> {
    const stream = this.#client.makeServerStreamRequest(
      method.path,
      serialize(method),
      deserialize(method),
      request,
      metadata(headers),
      { deadline: this.#deadline(extraMs) },
    );
    try {
      for await (const response of stream) yield response as Response;
    } catch (error) {
      throw this.#failure(error, method);
    } finally {
      stream.cancel();
    }
  }

  bidi<Request, Response>(
    method: Method<Request, Response>,
    headers: Readonly<Record<string, string>>,
  ): ClientDuplexStream<Request, Response> {
    return this.#client.makeBidiStreamRequest(
      method.path,
      serialize(method),
      deserialize(method),
      metadata(headers),
    );
  }

  /** The error of a stream that was opened with `bidi`. */
  failure(error: unknown, what: string): Error {
    const { endpoint, timeoutMs } = this.settings;
    return callError(error, { endpoint, timeoutMs, what });
  }

  close(): void {
    this.#client.close();
  }

  #failure(error: unknown, method: { readonly path: string }): Error {
    return this.failure(error, method.path.split('/').at(-1) ?? '');
  }

  #deadline(extraMs: number): number {
    return Date.now() + this.settings.timeoutMs + extraMs;
  }
}

function serialize<Request>(method: Method<Request, unknown>): (request: Request) => Buffer {
  return (request) => {
    const bytes = method.request.encode(request).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

function deserialize<Response>(method: Method<never, Response>): (bytes: Buffer) => Response {
  return (bytes) => method.response.decode(bytes);
}

function metadata(headers: Readonly<Record<string, string>>): Metadata {
  const result = new Metadata();
  for (const [name, value] of Object.entries(headers)) result.set(name, value);
  return result;
}
