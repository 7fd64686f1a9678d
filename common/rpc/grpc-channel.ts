/** RpcChannel over grpc-js: one HTTP/2 connection, made when first needed and again, with backoff, when it was lost. */
import {
  Client,
  connectivityState,
  credentials,
  Metadata,
  status,
  type CallOptions as GrpcCallOptions,
  type ChannelCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import type { Clock } from '../environment/clock.ts';
import { plainDetails } from './plain-details.ts';
import type { CallOptions, RpcChannel, RpcStream, RpcStreamListener } from './rpc-channel.ts';
import { RpcError } from './rpc-error.ts';

/** `insecure-tls` encrypts and trusts any certificate: for a self-signed one inside a network that is trusted. */
export type ChannelTrust =
  | { readonly kind: 'plaintext' }
  | { readonly kind: 'tls'; readonly rootCertificatesPem: string | undefined }
  | { readonly kind: 'insecure-tls' };

export interface GrpcChannelOptions {
  readonly host: string;
  readonly port: number;
  readonly trust: ChannelTrust;
  readonly inboundMessageBytesMax: number;
  /** Name that a certificate must be for; without it, the host. */
  readonly serverName?: string;
}

/** First and longest pause between attempts to connect. */
const RECONNECT_MIN_MS = 100;
const RECONNECT_MAX_MS = 2_000;
/** Between two look-ups of a name: a host that went and came back has another address. */
const LOOK_UP_MIN_MS = 1_000;
/** How long an attempt to connect may take before a call that waits in vain ends it. */
const CONNECT_MS = 1_000;
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 5_000;
const UNCHECKED_SERVER_NAME = 'orbitmq.invalid';
const FLOW_CONTROL_WINDOW_BYTES = 4 * 1024 * 1024;

export class GrpcChannel implements RpcChannel {
  readonly address: string;
  readonly #options: GrpcChannelOptions;
  readonly #clock: Clock;
  #client: Client;
  #madeMs = 0;
  #isClosed = false;

  constructor(options: GrpcChannelOptions, clock: Clock) {
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    this.address = `${host}:${options.port}`;
    this.#options = options;
    this.#clock = clock;
    this.#client = this.#newClient();
  }

  #newClient(): Client {
    const options = this.#options;
    this.#madeMs = this.#clock.monotonicMs();
    return new Client(this.address, credentialsFor(options.trust), {
      'grpc.enable_channelz': 0,
      'grpc.enable_retries': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.service_config_disable_resolution': 1,
      'grpc.max_receive_message_length': options.inboundMessageBytesMax,
      'grpc.max_send_message_length': -1,
      'grpc.initial_reconnect_backoff_ms': RECONNECT_MIN_MS,
      'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS,
      'grpc.dns_min_time_between_resolutions_ms': LOOK_UP_MIN_MS,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
      // An address is no server name in TLS, and nobody checks it here.
      ...(options.trust.kind === 'insecure-tls'
        ? { 'grpc.ssl_target_name_override': UNCHECKED_SERVER_NAME }
        : {}),
      ...checkedName(options),
    });
  }

  unary(path: string, request: Uint8Array, options: CallOptions): Promise<Buffer> {
    const client = this.#client;
    return new Promise((resolve, reject) => {
      const call = client.makeUnaryRequest<Buffer, Buffer>(
        path,
        identity,
        identity,
        toBuffer(request),
        metadataOf(options),
        this.#callOptions(options),
        (error, response) => {
          release();
          if (error === null) resolve(response ?? EMPTY);
          else {
            this.#renewIfStuck(client, error);
            reject(toRpcError(error));
          }
        },
      );
      const release = cancelOnAbort(call, options.signal);
    });
  }

  serverStream(
    path: string,
    request: Uint8Array,
    options: CallOptions,
    bytesMax: number,
  ): Promise<readonly Buffer[]> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeServerStreamRequest<Buffer, Buffer>(
        path,
        identity,
        identity,
        toBuffer(request),
        metadataOf(options),
        this.#callOptions(options),
      );
      const release = cancelOnAbort(call, options.signal);
      const messages: Buffer[] = [];
      let bytes = 0;
      call.on('data', (message: Buffer) => {
        bytes += message.length;
        if (bytes <= bytesMax) {
          messages.push(message);
          return;
        }
        call.cancel();
        reject(new RpcError('resourceExhausted', `response has more than ${bytesMax} bytes`));
      });
      call.on('error', (error: ServiceError) => {
        release();
        reject(toRpcError(error));
      });
      call.on('end', () => {
        release();
        resolve(messages);
      });
    });
  }

  exchange(path: string, message: Uint8Array, options: CallOptions): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeBidiStreamRequest<Buffer, Buffer>(
        path,
        identity,
        identity,
        metadataOf(options),
        this.#callOptions(options),
      );
      const release = cancelOnAbort(call, options.signal);
      call.once('data', (answer: Buffer) => {
        resolve(answer);
        call.end();
      });
      call.on('error', (error: ServiceError) => {
        release();
        reject(toRpcError(error));
      });
      call.on('end', () => {
        release();
        reject(new RpcError('unknown', 'the stream ended without an answer'));
      });
      call.write(toBuffer(message));
    });
  }

  openStream(
    path: string,
    metadata: Readonly<Record<string, string>>,
    listener: RpcStreamListener,
  ): RpcStream {
    const call = this.#client.makeBidiStreamRequest<Buffer, Buffer>(
      path,
      identity,
      identity,
      metadataOf({ metadata }),
    );
    let isOver = false;
    const close = (error: Error | undefined): void => {
      if (isOver) return;
      isOver = true;
      listener.closed(error);
    };
    call.on('data', (message: Buffer) => {
      if (!isOver) listener.message(message);
    });
    call.on('error', (error: ServiceError) => {
      close(toRpcError(error));
    });
    call.on('end', () => {
      close(undefined);
    });
    return {
      send: (message) => {
        if (!isOver) call.write(toBuffer(message));
      },
      end: () => {
        call.end();
      },
      cancel: () => {
        call.cancel();
      },
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#client.close();
  }

  /**
   * grpc-js tries an address for as long as the system does, minutes when nothing comes back, and looks a name up again only
   * after that: a pod that is elsewhere by now would not be found. So a call that got no connection in its time ends the attempt.
   */
  #renewIfStuck(client: Client, { code }: ServiceError): void {
    if (this.#isClosed || client !== this.#client || code !== status.DEADLINE_EXCEEDED) return;
    if (client.getChannel().getConnectivityState(false) !== connectivityState.CONNECTING) return;
    if (this.#clock.monotonicMs() - this.#madeMs < CONNECT_MS) return;
    this.#client = this.#newClient();
    client.close();
  }

  #callOptions(options: CallOptions): GrpcCallOptions {
    return { deadline: this.#clock.nowMs() + options.deadlineMs };
  }
}

const EMPTY = Buffer.alloc(0);

function checkedName({ trust, host, serverName = host }: GrpcChannelOptions): object {
  if (trust.kind !== 'tls' || serverName === host) return {};
  return { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };
}

function credentialsFor(trust: ChannelTrust): ChannelCredentials {
  if (trust.kind === 'plaintext') return credentials.createInsecure();
  if (trust.kind === 'insecure-tls') {
    return credentials.createSsl(null, null, null, { rejectUnauthorized: false });
  }
  const { rootCertificatesPem } = trust;
  return credentials.createSsl(
    rootCertificatesPem === undefined ? null : Buffer.from(rootCertificatesPem),
  );
}

function metadataOf(options: Pick<CallOptions, 'metadata'>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(options.metadata)) metadata.set(key, value);
  return metadata;
}

/** Returns what takes the listener back, so that a long-lived signal does not collect one for each call. */
function cancelOnAbort(call: { cancel(): void }, signal: AbortSignal | undefined): () => void {
  if (signal === undefined) return noop;
  const cancel = (): void => {
    call.cancel();
  };
  if (signal.aborted) cancel();
  else signal.addEventListener('abort', cancel, { once: true });
  return () => {
    signal.removeEventListener('abort', cancel);
  };
}

/** How grpc-js begins what it says of a call for which it found no connection. */
const NO_CONNECTION = ['No connection established', 'Channel closed before call started'];

function toRpcError({ code, details }: ServiceError): RpcError {
  const wasSent = !NO_CONNECTION.some((text) => details.startsWith(text));
  return new RpcError(code, plainDetails(details), wasSent ? undefined : 'never-sent');
}

function identity(value: Buffer): Buffer {
  return value;
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function noop(): void {
  // No signal, nothing to take back.
}
