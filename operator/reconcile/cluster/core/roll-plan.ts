/**
 * Which pod of a broker group is replaced next, so that all come to run the present template: stuck ones, slaves that are not
 * in sync, slaves in sync one by one, and the master last, after another member has taken over. Never two members at once:
 * while one is away, starting or catching up, nothing else is touched.
 */

/** A pod as the plan sees it. `stuck`: its process does not run and will not by waiting (image, crash loop, no place). */
export type PodState = 'missing' | 'terminating' | 'stuck' | 'starting' | 'ready';

export interface RollMember {
  readonly name: string;
  readonly pod: PodState;
  /** Its pod was made from the present template. True where there is no pod: the next one will be. */
  readonly isCurrent: boolean;
  readonly isInSync: boolean;
  /** For how long it has been in this state, as far as the pod tells. */
  readonly stateAgeMs: number;
}

export interface RollGroup {
  readonly brokerName: string;
  /** Undefined while the group has none that serves. */
  readonly master: string | undefined;
  /** The record is in phase `stable`. */
  readonly isStable: boolean;
  /** One for each member that is configured. */
  readonly members: readonly RollMember[];
}

export type RollStep =
  | { readonly kind: 'done' }
  | { readonly kind: 'wait'; readonly member: string; readonly reason: string }
  /** As `wait`, for too long: a person should look. */
  | { readonly kind: 'blocked'; readonly member: string; readonly reason: string }
  | { readonly kind: 'delete-pod'; readonly member: string; readonly reason: string }
  | { readonly kind: 'switch-over'; readonly member: string; readonly reason: string };

/** A member that is away for longer is not waited for without saying so. */
export interface RollLimits {
  readonly comeBackMs: number;
}

export function planRoll(group: RollGroup, limits: RollLimits): RollStep {
  const stuck = group.members.find((member) => isOutdated(member) && member.pod === 'stuck');
  if (stuck !== undefined) {
    // Its process does not run: nothing is taken away, and no new template would ever reach it otherwise.
    return deletePod(stuck, 'it is stuck and has an old template');
  }
  const away = group.members.filter((member) => !isBack(member));
  const updating = away.find((member) => !isOutdated(member));
  if (updating !== undefined) return waitFor(updating, limits);
  const outdated = group.members.filter(isOutdated);
  if (outdated.length === 0) return { kind: 'done' };
  if (!group.isStable || group.master === undefined) {
    const reason = 'the group has no stable master';
    return { kind: 'wait', member: outdated[0]?.name ?? '', reason };
  }
  return replaceNext(group, group.master, outdated, limits);
}

/** The next pod to replace while everybody who is away has an old template too. */
function replaceNext(
  group: RollGroup,
  master: string,
  outdated: readonly RollMember[],
  limits: RollLimits,
): RollStep {
  const slaves = outdated.filter(({ name }) => name !== master);
  const lagging = slaves.find((member) => !isBack(member));
  if (lagging !== undefined) return deletePod(lagging, 'it is not in sync and has an old template');
  const [next] = slaves;
  const weak = outdated.find((member) => member.name === master && !isBack(member));
  if (next !== undefined && weak !== undefined) return waitFor(weak, limits);
  if (next !== undefined) return deletePod(next, 'it is a slave with an old template');
  if (group.members.length === 1) return deletePod(outdated[0], 'it is the only member');
  const successor = group.members.find((member) => member.name !== master && isBack(member));
  if (successor !== undefined) {
    const reason = `the master ${master} has an old template`;
    return { kind: 'switch-over', member: successor.name, reason };
  }
  return { kind: 'wait', member: master, reason: 'no other member could take over' };
}

function waitFor(member: RollMember, { comeBackMs }: RollLimits): RollStep {
  const { name, stateAgeMs } = member;
  const reason = whyAway(member);
  const isLate = stateAgeMs > comeBackMs || (member.pod === 'stuck' && member.isCurrent);
  if (!isLate) return { kind: 'wait', member: name, reason };
  return { kind: 'blocked', member: name, reason };
}

function whyAway({ pod, isInSync }: RollMember): string {
  switch (pod) {
    case 'missing':
      return 'it has no pod';
    case 'terminating':
      return 'its pod is ending';
    case 'stuck':
      return 'its pod cannot start';
    case 'starting':
      return 'its pod is not ready';
    case 'ready':
      return isInSync ? 'it is back' : 'it is not in sync yet';
  }
}

function deletePod(member: RollMember | undefined, reason: string): RollStep {
  return member === undefined
    ? { kind: 'done' }
    : { kind: 'delete-pod', member: member.name, reason };
}

function isOutdated({ isCurrent, pod }: RollMember): boolean {
  return !isCurrent && pod !== 'missing' && pod !== 'terminating';
}

/** Serves its part: nothing is lost by taking another one away. */
function isBack({ pod, isInSync }: RollMember): boolean {
  return pod === 'ready' && isInSync;
}

/** A NameServer: it keeps nothing, and a majority of them has to be there. */
export interface RollServer {
  readonly name: string;
  readonly pod: PodState;
  readonly isCurrent: boolean;
  readonly stateAgeMs: number;
}

/** One NameServer after the other; stuck ones first, for they are away already. */
export function planServerRoll(servers: readonly RollServer[], limits: RollLimits): RollStep {
  const members = servers.map((server) => ({ ...server, isInSync: true }));
  const stuck = members.find((server) => isOutdated(server) && server.pod === 'stuck');
  if (stuck !== undefined) return deletePod(stuck, 'it is stuck and has an old template');
  const outdated = members.filter(isOutdated);
  const away = members.find((server) => !isBack(server) && !isOutdated(server));
  if (away !== undefined) return waitFor(away, limits);
  if (outdated.length === 0) return { kind: 'done' };
  const next = outdated.find((server) => !isBack(server)) ?? outdated[0];
  return deletePod(next, 'it has an old template');
}
