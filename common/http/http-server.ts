import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { listenError } from '../errors/system-error.ts';
import type { Clock } from '../environment/clock.ts';
import type { Logger } from '../log/logger.ts';
import { RateLimitedLog } from '../log/rate-limited-log.ts';
import type { Address } from '../options/option-definition.ts';
import { formatAddress } from '../options/parse-value.ts';

export interface HttpReply {
  readonly status: number;
  readonly contentType: string;
  /** Written part by part, as fast as the reader takes it. */
  readonly body: AsyncIterable<string> | string;
}

/** Routes by path; GET and HEAD only. A handler that throws is a 500 and a line in the log. */
export type HttpRoutes = Readonly<Record<string, () => HttpReply | Promise<HttpReply>>>;

const CONNECTIONS_MAX = 256;
/** Requests in work at once: probes are quick, and a scrape that overlaps four others is a loop. */
const REQUESTS_MAX = 32;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_TIMEOUT_MS = 5_000;
/** A reader that takes nothing for this long is gone. */
const SOCKET_TIMEOUT_MS = 30_000;
const HEADER_BYTES_MAX = 8_192;

/** The small HTTP server of a node: metrics and probes. It takes no bodies and has no state. */
export class HttpServer {
  readonly #address: Address;
  readonly #flag: string;
  readonly #routes: HttpRoutes;
  readonly #logger: Logger;
  /** Who asks wrongly or too often may do so a thousand times a second. */
  readonly #noise: RateLimitedLog;
  readonly #server: Server;
  #requestCount = 0;

  /** `flag` is the option that chooses the address, for the error when it is taken. */
  constructor(address: Address, flag: string, routes: HttpRoutes, logger: Logger, clock: Clock) {
    this.#address = address;
    this.#flag = flag;
    this.#routes = routes;
    this.#logger = logger;
    this.#noise = new RateLimitedLog(logger, clock);
    this.#server = createServer(
      {
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        connectionsCheckingInterval: HEADERS_TIMEOUT_MS,
        maxHeaderSize: HEADER_BYTES_MAX,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.setTimeout(SOCKET_TIMEOUT_MS);
  }

  /** Resolves with the address, its port chosen by the system where the option says 0. */
  async start(): Promise<Address> {
    const { host, port } = this.#address;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) =>
        reject(listenError(error, formatAddress(this.#address), this.#flag)),
      );
      this.#server.listen(port, host, resolve);
    });
    this.#server.on('error', (error) => this.#logger.error('http server', { error }));
    return { host, port: (this.#server.address() as AddressInfo).port };
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#requestCount++;
    response.once('close', () => this.#requestCount--);
    request.resume();
    try {
      this.#write(request, response, await this.#reply(request));
    } catch (error) {
      this.#noise.log('error', 'failed', 'http request failed', { url: request.url, error });
      if (response.headersSent) response.destroy();
      else this.#write(request, response, text(500, 'internal error'));
    }
  }

  async #reply(request: IncomingMessage): Promise<HttpReply> {
    const [path = ''] = (request.url ?? '').split('?');
    const handler = Object.hasOwn(this.#routes, path) ? this.#routes[path] : undefined;
    if (handler === undefined) {
      return text(404, `not found; there are ${Object.keys(this.#routes).join(', ')}`);
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'GET only');
    return this.#requestCount > REQUESTS_MAX ? text(503, 'too many requests') : await handler();
  }

  #write(request: IncomingMessage, response: ServerResponse, reply: HttpReply): void {
    response.writeHead(reply.status, {
      'content-type': reply.contentType,
      'cache-control': 'no-store',
    });
    if (request.method === 'HEAD') response.end();
    else if (typeof reply.body === 'string') response.end(reply.body);
    else this.#stream(reply.body, response);
  }

  #stream(body: AsyncIterable<string>, response: ServerResponse): void {
    pipeline(Readable.from(body), response, (error) => {
      // A reader that went away is its own business.
      if (error && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') {
        this.#noise.log('warn', 'ended', 'http response ended early', { error });
      }
    });
  }
}

function text(status: number, body: string): HttpReply {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` };
}
