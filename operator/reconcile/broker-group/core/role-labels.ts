/** The label that says which pod of a group is its master: for Services and people. Nothing rests on it. */

export type RoleLabel = 'master' | 'slave';

export interface LabelledPod {
  readonly name: string;
  readonly role: string | undefined;
}

export interface LabelledGroup {
  readonly phase: string;
  readonly master: string | undefined;
}

export interface LabelChange {
  readonly pod: string;
  readonly role: RoleLabel;
}

/**
 * Labels that are wrong, the one that gives the role first: a Service that leads nowhere for a moment refuses connections, while
 * two pods of a group at once do no harm, since a deposed member forwards what comes to it. An elected member has the label
 * before it serves, and holds who comes until it does; a deposed one keeps it until then.
 */
export function planRoleLabels(
  { phase, master }: LabelledGroup,
  pods: readonly LabelledPod[],
): LabelChange[] {
  const isDecided = phase === 'stable' || phase === 'promoting' || phase === 'handing-over';
  if (!isDecided) {
    return pods
      .filter(({ role }) => role === undefined)
      .map(({ name: pod }) => ({ pod, role: 'slave' }));
  }
  const changes = pods
    .map(({ name, role }) => ({ pod: name, role: roleOf(name, master), before: role }))
    .filter(({ role, before }) => role !== before)
    .map(({ pod, role }): LabelChange => ({ pod, role }));
  return changes.toSorted((a, b) => Number(b.role === 'master') - Number(a.role === 'master'));
}

function roleOf(name: string, master: string | undefined): RoleLabel {
  return name === master ? 'master' : 'slave';
}
