/**
 * Which NameServer moves to another host. After a node was drained two of them may share one, and Kubernetes moves nobody back:
 * when that host is lost, a majority is, and nobody is elected. See ADR 0013.
 */

export interface PlacedServer {
  readonly name: string;
  readonly host: string;
  /** Undefined while it is not ready. */
  readonly readyForMs: number | undefined;
}

export interface Host {
  readonly name: string;
  /** Ready, and takes any pod. */
  readonly isOpen: boolean;
}

export interface Move {
  readonly server: string;
  /** Whom it leaves behind, and where. */
  readonly other: string;
  readonly host: string;
  /** Hosts without a NameServer, by name. Kubernetes chooses. */
  readonly free: readonly string[];
}

/** Whoever drains node after node is not disturbed in between, and brokers have found all of them long since. */
export const SPREAD_AFTER_MS = 60_000;

/** The youngest of those that share, when all that are wanted have been ready for a while. */
export function planSpread(
  servers: readonly PlacedServer[],
  wanted: number,
  hosts: readonly Host[],
): Move | undefined {
  const isSettled = servers.every(({ readyForMs = 0 }) => readyForMs >= SPREAD_AFTER_MS);
  if (servers.length !== wanted || !isSettled) return undefined;
  const taken = new Set(servers.map(({ host }) => host));
  const free = hosts.filter(({ name, isOpen }) => isOpen && !taken.has(name));
  if (free.length === 0) return undefined;
  const youngestFirst = servers.toSorted((a, b) => (a.readyForMs ?? 0) - (b.readyForMs ?? 0));
  for (const { name, host } of youngestFirst) {
    const other = servers.find((one) => one.name !== name && one.host === host);
    if (other === undefined) continue;
    const names = free.map((one) => one.name).toSorted();
    return { server: name, other: other.name, host, free: names };
  }
  return undefined;
}
