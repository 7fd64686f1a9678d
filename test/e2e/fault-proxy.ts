import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { request } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface FaultAnswer {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: object;
}

/** What happens to requests: they pass, their connections end at once, or nothing comes back, also from open streams. */
export type FaultMode = 'pass' | 'refuse' | 'silent';

/** Stands before a server with TLS and does to requests what networks, load balancers and busy servers do. */
export class FaultProxy {
  mode: FaultMode = 'pass';
  /** Answers in the place of the server. */
  answer: (message: IncomingMessage) => FaultAnswer | undefined = () => undefined;
  /** Time before a request is passed on. */
  delayMs = 0;
  /** Requests that came, by `METHOD path`. */
  readonly requests: string[] = [];
  readonly #upstream: string;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((message, response) => this.#take(message, response));
  /** Streams whose next piece is cut in two, and only the first half arrives. */
  #halves = new Set<Socket>();
  /** Streams that have lost something: nothing more comes over them, and nobody says so. */
  readonly #lost = new WeakSet<ServerResponse>();

  private constructor(upstream: string) {
    this.#upstream = upstream;
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined); // ours: we cut them
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(upstream: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(upstream);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Ends all connections, whatever is under way. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends each connection in the middle of the next piece that comes over it. */
  cutInTheMiddle(): void {
    this.#halves = new Set(this.#sockets);
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(message: IncomingMessage, response: ServerResponse): void {
    this.requests.push(`${message.method ?? ''} ${message.url ?? ''}`);
    if (this.mode === 'refuse') {
      message.socket.destroy();
      return;
    }
    const answer = this.answer(message);
    if (answer !== undefined) {
      response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
      response.end(JSON.stringify(answer.body ?? {}));
      return;
    }
    if (this.delayMs > 0) setTimeout(() => this.#forward(message, response), this.delayMs);
    else this.#forward(message, response);
  }

  #forward(message: IncomingMessage, response: ServerResponse): void {
    const { method, headers, url = '' } = message;
    const upstream = request(`${this.#upstream}${url}`, {
      method,
      headers,
      rejectUnauthorized: false,
    });
    upstream.on('error', () => message.socket.destroy());
    upstream.on('response', (from) => {
      if (this.#isLost(response)) return;
      response.writeHead(from.statusCode ?? 500, from.headers);
      response.flushHeaders();
      from.on('data', (chunk: Buffer) => this.#pass(chunk, message.socket, response));
      from.on('end', () => {
        if (!this.#isLost(response)) response.end();
      });
      from.on('error', () => message.socket.destroy());
    });
    response.on('close', () => upstream.destroy());
    message.pipe(upstream);
  }

  #pass(chunk: Buffer, socket: Socket, response: ServerResponse): void {
    if (this.#isLost(response)) return;
    if (!this.#halves.delete(socket)) {
      response.write(chunk);
      return;
    }
    response.write(chunk.subarray(0, chunk.length >> 1), () => socket.destroy());
  }

  #isLost(response: ServerResponse): boolean {
    if (this.mode === 'silent') this.#lost.add(response);
    return this.#lost.has(response);
  }
}
