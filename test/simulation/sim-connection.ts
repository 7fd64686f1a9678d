import type { SimProcess } from './event-queue.ts';
import type { SimNetwork } from './sim-network.ts';

/** Why a connection ended, in the words of the socket that it stands for. */
export type CloseReason = 'closed' | 'ECONNRESET' | 'ETIMEDOUT';

/** What travels: a message, or the news that the sender has ended the connection. */
type Packet = Message | { end: CloseReason };

interface Message {
  readonly bytes: Buffer;
  readonly head: unknown;
}

type Listener = (message: Buffer, head: unknown) => void;

/** A node in one of its lives. */
export interface ConnectionOwner {
  name: string;
  process: SimProcess;
}

/**
 * One end of a connection: messages arrive whole, once and in order, or the connection ends. What was sent shortly before
 * an abnormal end may or may not have arrived. A partition shows only as silence, until one end gives up.
 */
export class SimConnection {
  readonly local: string;
  readonly remote: string;
  readonly #network: SimNetwork;
  readonly #process: SimProcess;
  #other!: SimConnection;
  #isOpen = true;
  #onMessage: Listener | undefined;
  #onClose: ((reason: CloseReason) => void) | undefined;
  /** Arrived before somebody listened. */
  #early: Message[] = [];
  /** Sent and not arrived, in order. */
  #underWay: Packet[] = [];
  #isRetrying = false;
  #isUnacknowledged = false;
  #lastArrivalMs = 0;
  readonly #label: string;

  private constructor(owner: ConnectionOwner, remote: string, network: SimNetwork) {
    this.local = owner.name;
    this.remote = remote;
    this.#network = network;
    this.#process = owner.process;
    this.#label = `packet ${owner.name}>${remote}`;
  }

  /** Both ends of a new connection, in the order of the arguments. */
  static pair(
    network: SimNetwork,
    a: ConnectionOwner,
    b: ConnectionOwner,
  ): [SimConnection, SimConnection] {
    const near = new SimConnection(a, b.name, network);
    const far = new SimConnection(b, a.name, network);
    near.#other = far;
    far.#other = near;
    return [near, far];
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  onMessage(listener: Listener): void {
    this.#onMessage = listener;
    const early = this.#early;
    this.#early = [];
    for (const { bytes, head } of early) listener(bytes, head);
  }

  onClose(listener: (reason: CloseReason) => void): void {
    this.#onClose = listener;
  }

  /** Queues a message; after the end of the connection it goes nowhere. `head` arrives with it, and must not be changed. */
  send(message?: Uint8Array, head?: unknown): void {
    if (!this.#isOpen || !this.#process.isAlive) return;
    this.#dispatch({ bytes: message === undefined ? EMPTY : Buffer.from(message), head });
  }

  /** Orderly: what was sent before still arrives. */
  close(): void {
    if (!this.#isOpen) return;
    this.#dispatch({ end: 'closed' });
    this.#isOpen = false;
  }

  /** The process of this end is gone. A machine that lives on resets its connections; one without power is silent. */
  abandon(isMachineUp: boolean): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#underWay = [];
    if (isMachineUp) this.#dispatch({ end: 'ECONNRESET' });
    else this.#later(this.#network.patience.giveUpMs, () => this.#other.#endSoon('ETIMEDOUT'));
  }

  #dispatch(packet: Packet): void {
    const { scheduler } = this.#network;
    const lateMs = this.#network.drawLoss() ? this.#network.patience.retransmitMs : 0;
    const arrivalMs = scheduler.nowMs + this.#network.drawDelayMs() + lateMs;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, arrivalMs);
    this.#underWay.push(packet);
    this.#later(this.#lastArrivalMs - scheduler.nowMs, () => this.#transfer());
  }

  /** A packet's time to arrive has come; while the way is blocked it waits, and those behind it with it. */
  #transfer(): void {
    if (this.#isRetrying) return;
    if (this.#network.isBlocked(this.local, this.remote))
      this.#retry(this.#network.patience.giveUpMs);
    else this.#deliver(1);
  }

  #retry(remainingMs: number): void {
    const { retransmitMs } = this.#network.patience;
    this.#isRetrying = true;
    this.#later(retransmitMs, () => {
      if (!this.#network.isBlocked(this.local, this.remote)) {
        this.#isRetrying = false;
        this.#deliver(this.#underWay.length);
      } else if (remainingMs > retransmitMs) this.#retry(remainingMs - retransmitMs);
      else this.#giveUp();
    });
  }

  #deliver(count: number): void {
    if (this.#network.isBlocked(this.remote, this.local))
      this.#awaitAcknowledgement(this.#network.patience.giveUpMs);
    if (count === 1) {
      const packet = this.#underWay.shift();
      if (packet !== undefined) this.#deliverOne(packet);
      return;
    }
    // Each is an event of its own for the one who gets it.
    for (const packet of this.#underWay.splice(0, count))
      this.#later(0, () => this.#deliverOne(packet));
  }

  #deliverOne(packet: Packet): void {
    if ('end' in packet) this.#other.#endSoon(packet.end);
    else if (this.#other.#isOpen) this.#other.#receive(packet);
    else this.#answerFromClosed();
  }

  /** What was sent has arrived, and the sender cannot know: in the end it gives up. */
  #awaitAcknowledgement(remainingMs: number): void {
    if (this.#isUnacknowledged && remainingMs === this.#network.patience.giveUpMs) return;
    this.#isUnacknowledged = true;
    const { retransmitMs } = this.#network.patience;
    this.#later(retransmitMs, () => {
      if (!this.#network.isBlocked(this.remote, this.local)) this.#isUnacknowledged = false;
      else if (remainingMs > retransmitMs) this.#awaitAcknowledgement(remainingMs - retransmitMs);
      else this.#giveUp();
    });
  }

  /** The other end, which hears nothing either, finds out by its keep-alive. */
  #giveUp(): void {
    this.#underWay = [];
    this.#endSoon('ETIMEDOUT');
    this.#later(this.#network.patience.giveUpMs, () => this.#other.#endSoon('ETIMEDOUT'));
  }

  /** A machine that is up answers a packet for a connection it does not know with a reset. */
  #answerFromClosed(): void {
    const isUp = this.#network.peer(this.remote)?.process.isAlive === true;
    if (isUp) this.#later(this.#network.drawDelayMs(), () => this.#endSoon('ECONNRESET'));
  }

  #receive(message: Message): void {
    this.#network.scheduler.continueAs(this.#process, this.#label, () => {
      if (!this.#isOpen) return;
      if (this.#onMessage === undefined) this.#early.push(message);
      else this.#onMessage(message.bytes, message.head);
    });
  }

  #endSoon(reason: CloseReason): void {
    const end = (): void => {
      if (!this.#isOpen) return;
      this.#isOpen = false;
      this.#onClose?.(reason);
    };
    this.#network.scheduler.schedule(0, 'connection ends', end, this.#process);
  }

  /** Work of the network itself, which no process can stop. */
  #later(delayMs: number, run: () => void): void {
    this.#network.scheduler.schedule(delayMs, this.#label, run);
  }
}

const EMPTY = Buffer.alloc(0);
