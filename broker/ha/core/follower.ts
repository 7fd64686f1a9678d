/** What a master knows of one slave in its epoch. */
export class Follower {
  readonly name: string;
  isConnected = false;
  /** Acked on the present stream, and on the last one after it ended. */
  ackedOffset = 0;
  /** When the newest batch that the slave has answered was sent. */
  batchSentAtMs = -Infinity;
  /** When the slave last had all that the log held at that time; before the first time, the beginning of the epoch. */
  caughtUpMs: number;
  /** Whether it was caught up at some time of the present stream. */
  hasCaughtUp = false;
  /** End of the log at some time: the slave is caught up to that time as soon as it acks it. */
  #target: { readonly end: number; readonly ms: number } | undefined;

  constructor(name: string, nowMs: number) {
    this.name = name;
    this.caughtUpMs = nowMs;
  }

  /** A new stream: what it acked on the one before may have been lost with a crash of its machine. */
  connected(): void {
    this.isConnected = true;
    this.ackedOffset = 0;
    this.hasCaughtUp = false;
    this.#target = undefined;
  }

  acked(offset: number, batchSentAtMs: number, ownEnd: number, nowMs: number): void {
    this.ackedOffset = Math.max(this.ackedOffset, offset);
    this.batchSentAtMs = Math.max(this.batchSentAtMs, batchSentAtMs);
    if (offset >= ownEnd) {
      this.#caughtUpAt(nowMs);
      this.#target = undefined;
      return;
    }
    if (this.#target !== undefined && offset < this.#target.end) return;
    if (this.#target !== undefined) this.#caughtUpAt(this.#target.ms);
    this.#target = { end: ownEnd, ms: nowMs };
  }

  /** How long it has not been caught up. */
  lagMs(nowMs: number, ownEnd: number): number {
    if (this.isConnected && this.ackedOffset >= ownEnd) return 0;
    return Math.max(0, nowMs - this.caughtUpMs);
  }

  #caughtUpAt(ms: number): void {
    this.caughtUpMs = Math.max(this.caughtUpMs, ms);
    this.hasCaughtUp = true;
  }
}
