import type { SimProcess } from './event-queue.ts';
import { SimConnection } from './sim-connection.ts';
import type { NetworkPeer, SimNetwork } from './sim-network.ts';

/** How long an attempt to connect waits for an answer. */
const CONNECT_TIMEOUT_MS = 5_000;

/** The network as one life of a node sees it: datagrams, and connections to named services of other nodes. */
export class SimHost implements NetworkPeer {
  readonly name: string;
  readonly process: SimProcess;
  readonly #network: SimNetwork;
  readonly #services = new Map<string, (connection: SimConnection) => void>();
  readonly #connections = new Set<SimConnection>();
  #onDatagram: ((from: string, payload: Buffer) => void) | undefined;

  constructor(name: string, process: SimProcess, network: SimNetwork) {
    this.name = name;
    this.process = process;
    this.#network = network;
    network.attach(name, this);
  }

  onDatagram(listener: (from: string, payload: Buffer) => void): void {
    this.#onDatagram = listener;
  }

  sendDatagram(to: string, payload: Uint8Array): void {
    if (this.process.isAlive) this.#network.sendDatagram(this.name, to, payload);
  }

  receive(from: string, payload: Buffer): void {
    this.#onDatagram?.(from, payload);
  }

  /** Accepts connections to `service`, a name that stands for a port. */
  listen(service: string, accept: (connection: SimConnection) => void): void {
    if (this.#services.has(service)) throw connectError('EADDRINUSE', this.name, service);
    this.#services.set(service, accept);
  }

  /** Rejects with ECONNREFUSED when nobody listens there, with ETIMEDOUT when no answer comes. */
  connect(to: string, service: string): Promise<SimConnection> {
    if (!this.process.isAlive) return new Promise(() => undefined);
    const { scheduler } = this.#network;
    return new Promise((resolve, reject) => {
      const timeout = scheduler.schedule(
        CONNECT_TIMEOUT_MS,
        'connect timeout',
        () => reject(connectError('ETIMEDOUT', to, service)),
        this.process,
      );
      const answer = (result: SimConnection | Error): void => {
        if (timeout.run === undefined) return;
        timeout.run = undefined;
        if (result instanceof SimConnection) resolve(result);
        else reject(result);
      };
      scheduler.schedule(this.#network.drawDelayMs(), `connect ${this.name}>${to}`, () => {
        if (!this.#network.isBlocked(this.name, to)) this.#arriveAt(to, service, answer);
      });
    });
  }

  /** All connections end; called when the process does. */
  shutDown(isMachineUp: boolean): void {
    for (const connection of this.#connections) connection.abandon(isMachineUp);
    this.#connections.clear();
  }

  /** Connections that are open, for tests that look for leaks. */
  openConnectionCount(): number {
    return [...this.#connections].filter((connection) => connection.isOpen).length;
  }

  /** The request to connect has reached the other machine. */
  #arriveAt(to: string, service: string, answer: (result: SimConnection | Error) => void): void {
    const { scheduler } = this.#network;
    const host = this.#network.peer(to);
    if (!(host instanceof SimHost) || !host.process.isAlive) return;
    const accept = host.#services.get(service);
    scheduler.schedule(this.#network.drawDelayMs(), `connect ${to}>${this.name}`, () => {
      if (this.#network.isBlocked(to, this.name) || !host.process.isAlive) return;
      const run = (): void => {
        if (accept === undefined) {
          answer(connectError('ECONNREFUSED', to, service));
          return;
        }
        const [near, far] = SimConnection.pair(this.#network, this, host);
        this.#keep(near);
        host.#keep(far);
        scheduler.schedule(0, 'accept', () => accept(far), host.process);
        answer(near);
      };
      scheduler.schedule(0, 'connected', run, this.process);
    });
  }

  #keep(connection: SimConnection): void {
    for (const known of this.#connections) if (!known.isOpen) this.#connections.delete(known);
    this.#connections.add(connection);
  }
}

function connectError(code: string, to: string, service: string): Error {
  return Object.assign(new Error(`${code}: connect ${to}/${service}`), { code });
}
