import { assert } from '../../../common/assert.ts';

/**
 * Until when a master may acknowledge on its own. A NameServer that grants a heartbeat has heard of the master then and will
 * not agree to a successor before it has missed it for a whole expiry; a successor needs a majority of NameServers. So while
 * a majority has granted heartbeats sent less than a lease ago (a lease is shorter than an expiry), there is none.
 *
 * Measured from when a heartbeat was *sent*: the answer may have been on its way for any time.
 */
export class WriteLease {
  readonly #leaseMs: number;
  /** Send time of the latest granted heartbeat, by NameServer. */
  readonly #grantedMs: number[];
  /** Asked for with every message. */
  #validUntilMs = -Infinity;

  constructor(nameServerCount: number, leaseMs: number) {
    assert(leaseMs > 0, 'a lease lasts');
    this.#leaseMs = leaseMs;
    this.#grantedMs = Array.from({ length: nameServerCount }, () => -Infinity);
  }

  granted(nameServer: number, heartbeatSentMs: number): void {
    const known = this.#grantedMs[nameServer];
    assert(known !== undefined, `NameServer ${nameServer} is one of the configured`);
    this.#grantedMs[nameServer] = Math.max(known, heartbeatSentMs);
    this.#validUntilMs = this.#untilMs();
  }

  /** The NameServer says that it no longer grants: what it granted before counts no more. */
  withdrawn(nameServer: number): void {
    assert(nameServer in this.#grantedMs, `NameServer ${nameServer} is one of the configured`);
    this.#grantedMs[nameServer] = -Infinity;
    this.#validUntilMs = this.#untilMs();
  }

  /** -Infinity while no majority has granted anything, as without any NameServer. */
  get validUntilMs(): number {
    return this.#validUntilMs;
  }

  #untilMs(): number {
    const majority = Math.floor(this.#grantedMs.length / 2) + 1;
    const latestFirst = this.#grantedMs.toSorted((a, b) => b - a);
    return (latestFirst[majority - 1] ?? -Infinity) + this.#leaseMs;
  }
}
