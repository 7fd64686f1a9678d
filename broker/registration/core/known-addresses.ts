/** More addresses than this are no list of NameServers. */
const ADDRESSES_MAX = 64;
/** While a NameServer is being replaced its name leads to fewer. */
const COUNT_KEPT_MS = 10 * 60_000;

/**
 * The addresses that one configured name leads to. What counts for a majority is how many there were lately, not how many there
 * are this moment: two NameServers that are missing from an answer must not make the third one a majority.
 */
export class KnownAddresses {
  #hosts: readonly string[] = [];
  /** Sizes of former answers that still count, each with the time until which it does. */
  #sizes: readonly { readonly size: number; readonly untilMs: number }[] = [];

  get hosts(): readonly string[] {
    return this.#hosts;
  }

  /** An empty answer says nothing: the last one goes on counting. */
  found(hosts: readonly string[], nowMs: number): void {
    const distinct = [...new Set(hosts)].sort().slice(0, ADDRESSES_MAX);
    if (distinct.length === 0) return;
    this.#hosts = distinct;
    const size = distinct.length;
    const untilMs = nowMs + COUNT_KEPT_MS;
    // Of two that count equally long the larger is enough; so this stays as short as there are different sizes.
    const larger = this.#sizes.filter((known) => known.size > size && known.untilMs > nowMs);
    this.#sizes = [...larger, { size, untilMs }];
  }

  /** A name that has never been found is one NameServer that does not answer. */
  count(nowMs: number): number {
    const sizes = this.#sizes.filter(({ untilMs }) => untilMs > nowMs).map(({ size }) => size);
    return Math.max(1, this.#hosts.length, ...sizes);
  }
}
