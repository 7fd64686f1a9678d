/** Growing the volumes of a StatefulSet: its claim template cannot be changed, and a volume cannot become smaller. */

export interface Claim {
  readonly name: string;
  readonly requestedBytes: number;
  /** What the volume has; undefined while it is not bound. */
  readonly capacityBytes: number | undefined;
  /** A resize was granted and waits for the file system. */
  readonly isResizing: boolean;
}

export interface StorageInput {
  readonly wantedBytes: number;
  /** What the claim template of the live StatefulSet says; undefined: there is none yet. */
  readonly templateBytes: number | undefined;
  readonly claims: readonly Claim[];
}

export interface StoragePlan {
  /** Claims that are to ask for more. */
  readonly grow: readonly string[];
  /** The StatefulSet is to be made anew around its pods, with the new claim template. Only when no claim is to grow. */
  readonly recreates: boolean;
  /** Claims that have been asked and are not there yet. */
  readonly growing: readonly string[];
  /** Why the wish cannot be granted; empty when it can. */
  readonly refusal: string;
}

/**
 * First the claims, then the template: when the operator ends in between, the next look finds the template still too small and
 * goes on. The other way round the claims would be forgotten.
 */
export function planStorage({ wantedBytes, templateBytes, claims }: StorageInput): StoragePlan {
  const nothing: StoragePlan = { grow: [], recreates: false, growing: [], refusal: '' };
  if (templateBytes === undefined) return nothing;
  const larger = claims.find(({ requestedBytes }) => requestedBytes > wantedBytes);
  if (wantedBytes < templateBytes || larger !== undefined) {
    const present = Math.max(templateBytes, larger?.requestedBytes ?? 0);
    return { ...nothing, refusal: `volumes cannot shrink from ${present} to ${wantedBytes} bytes` };
  }
  const grow = claims
    .filter(({ requestedBytes }) => requestedBytes < wantedBytes)
    .map(({ name }) => name);
  const growing = claims
    .filter((claim) => claim.requestedBytes === wantedBytes && isUnderWay(claim))
    .map(({ name }) => name);
  const recreates = grow.length === 0 && templateBytes < wantedBytes;
  return { ...nothing, grow, growing, recreates };
}

function isUnderWay({ requestedBytes, capacityBytes, isResizing }: Claim): boolean {
  return isResizing || (capacityBytes !== undefined && capacityBytes < requestedBytes);
}

const SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** A Kubernetes quantity as bytes; undefined for what is none. */
export function quantityBytes(quantity: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(?:([kMGTP]|[KMGTP]i)|e(\d+))?$/.exec(quantity);
  const factor = SUFFIXES[match?.[2] ?? ''];
  if (match === null || factor === undefined) return undefined;
  return Math.ceil(Number(match[1]) * factor * 10 ** Number(match[3] ?? 0));
}
