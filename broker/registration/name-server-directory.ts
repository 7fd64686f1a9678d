import type { Environment } from '../../common/environment/environment.ts';
import type { TimerHandle } from '../../common/environment/timers.ts';
import type { Logger } from '../../common/log/logger.ts';
import type { Address } from '../../common/options/option-definition.ts';
import type { NodeOptions } from '../../common/options/node-options.ts';
import { formatAddress, isSameAddress } from '../../common/options/parse-value.ts';
import { KnownAddresses } from './core/known-addresses.ts';

/** One NameServer, at an address and not at a name. */
export interface NameServerPlace {
  readonly address: Address;
  /** The name that led there, as configured. */
  readonly name: Address;
}

export interface DirectoryPorts {
  readonly environment: Pick<Environment, 'clock' | 'timers'>;
  readonly logger: Logger;
  /** All addresses of a name; rejects when it cannot be resolved. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  /** Places or their number may be others than before. */
  readonly onChange: () => void;
}

type DirectoryOptions = Pick<NodeOptions, 'namesrv' | 'heartbeatExpiryMs'>;

/**
 * Resolutions per expiry of heartbeats. A NameServer that has started takes one expiry to find out who is there, and answers for the
 * routes from then on: by then each broker must have found it, also one that came under a known name without any other being lost.
 */
const REFRESHES_PER_EXPIRY = 3;
/** Between two resolutions, however many streams break. */
const REFRESH_MIN_MS = 1_000;
const IS_ADDRESS = /^[\d.]+$|:/;

interface Entry {
  readonly name: Address;
  readonly known: KnownAddresses;
  /** The last attempt failed; all failures in a row are one line in the log. */
  isFailing: boolean;
  /** A resolver that hangs blocks a thread of the process, which the disk needs: at most one for a name. */
  isResolving: boolean;
}

/** Finds the NameServers that the configured names lead to, again and again: a name may have several addresses, and others later. */
export class NameServerDirectory {
  readonly #ports: DirectoryPorts;
  readonly #refreshMs: number;
  #entries: readonly Entry[] = [];
  #timer: TimerHandle | undefined;
  #lastMs = -Infinity;
  #isStopped = true;

  constructor(ports: DirectoryPorts, { namesrv, heartbeatExpiryMs }: DirectoryOptions) {
    this.#ports = ports;
    this.#refreshMs = heartbeatExpiryMs / REFRESHES_PER_EXPIRY;
    this.set(namesrv);
  }

  /** Each address once, in the order of the names. */
  get places(): readonly NameServerPlace[] {
    const places = this.#entries.flatMap(({ name, known }) =>
      known.hosts.map((host) => ({ address: { host, port: name.port }, name })),
    );
    return [...new Map(places.map((place) => [formatAddress(place.address), place])).values()];
  }

  /** NameServers of which a majority is needed: also those that are not found at the moment. */
  get count(): number {
    const nowMs = this.#ports.environment.clock.monotonicMs();
    const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
    const found = sum(this.#entries.map(({ known }) => known.hosts.length));
    // Two names of one NameServer do not make two of it.
    const doubled = found - this.places.length;
    return sum(this.#entries.map(({ known }) => known.count(nowMs))) - doubled;
  }

  /** Names that have led nowhere yet. */
  get unresolved(): readonly Address[] {
    return this.#entries.filter(({ known }) => known.hosts.length === 0).map(({ name }) => name);
  }

  has(name: Address): boolean {
    return this.#entries.some((entry) => isSameAddress(entry.name, name));
  }

  /** Replaces the names. What is known of those that stay is kept, but for the number of addresses they once had. */
  set(names: readonly Address[]): void {
    const nowMs = this.#ports.environment.clock.monotonicMs();
    const distinct = [...new Map(names.map((name) => [formatAddress(name), name])).values()];
    this.#entries = distinct.map((name) => {
      const known = new KnownAddresses();
      const before =
        this.#entries.find((entry) => isSameAddress(entry.name, name))?.known.hosts ?? [];
      known.found(IS_ADDRESS.test(name.host) ? [name.host] : before, nowMs);
      return { name, known, isFailing: false, isResolving: false };
    });
    if (!this.#isStopped) this.#refresh();
  }

  start(): void {
    this.#isStopped = false;
    this.#refresh();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** A NameServer was lost: its name may lead elsewhere now. */
  refreshSoon(): void {
    const nowMs = this.#ports.environment.clock.monotonicMs();
    this.#refreshIn(Math.max(0, this.#lastMs + REFRESH_MIN_MS - nowMs));
  }

  #refreshIn(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer?.cancel();
    this.#timer = this.#ports.environment.timers.after(delayMs, () => {
      this.#refresh();
    });
  }

  #refresh(): void {
    this.#lastMs = this.#ports.environment.clock.monotonicMs();
    const entries = this.#entries.filter(({ name }) => !IS_ADDRESS.test(name.host));
    if (entries.length > 0) this.#refreshIn(this.#refreshMs);
    for (const entry of entries) void this.#resolve(entry);
    this.#ports.onChange();
  }

  /** Never rejects. */
  async #resolve(entry: Entry): Promise<void> {
    const { name, known } = entry;
    if (entry.isResolving) return;
    entry.isResolving = true;
    try {
      const hosts = await this.#ports.resolve(name.host);
      if (this.#isStopped || !this.#entries.includes(entry)) return;
      known.found(hosts, this.#ports.environment.clock.monotonicMs());
      entry.isFailing = false;
      this.#ports.onChange();
    } catch (error) {
      if (this.#isStopped || !this.#entries.includes(entry)) return;
      const reason = (error as Error).message;
      const nameServer = formatAddress(name);
      const fields = { nameServer, reason, known: known.hosts.length };
      if (!entry.isFailing) this.#ports.logger.warn('NameServer name cannot be resolved', fields);
      entry.isFailing = true;
      if (known.hosts.length === 0) this.refreshSoon();
    } finally {
      entry.isResolving = false;
    }
  }
}
