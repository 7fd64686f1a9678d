export type ConditionStatus = 'True' | 'False' | 'Unknown';

/** meta/v1 Condition. */
export interface Condition {
  readonly type: string;
  readonly status: ConditionStatus;
  /** One word in CamelCase, for programs. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
  /** Generation of the spec that this is about. */
  readonly observedGeneration?: number;
  /** When `status` became what it is, RFC 3339. */
  readonly lastTransitionTime: string;
}

/**
 * The conditions with `next` among them. Nothing is new: the same array, so that a caller sees that there is nothing to
 * write. `now` (RFC 3339) becomes the transition time only when the status is another one than before.
 */
export function setCondition(
  conditions: readonly Condition[],
  next: Omit<Condition, 'lastTransitionTime'>,
  now: string,
): readonly Condition[] {
  const previous = conditions.find(({ type }) => type === next.type);
  if (previous === undefined) return [...conditions, { ...next, lastTransitionTime: now }];
  if (isEqual(previous, next)) return conditions;
  const lastTransitionTime = previous.status === next.status ? previous.lastTransitionTime : now;
  return conditions.map((condition) =>
    condition === previous ? { ...next, lastTransitionTime } : condition,
  );
}

/** The conditions without one that no longer applies; the same array when it was not there. */
export function removeCondition(
  conditions: readonly Condition[],
  type: string,
): readonly Condition[] {
  const rest = conditions.filter((condition) => condition.type !== type);
  return rest.length === conditions.length ? conditions : rest;
}

function isEqual(a: Condition, b: Omit<Condition, 'lastTransitionTime'>): boolean {
  return (
    a.status === b.status &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.observedGeneration === b.observedGeneration
  );
}
