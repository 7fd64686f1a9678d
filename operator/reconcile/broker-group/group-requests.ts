/** What the operator asks of a group on behalf of people and of its own plans, as changes of the record. */
import type { Clock } from '../../../common/environment/clock.ts';
import {
  requestGroupFence,
  requestMemberFence,
  requestSwitchover,
  type RequestOutcome,
} from '../../failover/core/request.ts';
import type { ControllerTimings } from '../../failover/controller-timings.ts';
import type { GroupFailover } from '../../failover/group-failover.ts';
import type { StoredGroup } from '../../failover/group-store.ts';

export interface RequestPorts {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly timings: ControllerTimings;
}

/** `stored`: it is under way. `done`: it was so already. */
export type RequestAnswer =
  | { readonly kind: 'stored' }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly reason: string };

/** The loop of the group may be faster a few times; then the next look tries again. */
const ATTEMPTS_MAX = 5;

/** `target` empty: whoever would take over best. Resolves when the change is stored, not when it is over. */
export async function askForSwitchover(
  group: GroupFailover,
  target: string,
  why: string,
  { clock, timings }: RequestPorts,
): Promise<RequestAnswer> {
  await group.refresh();
  return change(group, why, (stored) =>
    requestSwitchover(stored.record, group.observe(stored), timings, target, clock.nowMs()),
  );
}

/** Brings the fences of the record to what people ask for: names of members, or `*` for the group. */
export async function askForFences(
  group: GroupFailover,
  wanted: readonly string[],
  { clock }: RequestPorts,
): Promise<readonly RequestAnswer[]> {
  const stored = await group.read();
  if (stored === undefined) return [];
  const isWanted = wanted.includes('*');
  const names = wanted.filter((name) => name !== '*');
  const answers: RequestAnswer[] = [];
  if ((stored.record.phase === 'fenced') !== isWanted) {
    const why = `the annotation ${isWanted ? 'fences' : 'unfences'} the group`;
    answers.push(
      await change(group, why, ({ record }) => requestGroupFence(record, isWanted, clock.nowMs())),
    );
  }
  const { fencedMembers } = stored.record;
  for (const name of new Set([...names, ...fencedMembers])) {
    const fence = names.includes(name);
    if (fence === fencedMembers.includes(name)) continue;
    const why = `the annotation ${fence ? 'fences' : 'unfences'} ${name}`;
    answers.push(await change(group, why, ({ record }) => requestMemberFence(record, name, fence)));
  }
  return answers;
}

async function change(
  group: GroupFailover,
  why: string,
  request: (stored: StoredGroup) => RequestOutcome,
): Promise<RequestAnswer> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const stored = await group.read();
    if (stored === undefined) return { kind: 'refused', reason: 'it has no record yet' };
    const outcome = request(stored);
    if (outcome.kind !== 'store') return outcome;
    if (await group.store(stored, outcome.record, why)) return { kind: 'stored' };
  }
  return { kind: 'refused', reason: 'its record changes all the time' };
}
