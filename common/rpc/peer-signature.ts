/**
 * How a node shows that it belongs to the cluster: every call between nodes carries the caller's name, its time, a number used
 * once, and an HMAC-SHA256 under the shared secret over these and the path of the rpc. A signature is good for one rpc, for a
 * minute, and (for all but forwarded requests) once at each node. It does not cover the content: that is what TLS is for.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../environment/clock.ts';
import type { Random } from '../environment/random.ts';

export const PEER_METADATA = {
  name: 'x-orbitmq-peer',
  time: 'x-orbitmq-peer-time',
  nonce: 'x-orbitmq-peer-nonce',
  mac: 'x-orbitmq-peer-mac',
} as const;

/** How far the clocks of two nodes may be apart, and how long a signature is good. */
export const CLOCK_WINDOW_MS = 60_000;
/** Nonces of one window. Calls between nodes are few; when it is full, more are refused until the window has passed. */
const NONCES_MAX = 100_000;
const NONCE_BYTES = 16;
const NAME_CHARACTERS_MAX = 255;

type Metadata = Readonly<Record<string, string>>;

/** Signs what this node sends. */
export class PeerSigner {
  readonly #name: string;
  readonly #secret: Buffer;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #random: Pick<Random, 'bytes'>;

  constructor(
    name: string,
    secret: Buffer,
    clock: Pick<Clock, 'nowMs'>,
    random: Pick<Random, 'bytes'>,
  ) {
    this.#name = name;
    this.#secret = secret;
    this.#clock = clock;
    this.#random = random;
  }

  sign(path: string): Metadata {
    const time = String(Math.round(this.#clock.nowMs()));
    const nonce = this.#random.bytes(NONCE_BYTES).toString('hex');
    const mac = macOf(this.#secret, path, this.#name, time, nonce).toString('hex');
    return {
      [PEER_METADATA.name]: this.#name,
      [PEER_METADATA.time]: time,
      [PEER_METADATA.nonce]: nonce,
      [PEER_METADATA.mac]: mac,
    };
  }
}

/** What of a call is looked at. */
export interface SignedCall {
  readonly method: string;
  metadata(name: string): string | undefined;
}

export type Verdict =
  { readonly ok: true; readonly name: string } | { readonly ok: false; readonly reason: string };

/** Checks what other nodes have signed. */
export class PeerVerifier {
  readonly #secrets: readonly Buffer[];
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #noncesMax: number;
  /** Nonces of this window and of the one before: together they cover everything that is still good. */
  #seen = new Set<string>();
  #seenBefore = new Set<string>();
  #windowStartMs = Number.NEGATIVE_INFINITY;

  /** `secrets`: any of them will do, so that a secret can be changed node by node. */
  constructor(
    secrets: readonly Buffer[],
    clock: Pick<Clock, 'nowMs'>,
    { noncesMax = NONCES_MAX }: { readonly noncesMax?: number } = {},
  ) {
    this.#secrets = secrets;
    this.#clock = clock;
    this.#noncesMax = noncesMax;
  }

  /** `once`: refuse a signature that has been seen here before. */
  verify(call: SignedCall, { once }: { readonly once: boolean }): Verdict {
    const name = call.metadata(PEER_METADATA.name);
    const time = call.metadata(PEER_METADATA.time);
    const nonce = call.metadata(PEER_METADATA.nonce);
    const mac = call.metadata(PEER_METADATA.mac);
    if (name === undefined || time === undefined || nonce === undefined || mac === undefined) {
      return refused('it is not signed; has the caller a peer secret?');
    }
    if (name.length > NAME_CHARACTERS_MAX || nonce.length !== 2 * NONCE_BYTES) {
      return refused('its signature is malformed');
    }
    const given = Buffer.from(mac, 'hex');
    if (!this.#isSigned(given, call.method, name, time, nonce)) {
      return refused('its signature does not fit our secret');
    }
    const nowMs = this.#clock.nowMs();
    const apartMs = Number(time) - nowMs;
    if (!(Math.abs(apartMs) <= CLOCK_WINDOW_MS)) {
      const seconds = Math.round(Math.abs(apartMs) / 1_000);
      const side = apartMs > 0 ? 'ahead of' : 'behind';
      return refused(
        `its clock is ${seconds} s ${side} ours, or somebody repeats an old call; ${CLOCK_WINDOW_MS / 1_000} s are allowed`,
      );
    }
    return once ? this.#first(nonce, nowMs, name) : { ok: true, name };
  }

  /** Every secret is tried, in constant time each. */
  #isSigned(given: Buffer, path: string, name: string, time: string, nonce: string): boolean {
    let isSigned = false;
    for (const secret of this.#secrets) {
      const expected = macOf(secret, path, name, time, nonce);
      if (given.length === expected.length && timingSafeEqual(given, expected)) isSigned = true;
    }
    return isSigned;
  }

  /** Only nonces of good signatures come here, so that nobody else can fill the memory. */
  #first(nonce: string, nowMs: number, name: string): Verdict {
    // A signature is good from one window before its time to one after it.
    if (Math.abs(nowMs - this.#windowStartMs) >= 2 * CLOCK_WINDOW_MS) {
      this.#seenBefore = this.#seen;
      this.#seen = new Set();
      this.#windowStartMs = nowMs;
    }
    if (this.#seen.has(nonce) || this.#seenBefore.has(nonce)) {
      return refused('its signature has been used before');
    }
    if (this.#seen.size >= this.#noncesMax) return refused('too many calls within a minute');
    this.#seen.add(nonce);
    return { ok: true, name };
  }
}

function refused(reason: string): Verdict {
  return { ok: false, reason };
}

/** Lines, since none of the parts can contain a line break: metadata values and paths are one line. */
function macOf(secret: Buffer, path: string, name: string, time: string, nonce: string): Buffer {
  return createHmac('sha256', secret)
    .update(`orbitmq-peer-1\n${path}\n${name}\n${time}\n${nonce}`)
    .digest();
}
