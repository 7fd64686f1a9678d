/**
 * Which NameServers count for the majorities of a failover. A new one has heard nobody yet, and until brokers have found it
 * its silence would speak against masters that live; so it counts only when it has been ready for a while. One that goes
 * counts until its pod is gone. One that is only away counts all the time: silence of those who do not answer is no silence.
 */

export interface NameServerPod {
  readonly ordinal: number;
  /** Undefined while it is not ready. */
  readonly readyForMs: number | undefined;
}

/** Brokers look for new NameServers every few seconds, and one expiry must have passed since. */
export const SETTLE_MS = 20_000;

/** Ordinals, ascending. `current`: those that count now; undefined when this process has just begun to look. */
export function nameServerSet(
  current: readonly number[] | undefined,
  wanted: number,
  pods: readonly NameServerPod[],
): readonly number[] {
  const all = [...Array(wanted).keys()];
  if (current === undefined) {
    return ascending([...all, ...pods.map(({ ordinal }) => ordinal)]);
  }
  const stay = current.filter(
    (ordinal) => ordinal < wanted || pods.some((pod) => pod.ordinal === ordinal),
  );
  const settled = pods
    .filter(({ ordinal, readyForMs = 0 }) => ordinal < wanted && readyForMs >= SETTLE_MS)
    .map(({ ordinal }) => ordinal);
  return ascending([...stay, ...settled]);
}

function ascending(ordinals: readonly number[]): readonly number[] {
  return [...new Set(ordinals)].toSorted((a, b) => a - b);
}
