import type net from 'node:net';

/** One accepted socket and how much output it owes its reader. */
export class Connection {
  readonly peer: string;
  readonly socket: net.Socket;
  isTls = false;
  /** Calls begun on this connection. */
  calls = 0;
  /** Response bytes handed to the transport that it has not yet taken (flow control or a full socket holds them back). */
  pendingBytes = 0;
  /** When `pendingBytes` was last seen at zero or shrinking, on the sweep's clock. */
  #progressAtMs: number | undefined;
  #drainedBytes = 0;
  #drainedBytesAtCheck = 0;

  constructor(peer: string, socket: net.Socket) {
    this.peer = peer;
    this.socket = socket;
  }

  written(bytes: number): void {
    this.pendingBytes += bytes;
  }

  drained(bytes: number): void {
    this.pendingBytes -= bytes;
    this.#drainedBytes += bytes;
  }

  /** Called by the sweep: for how long no byte of pending output has moved; 0 when there is none. */
  stalledMs(nowMs: number): number {
    const moved = this.#drainedBytes !== this.#drainedBytesAtCheck;
    this.#drainedBytesAtCheck = this.#drainedBytes;
    if (this.pendingBytes === 0 || moved || this.#progressAtMs === undefined) {
      this.#progressAtMs = nowMs;
      return 0;
    }
    return nowMs - this.#progressAtMs;
  }

  destroy(): void {
    this.socket.destroy();
  }
}
