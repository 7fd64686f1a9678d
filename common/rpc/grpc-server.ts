/** Serves a ServiceTable with grpc-js on one port, TLS and plaintext together. */
import type net from 'node:net';
import { Server, ServerCredentials, type ServerInterceptor } from '@grpc/grpc-js';
import type { Environment } from '../environment/environment.ts';
import { GrpcCall, type CallHost } from './grpc-call.ts';
import { dropLongTimeouts } from './long-timeout.ts';
import type { ReportSink } from './server-report.ts';
import type { ServiceMethod, ServiceTable } from './service-table.ts';
import { TlsSniffer } from './tls-sniffer.ts';

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Undefined: TLS connections are refused. */
  readonly certificate: KeyPair | undefined;
  readonly maxConnections: number;
  readonly handshakeTimeoutMs: number;
  readonly writeStallTimeoutMs: number;
  /** Largest request message; a larger one ends its own call with RESOURCE_EXHAUSTED. */
  readonly inboundMessageBytesMax: number;
  /** Calls open at once on one connection; a client waits with further ones by itself. */
  readonly concurrentStreamsMax: number;
  /** Unread bytes of one response stream above which its handler is asked to wait. */
  readonly streamPendingBytes: number;
  /** A connection is pinged at this interval and closed when it does not answer in time. Clients may ping as they like. */
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
}

/** PEM texts. */
export interface KeyPair {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** The largest body, and room for its properties and the request around it. */
const DEFAULT_INBOUND_MESSAGE_BYTES_MAX = 4 * 1024 * 1024 + 128 * 1024;

export const DEFAULT_GRPC_SERVER_OPTIONS: Omit<GrpcServerOptions, 'host' | 'port' | 'certificate'> =
  {
    maxConnections: 20_000,
    handshakeTimeoutMs: 30_000,
    writeStallTimeoutMs: 60_000,
    inboundMessageBytesMax: DEFAULT_INBOUND_MESSAGE_BYTES_MAX,
    concurrentStreamsMax: 10_000,
    streamPendingBytes: 1024 * 1024,
    keepaliveIntervalMs: 60_000,
    keepaliveTimeoutMs: 20_000,
  };

interface Injector {
  injectConnection(connection: net.Socket): void;
}

const CLOSE_POLL_MS = 20;

export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #environment: Environment;
  readonly #server: Server;
  readonly #sniffer: TlsSniffer;
  #openCalls = 0;
  #tls: Injector | undefined;

  constructor(
    options: GrpcServerOptions,
    environment: Environment,
    table: ServiceTable,
    sink: ReportSink,
  ) {
    this.#options = options;
    this.#environment = environment;
    this.#server = new Server({
      'grpc.enable_channelz': 0,
      'grpc.max_receive_message_length': options.inboundMessageBytesMax,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': options.concurrentStreamsMax,
      'grpc.keepalive_time_ms': options.keepaliveIntervalMs,
      'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs,
      interceptors: [this.#interceptor(table)],
    });
    for (const [path, method] of Object.entries(table)) this.#register(path, method);
    const plaintext = this.#injector(ServerCredentials.createInsecure());
    if (options.certificate !== undefined) this.setCertificate(options.certificate);
    this.#sniffer = new TlsSniffer(
      options,
      environment,
      {
        plaintext: (socket) => {
          plaintext.injectConnection(socket);
        },
        tls: (socket) => {
          this.#injectTls(socket);
        },
      },
      sink,
    );
  }

  /** Resolves with the port that is listened on. */
  listen(): Promise<number> {
    return this.#sniffer.listen(this.#options.host, this.#options.port);
  }

  get connectionCount(): number {
    return this.#sniffer.connectionCount;
  }

  /** Calls that have not ended, streams included. */
  get callCount(): number {
    return this.#openCalls;
  }

  /** For connections made from now on; existing ones keep theirs. */
  setCertificate(pair: KeyPair): void {
    const credentials = ServerCredentials.createSsl(null, [
      {
        cert_chain: Buffer.from(pair.certificatePem),
        private_key: Buffer.from(pair.privateKeyPem),
      },
    ]);
    this.#tls = this.#injector(credentials);
  }

  /** Accepts nothing new, gives open calls `graceMs` to end, then cuts what is left. */
  async close(graceMs: number): Promise<void> {
    this.#sniffer.stopAccepting();
    const { clock } = this.#environment;
    const deadlineMs = clock.monotonicMs() + graceMs;
    while (this.#openCalls > 0 && clock.monotonicMs() < deadlineMs) {
      await new Promise<void>((resolve) => {
        this.#environment.timers.after(CLOSE_POLL_MS, resolve);
      });
    }
    this.#server.forceShutdown();
    this.#sniffer.destroyConnections();
  }

  #injector(credentials: ServerCredentials): Injector {
    const injector = this.#server.createConnectionInjector(credentials);
    dropLongTimeouts(this.#server);
    return injector;
  }

  #injectTls(socket: net.Socket): void {
    if (this.#tls === undefined) {
      const peer = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
      this.#sniffer.report('tls-failed', peer, 'TLS is not configured');
      socket.destroy();
      return;
    }
    this.#tls.injectConnection(socket);
  }

  #register(path: string, method: ServiceMethod): void {
    const type = method.kind === 'server-stream' ? 'serverStream' : method.kind;
    // The interceptor answers; grpc-js never reaches this handler.
    this.#server.register<Buffer, Buffer>(path, unreachable, identity, identity, type);
  }

  #interceptor(table: ServiceTable): ServerInterceptor {
    const host: CallHost = {
      clock: this.#environment.clock,
      streamPendingBytes: this.#options.streamPendingBytes,
      connection: (peer) => this.#sniffer.connection(peer),
      handlerFailed: (method, peer, error) => {
        this.#sniffer.report('handler-failed', peer, `${method}: ${describe(error)}`);
      },
      callStarted: () => {
        this.#openCalls += 1;
      },
      callEnded: () => {
        this.#openCalls -= 1;
      },
    };
    return (definition, call) => {
      const method = table[definition.path];
      if (method === undefined) throw new Error(`no handler for ${definition.path}`);
      return new GrpcCall(definition.path, method, call, host);
    };
  }
}

function identity(value: Buffer): Buffer {
  return value;
}

function unreachable(): void {
  throw new Error('answered by the interceptor');
}

function describe(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  return 'stack' in error && typeof error.stack === 'string' ? error.stack : JSON.stringify(error);
}
