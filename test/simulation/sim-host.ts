import type { SimProcess } from './event-queue.ts';
import { SimConnection } from './sim-connection.ts';
import type { NetworkPeer, SimNetwork } from './sim-network.ts';

/** An attempt to connect, until it is answered or given up. */
interface Attempt {
  readonly to: string;
  readonly service: string;
  isOver: boolean;
  answer(result: SimConnection | Error): void;
}

/** The network as one life of a node sees it: datagrams, and connections to named services of other nodes. */
export class SimHost implements NetworkPeer {
  readonly name: string;
  readonly process: SimProcess;
  readonly #network: SimNetwork;
  readonly #services = new Map<string, (connection: SimConnection) => void>();
  readonly #connections = new Set<SimConnection>();
  #isMachineUp = true;
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

  /** Accepts no further connections to `service`. */
  stopListening(service: string): void {
    this.#services.delete(service);
  }

  /** Rejects with ECONNREFUSED when nobody listens there, with ETIMEDOUT when no answer comes. */
  connect(to: string, service: string): Promise<SimConnection> {
    if (!this.process.isAlive) return new Promise(() => undefined);
    const { scheduler, patience } = this.#network;
    return new Promise((resolve, reject) => {
      const attempt: Attempt = {
        to,
        service,
        isOver: false,
        answer: (result) => {
          if (attempt.isOver) return;
          attempt.isOver = true;
          if (result instanceof SimConnection) resolve(result);
          else reject(result);
        },
      };
      const timeout = (): void => attempt.answer(connectError('ETIMEDOUT', to, service));
      scheduler.schedule(patience.connectTimeoutMs, 'connect timeout', timeout, this.process);
      this.#knock(attempt);
    });
  }

  /** All connections end; called when the process does. */
  shutDown(isMachineUp: boolean): void {
    this.#isMachineUp = isMachineUp;
    for (const connection of this.#connections) connection.abandon(isMachineUp);
    this.#connections.clear();
  }

  /** Connections that are open, for tests that look for leaks. */
  openConnectionCount(): number {
    return [...this.#connections].filter((connection) => connection.isOpen).length;
  }

  /** Asks for a connection, again and again while nothing comes back, as a stack does on its own. */
  #knock(attempt: Attempt): void {
    if (attempt.isOver || !this.process.isAlive) return;
    const { scheduler, patience } = this.#network;
    const { to } = attempt;
    scheduler.schedule(this.#network.drawDelayMs(), `connect ${this.name}>${to}`, () => {
      if (!this.#network.isBlocked(this.name, to)) this.#arriveAt(attempt);
    });
    const again = (): void => this.#knock(attempt);
    scheduler.schedule(patience.retransmitMs, 'connect again', again);
  }

  /** The request to connect has reached the other machine. */
  #arriveAt(attempt: Attempt): void {
    const { scheduler } = this.#network;
    const { to, service } = attempt;
    const host = this.#network.peer(to);
    if (!(host instanceof SimHost) || !host.#isMachineUp) return;
    const accept = host.process.isAlive ? host.#services.get(service) : undefined;
    scheduler.schedule(this.#network.drawDelayMs(), `connect ${to}>${this.name}`, () => {
      if (this.#network.isBlocked(to, this.name) || !host.#isMachineUp) return;
      const run = (): void => {
        if (attempt.isOver) return;
        if (accept === undefined || !host.process.isAlive) {
          attempt.answer(connectError('ECONNREFUSED', to, service));
          return;
        }
        const [near, far] = SimConnection.pair(this.#network, this, host);
        this.#keep(near);
        host.#keep(far);
        scheduler.schedule(0, 'accept', () => accept(far), host.process);
        attempt.answer(near);
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
