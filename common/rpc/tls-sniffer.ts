/**
 * One port for TLS and plaintext: the first byte of a connection decides (0x16 opens a TLS handshake record). Owns every
 * accepted socket: their number, the time they may take to say what they are, and their end.
 */
import net from 'node:net';
import type { Environment } from '../environment/environment.ts';
import type { TimerHandle } from '../environment/timers.ts';
import { Connection } from './connection.ts';
import { RateLimitedReport } from './rate-limited-report.ts';
import type { ReportSink, ServerReport } from './server-report.ts';

const TLS_HANDSHAKE_RECORD = 0x16;
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const HTTP1_START = /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE) /;
const HTTP1_ANSWER =
  'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n' +
  'This port speaks gRPC (HTTP/2), with or without TLS. Metrics and health are on the HTTP port.\n';
const PREVIEW_BYTES = 16;
const REPORT_INTERVAL_MS = 10_000;

export interface SnifferOptions {
  readonly maxConnections: number;
  /** A connection that has not sent its first bytes by then is closed. Does not apply afterwards. */
  readonly handshakeTimeoutMs: number;
  /** A connection with unread output that makes no progress for this long is closed. */
  readonly writeStallTimeoutMs: number;
}

export interface Injectors {
  plaintext(socket: net.Socket): void;
  tls(socket: net.Socket): void;
}

export class TlsSniffer {
  readonly #options: SnifferOptions;
  readonly #environment: Environment;
  readonly #injectors: Injectors;
  readonly #sink: ReportSink;
  readonly #limits = new Map<ServerReport['kind'], RateLimitedReport>();
  /** By `host:port` of the peer; bounded by maxConnections. */
  readonly #connections = new Map<string, Connection>();
  readonly #server: net.Server;
  #sweep: TimerHandle | undefined;

  constructor(
    options: SnifferOptions,
    environment: Environment,
    injectors: Injectors,
    sink: ReportSink,
  ) {
    this.#options = options;
    this.#environment = environment;
    this.#injectors = injectors;
    this.#sink = sink;
    this.#server = net.createServer({ noDelay: true, pauseOnConnect: false }, (socket) => {
      this.#accept(socket);
    });
    this.#server.maxConnections = options.maxConnections;
    this.#server.on('drop', (drop) => {
      const peer = `${drop?.remoteAddress ?? '?'}:${drop?.remotePort ?? 0}`;
      this.report('too-many-connections', peer, `limit of ${options.maxConnections} reached`);
    });
  }

  /** Number of open connections, of either kind. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  connection(peer: string): Connection | undefined {
    return this.#connections.get(peer);
  }

  /** Resolves with the port; rejects with the node error (`EADDRINUSE`, `EACCES`, …). */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: 1024 }, () => {
        this.#server.removeListener('error', reject);
        // An accept error (EMFILE) reaches us here; the server goes on and node retries by itself.
        this.#server.on('error', (error) => {
          this.report('too-many-connections', 'listener', error.message);
        });
        this.#scheduleSweep();
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Accepts no more; open connections live on. */
  stopAccepting(): void {
    this.#server.close();
  }

  /** Ends every connection at once. */
  destroyConnections(): void {
    this.#sweep?.cancel();
    this.#sweep = undefined;
    for (const connection of this.#connections.values()) connection.destroy();
  }

  report(kind: ServerReport['kind'], peer: string, detail: string): void {
    let limit = this.#limits.get(kind);
    if (limit === undefined) {
      limit = new RateLimitedReport(this.#environment.clock, REPORT_INTERVAL_MS);
      this.#limits.set(kind, limit);
    }
    const suppressed = limit.admit();
    if (suppressed !== undefined) this.#sink({ kind, peer, detail, suppressed });
  }

  #accept(socket: net.Socket): void {
    const peer = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
    const connection = new Connection(peer, socket);
    this.#connections.set(peer, connection);
    socket.on('error', noop); // always followed by 'close'
    socket.once('close', () => {
      if (this.#connections.get(peer) === connection) this.#connections.delete(peer);
      if (connection.isTls && connection.calls === 0) {
        this.report(
          'tls-failed',
          peer,
          'ended before its first call; does it trust our certificate?',
        );
      }
    });
    const timeout = this.#environment.timers.after(this.#options.handshakeTimeoutMs, () => {
      this.report('silent-connection', peer, 'sent no complete preface');
      socket.destroy();
    });
    this.#sniff(connection, timeout);
  }

  /** Collects bytes until they say what the connection is: one byte for TLS, the whole preface for HTTP/2. */
  #sniff(connection: Connection, timeout: TimerHandle): void {
    const { socket } = connection;
    let head: Buffer = Buffer.alloc(0);
    const onClose = (): void => {
      timeout.cancel();
    };
    const done = (): void => {
      timeout.cancel();
      socket.removeListener('data', onData);
      socket.removeListener('close', onClose);
    };
    const onData = (chunk: Buffer): void => {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      const verdict = classify(head);
      if (verdict === 'incomplete') return;
      done();
      if (verdict === 'garbage' || verdict === 'http1') {
        this.#refuse(verdict, connection, head);
        return;
      }
      connection.isTls = verdict === 'tls';
      socket.pause();
      socket.unshift(head);
      if (connection.isTls) this.#injectors.tls(socket);
      else this.#injectors.plaintext(socket);
    };
    socket.on('data', onData);
    socket.once('close', onClose);
  }

  #refuse(verdict: 'garbage' | 'http1', connection: Connection, head: Buffer): void {
    const preview = JSON.stringify(head.toString('latin1', 0, PREVIEW_BYTES));
    this.report(verdict, connection.peer, `connection closed, it began with ${preview}`);
    if (verdict === 'http1') connection.socket.end(HTTP1_ANSWER, () => connection.destroy());
    else connection.destroy();
  }

  /** One timer for all connections: who has unread output and has not moved for too long? */
  #scheduleSweep(): void {
    const { timers, clock } = this.#environment;
    const intervalMs = Math.max(this.#options.writeStallTimeoutMs / 4, 1);
    let lastSweepMs = clock.monotonicMs();
    const sweep = (): void => {
      const nowMs = clock.monotonicMs();
      // A late timer means that we were the slow ones; then nobody else is judged.
      const wasLate = nowMs - lastSweepMs > 2 * intervalMs + 1_000;
      lastSweepMs = nowMs;
      for (const connection of this.#connections.values()) {
        const stalledMs = connection.stalledMs(nowMs);
        if (wasLate || stalledMs < this.#options.writeStallTimeoutMs) continue;
        const detail = `${connection.pendingBytes} bytes unread for ${Math.round(stalledMs)} ms, connection closed`;
        this.report('stalled-reader', connection.peer, detail);
        connection.destroy();
      }
      this.#sweep = timers.after(intervalMs, sweep);
    };
    this.#sweep = timers.after(intervalMs, sweep);
  }
}

type Verdict = 'tls' | 'http2' | 'http1' | 'garbage' | 'incomplete';

function classify(head: Buffer): Verdict {
  if (head[0] === TLS_HANDSHAKE_RECORD) return 'tls';
  const length = Math.min(head.length, HTTP2_PREFACE.length);
  if (head.compare(HTTP2_PREFACE, 0, length, 0, length) === 0) {
    return length === HTTP2_PREFACE.length ? 'http2' : 'incomplete';
  }
  return HTTP1_START.test(head.toString('latin1', 0, PREVIEW_BYTES)) ? 'http1' : 'garbage';
}

function noop(): void {
  // Socket errors are reported by their 'close'; without a listener they would end the process.
}
