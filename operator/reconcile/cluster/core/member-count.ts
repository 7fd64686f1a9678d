/** Members of a group while their number changes: a member leaves the record first, its pod follows. */

export interface MemberCountInput {
  /** What the spec asks for. */
  readonly wanted: number;
  /** Replicas of the live StatefulSet; undefined: there is none. */
  readonly replicas: number | undefined;
  /** Ordinals of all that the record still names, as members or in the in-sync set. */
  readonly recorded: readonly number[];
  /** Ordinal of the master; undefined without one. */
  readonly master: number | undefined;
}

/**
 * Replicas of the StatefulSet. New members get their pods at once. A member that is to go keeps its pod until the record names
 * it no longer: until then a master may still wait for it, and it may be the master itself.
 */
export function replicasFor({ wanted, replicas, recorded, master }: MemberCountInput): number {
  if (replicas === undefined || wanted >= replicas) return wanted;
  const needed = Math.max(wanted, ...recorded.map((ordinal) => ordinal + 1), (master ?? -1) + 1);
  return Math.min(replicas, needed);
}

/** The number at the end of the name of a member. */
export function ordinalOf(member: string): number {
  const match = /-(\d+)$/.exec(member);
  return match === null ? 0 : Number(match[1]);
}
