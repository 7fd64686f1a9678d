import type { Environment } from '../environment/environment.ts';
import { MqError } from '../errors/mq-error.ts';
import { listenError, systemReason } from '../errors/system-error.ts';
import type { Component } from '../lifecycle/lifecycle.ts';
import type { Logger } from '../log/logger.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { NodeOptions } from '../options/node-options.ts';
import { formatAddress } from '../options/parse-value.ts';
import {
  certificateExpiryMs,
  createSelfSigned,
  loadKeyPair,
  loadOrCreateSelfSigned,
} from './certificate.ts';
import { DEFAULT_GRPC_SERVER_OPTIONS, GrpcServer, type KeyPair } from './grpc-server.ts';
import type { ServerReport } from './server-report.ts';
import type { ServiceTable } from './service-table.ts';

export interface NodeServerPorts {
  readonly options: NodeOptions;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Asked for when the server starts: by then everything below it runs. */
  table(): ServiceTable;
  /** Where a certificate of our own making is kept; undefined: nowhere, each start makes one. */
  readonly certificateDirectory: string | undefined;
  /** Ends what would otherwise hold the server open. */
  beforeStop(): void;
}

const REPORT_TEXT: Readonly<Record<ServerReport['kind'], string>> = {
  garbage: 'a connection was closed: its first bytes are neither TLS nor HTTP/2',
  http1: 'a connection was closed: it spoke HTTP/1; this port is for gRPC, metrics have their own',
  'silent-connection': 'a connection was closed: nothing came in time',
  'too-many-connections': 'a connection was refused: the limit is reached',
  'tls-failed': 'a TLS handshake failed',
  'stalled-reader': 'a connection was closed: it did not read its answers',
  'handler-failed': 'a request failed unexpectedly',
};

const REFUSALS: ReadonlySet<ServerReport['kind']> = new Set([
  'too-many-connections',
  'silent-connection',
]);

/** The gRPC port of a node, from its options. */
export class NodeServer implements Component {
  readonly name = 'messaging server';
  readonly order = 'takes requests only when everything that serves them runs';
  readonly #ports: NodeServerPorts;
  #server: GrpcServer | undefined;
  #port = 0;
  #certificateExpiryMs: number | undefined;

  constructor(ports: NodeServerPorts) {
    this.#ports = ports;
    ports.metrics.collect('connections', () => [
      [{ security: 'any' }, this.#server?.connectionCount ?? 0],
    ]);
    ports.metrics.collect('certificateExpiry', () =>
      this.#certificateExpiryMs === undefined ? [] : [[{}, this.#certificateExpiryMs / 1_000]],
    );
  }

  /** The port that is listened on; 0 before the start. */
  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const { options, environment } = this.#ports;
    const certificate = options.tlsEnabled ? await this.#keyPair() : undefined;
    this.#certificateExpiryMs = certificate && certificateExpiryMs(certificate.certificatePem);
    const server = new GrpcServer(
      {
        ...DEFAULT_GRPC_SERVER_OPTIONS,
        ...options.listen,
        certificate,
        maxConnections: options.maxConnections,
        handshakeTimeoutMs: options.handshakeTimeoutMs,
        keepaliveIntervalMs: options.keepaliveIntervalMs,
        keepaliveTimeoutMs: options.keepaliveTimeoutMs,
        inboundMessageBytesMax: options.maxRequestBytes,
      },
      environment,
      this.#ports.table(),
      (report) => {
        this.#report(report);
      },
    );
    try {
      this.#port = await server.listen();
    } catch (error) {
      throw listenError(error, formatAddress(options.listen), '--listen');
    }
    this.#server = server;
  }

  async stop(): Promise<void> {
    this.#ports.beforeStop();
    await this.#server?.close(this.#ports.options.shutdownGraceMs / 2);
  }

  async #keyPair(): Promise<KeyPair> {
    const { options, environment } = this.#ports;
    const { tlsCertFile, tlsKeyFile } = options;
    if (tlsCertFile !== undefined && tlsKeyFile !== undefined) {
      try {
        return await loadKeyPair(environment.disk, {
          certificatePath: tlsCertFile,
          privateKeyPath: tlsKeyFile,
        });
      } catch (error) {
        throw new MqError(
          'tls-file-unusable',
          {
            what: 'certificate or key',
            file: `${tlsCertFile}, ${tlsKeyFile}`,
            reason: systemReason(error),
          },
          error,
        );
      }
    }
    const hosts = [
      ...['localhost', '127.0.0.1', '::1', options.listen.host],
      options.advertise?.host ?? 'localhost',
    ];
    return this.#selfSigned([...new Set(hosts)]);
  }

  #selfSigned(hosts: readonly string[]): Promise<KeyPair> {
    const { environment, certificateDirectory: directory } = this.#ports;
    const nowMs = environment.clock.nowMs();
    if (directory === undefined) return createSelfSigned(hosts, nowMs);
    const paths = {
      certificatePath: `${directory}/server.crt`,
      privateKeyPath: `${directory}/server.key`,
    };
    return loadOrCreateSelfSigned(environment.disk, directory, paths, hosts, nowMs);
  }

  #report(report: ServerReport): void {
    const { kind, peer, detail, suppressed } = report;
    const { logger, metrics } = this.#ports;
    const key = REFUSALS.has(kind) ? 'connectionsRefused' : 'protocolErrors';
    metrics
      .counter(key)
      .cell({ reason: kind })
      .add(1 + suppressed);
    const level = kind === 'handler-failed' ? 'error' : 'warn';
    logger[level](REPORT_TEXT[kind], { peer, detail, ...(suppressed > 0 ? { suppressed } : {}) });
  }
}
