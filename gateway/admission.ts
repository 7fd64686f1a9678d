/**
 * How much work is taken on at once. Beyond a bound the caller is told at once (TOO_MANY_REQUESTS): nothing ever waits for
 * admission. Receives that wait for a message cost little and are counted apart from requests in work.
 */
import { MqError } from '../common/errors/mq-error.ts';

export interface AdmissionLimits {
  readonly admissionRequests: number;
  readonly admissionBytes: number;
  readonly admissionRequestsPerClient: number;
  readonly admissionBytesPerClient: number;
  /** Receives waiting at once, of all clients. */
  readonly maxWaitingReceives: number;
}

/** A push consumer has one receive in flight for each queue of its ordered topics; more than this is no consumer. */
const WAITING_RECEIVES_PER_CLIENT_MAX = 8_192;

/** What one client has in work; removed when all is zero, so that the table is bounded by the work itself. */
interface Share {
  requests: number;
  bytes: number;
  receives: number;
}

/** One admitted piece of work. */
export interface Ticket {
  /** Exactly once, when the work is over. */
  leave(): void;
}

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #shares = new Map<string, Share>();
  readonly #total: Share = { requests: 0, bytes: 0, receives: 0 };

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get requests(): number {
    return this.#total.requests;
  }

  get bytes(): number {
    return this.#total.bytes;
  }

  get waitingReceives(): number {
    return this.#total.receives;
  }

  /** Takes on a request of `bytes`; throws `too-many-requests` when a bound is reached. `client` is any stable key. */
  enter(client: string, bytes: number): Ticket {
    const limits = this.#limits;
    const share = this.#share(client);
    this.#check(this.#total.requests + 1, limits.admissionRequests, 'requests of this node');
    this.#check(this.#total.bytes + bytes, limits.admissionBytes, 'request bytes of this node');
    this.#check(share.requests + 1, limits.admissionRequestsPerClient, 'requests of this client');
    // A client may always have one request, however large.
    const ownBytes = share.requests === 0 ? 0 : share.bytes + bytes;
    this.#check(ownBytes, limits.admissionBytesPerClient, 'request bytes of this client');
    return this.#take(client, share, { requests: 1, bytes, receives: 0 });
  }

  /** As `enter`, for a receive that may wait. */
  enterReceive(client: string): Ticket {
    const share = this.#share(client);
    const limit = this.#limits.maxWaitingReceives;
    this.#check(this.#total.receives + 1, limit, 'receives of this node');
    const ownLimit = Math.min(WAITING_RECEIVES_PER_CLIENT_MAX, limit);
    this.#check(share.receives + 1, ownLimit, 'receives of this client');
    return this.#take(client, share, { requests: 0, bytes: 0, receives: 1 });
  }

  #share(client: string): Share {
    return this.#shares.get(client) ?? { requests: 0, bytes: 0, receives: 0 };
  }

  #check(value: number, limit: number, what: string): void {
    if (value > limit) throw new MqError('too-many-requests', { what, limit });
  }

  #take(client: string, share: Share, work: Readonly<Share>): Ticket {
    add(this.#total, work, 1);
    add(share, work, 1);
    this.#shares.set(client, share);
    return {
      leave: () => {
        add(this.#total, work, -1);
        add(share, work, -1);
        if (share.requests === 0 && share.receives === 0) this.#shares.delete(client);
      },
    };
  }
}

function add(share: Share, work: Readonly<Share>, sign: 1 | -1): void {
  share.requests += sign * work.requests;
  share.bytes += sign * work.bytes;
  share.receives += sign * work.receives;
}
