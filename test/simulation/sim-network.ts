import type { SimProcess } from './event-queue.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';

/** How the network misbehaves. Reordering of datagrams follows from delays that differ. */
export interface NetworkFaults {
  delayMinMs: number;
  /** Mean of what comes on top of the minimum. */
  delayMeanMs: number;
  /** A datagram is lost; a packet of a connection is sent again, later. */
  lossProbability: number;
  /** A datagram arrives twice. */
  duplicateProbability: number;
  slowProbability: number;
  slowMs: number;
}

export const SOUND_NETWORK: NetworkFaults = {
  delayMinMs: 0.1,
  delayMeanMs: 0.2,
  lossProbability: 0,
  duplicateProbability: 0,
  slowProbability: 0,
  slowMs: 0,
};

/** How long the stacks of all machines wait. A scenario on short times makes them as much shorter as everything else. */
export interface NetworkPatience {
  /** Time between two attempts to get a lost packet through; a real stack backs off from 200 ms. */
  readonly retransmitMs: number;
  /** An end that cannot get through for so long gives up, as with a TCP user timeout or a keep-alive. */
  readonly giveUpMs: number;
  /** How long an attempt to connect waits for an answer. */
  readonly connectTimeoutMs: number;
}

const USUAL_PATIENCE: NetworkPatience = {
  retransmitMs: 200,
  giveUpMs: 20_000,
  connectTimeoutMs: 5_000,
};

/** One life of a node, as the network knows it. */
export interface NetworkPeer {
  readonly process: SimProcess;
  receive(from: string, payload: Buffer): void;
}

/**
 * Carries datagrams between named nodes, and says which way is blocked. Connections (`sim-connection.ts`) and calls
 * (`sim-rpc.ts`) are built on it.
 */
export class SimNetwork {
  faults: NetworkFaults;
  patience: NetworkPatience = USUAL_PATIENCE;
  readonly scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #peers = new Map<string, NetworkPeer>();
  readonly #blocked = new Set<string>();

  constructor(scheduler: Scheduler, random: SeededRandom, faults: NetworkFaults = SOUND_NETWORK) {
    this.scheduler = scheduler;
    this.#random = random;
    this.faults = faults;
  }

  /** The node `name` has a new life; what arrives from now on goes to it. */
  attach(name: string, peer: NetworkPeer): void {
    this.#peers.set(name, peer);
  }

  peer(name: string): NetworkPeer | undefined {
    return this.#peers.get(name);
  }

  /** Nothing gets from `from` to `to`; the other way is not touched. */
  block(from: string, to: string): void {
    this.#blocked.add(way(from, to));
  }

  unblock(from: string, to: string): void {
    this.#blocked.delete(way(from, to));
  }

  /** Nothing passes between the two sides, in either direction. */
  partition(sideA: readonly string[], sideB: readonly string[]): void {
    for (const a of sideA) {
      for (const b of sideB) {
        this.block(a, b);
        this.block(b, a);
      }
    }
  }

  /** Cuts one node off from all others that exist now. */
  isolate(name: string): void {
    this.partition(
      [name],
      [...this.#peers.keys()].filter((other) => other !== name),
    );
  }

  heal(): void {
    this.#blocked.clear();
  }

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.size > 0 && this.#blocked.has(way(from, to));
  }

  /** May be lost, delayed, overtaken or doubled. */
  sendDatagram(from: string, to: string, payload: Uint8Array): void {
    const copies = this.#random.chance(this.faults.duplicateProbability) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.drawLoss()) continue;
      const content = Buffer.from(payload);
      this.scheduler.schedule(this.drawDelayMs(), `datagram ${from}>${to}`, () => {
        if (!this.isBlocked(from, to)) this.#arrive(from, to, content);
      });
    }
  }

  drawLoss(): boolean {
    return this.#random.chance(this.faults.lossProbability);
  }

  drawDelayMs(): number {
    const { delayMinMs, delayMeanMs, slowProbability, slowMs } = this.faults;
    const delayMs = delayMinMs + this.#random.exponential(delayMeanMs);
    return this.#random.chance(slowProbability)
      ? delayMs + this.#random.between(0, slowMs)
      : delayMs;
  }

  #arrive(from: string, to: string, content: Buffer): void {
    const peer = this.#peers.get(to);
    if (peer === undefined) return;
    // Through the process, so that a stopped one takes it when it is continued.
    const receive = (): void => peer.receive(from, content);
    this.scheduler.schedule(0, 'receive', receive, peer.process);
  }
}

function way(from: string, to: string): string {
  return `${from}>${to}`;
}
