/** The conditions of Topics and ConsumerGroups, and writing them only when they change. */
import type { ConditionReason, ConditionType } from '../api/conditions.ts';
import type { KubernetesObject } from '../api/object-meta.ts';
import { setCondition, type Condition } from '../kube/core/conditions.ts';

/** What a turn has found out. */
export interface Finding {
  readonly type: ConditionType;
  readonly status: Condition['status'];
  readonly reason: ConditionReason;
  readonly message: string;
}

export const is = (
  type: ConditionType,
  status: boolean,
  reason: ConditionReason,
  message = '',
): Finding => ({ type, status: status ? 'True' : 'False', reason, message });

/** The same array when nothing is new. */
export function withFindings(
  conditions: readonly Condition[],
  findings: readonly Finding[],
  generation: number,
  nowMs: number,
): readonly Condition[] {
  const now = new Date(nowMs).toISOString();
  return findings.reduce(
    (list, finding) => setCondition(list, { ...finding, observedGeneration: generation }, now),
    conditions,
  );
}

/** Whether two parts of a status say the same: fields in any order, those that are undefined are not there. */
export function isSameStatus(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([x], [y]) => (x < y ? -1 : 1)))
      : part,
  );
}

/** How `Ready` went, for the event that tells it; undefined when it did not change. */
export function readyChange(
  before: readonly Condition[],
  after: readonly Condition[],
): { readonly isReady: boolean; readonly message: string } | undefined {
  const was = before.find(({ type }) => type === 'Ready')?.status;
  const now = after.find(({ type }) => type === 'Ready');
  if (now === undefined || now.status === was) return undefined;
  if (was === undefined && now.status !== 'True') return undefined;
  return { isReady: now.status === 'True', message: now.message };
}

export function isPaused(object: KubernetesObject, annotation: string): boolean {
  return object.metadata.annotations?.[annotation] === 'true';
}
