/** The fields of coordination.k8s.io/v1 LeaseSpec. Times are RFC 3339 with microseconds. */
export interface LeaseRecord {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

/** What a candidate may do about a lease that it has just read. */
export type LeaseVerdict =
  /** It holds it and may renew. */
  | { readonly kind: 'mine' }
  /** Nobody holds it, or the holder has not renewed it for a whole lease by this candidate's own clock. */
  | { readonly kind: 'free' }
  | { readonly kind: 'taken'; readonly holder: string; readonly freeInMs: number };

/**
 * What one candidate has seen of a lease. Clocks of other machines are never compared with its own: it measures how long the
 * record has been the same (equal, not older), and its own lease duration counts for the others too, as in client-go.
 */
export class LeaseView {
  readonly #identity: string;
  readonly #leaseDurationMs: number;
  #seen: string | undefined;
  #seenSinceMs = 0;

  constructor(identity: string, leaseDurationMs: number) {
    this.#identity = identity;
    this.#leaseDurationMs = leaseDurationMs;
  }

  /** `nowMs` is monotonic. */
  observe(record: LeaseRecord, nowMs: number): LeaseVerdict {
    const fingerprint = JSON.stringify([
      record.holderIdentity ?? '',
      record.acquireTime ?? '',
      record.renewTime ?? '',
      record.leaseTransitions ?? 0,
      record.leaseDurationSeconds ?? 0,
    ]);
    if (fingerprint !== this.#seen) {
      this.#seen = fingerprint;
      this.#seenSinceMs = nowMs;
    }
    const holder = record.holderIdentity ?? '';
    if (holder === this.#identity) return { kind: 'mine' };
    const freeInMs = this.#seenSinceMs + this.#leaseDurationMs - nowMs;
    return holder === '' || freeInMs <= 0 ? { kind: 'free' } : { kind: 'taken', holder, freeInMs };
  }

  /** The record that makes this candidate the holder, after `observe` has allowed it. */
  claim(record: LeaseRecord, now: string): LeaseRecord {
    const isMine = record.holderIdentity === this.#identity;
    const transitions = record.leaseTransitions ?? 0;
    return {
      holderIdentity: this.#identity,
      leaseDurationSeconds: Math.max(1, Math.ceil(this.#leaseDurationMs / 1_000)),
      acquireTime: isMine ? (record.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions:
        isMine || record.holderIdentity === undefined ? transitions : transitions + 1,
    };
  }

  /** The record that gives the lease back, so that the next candidate need not wait. */
  release(record: LeaseRecord, now: string): LeaseRecord {
    return {
      holderIdentity: '',
      leaseDurationSeconds: 1,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: record.leaseTransitions ?? 0,
    };
  }
}
