import { isLeading } from '../../common/model/broker-group.ts';
import type {
  FailoverGroupView,
  HeardMember,
  MemberStatusView,
  MemberView,
  TransitionView,
} from '../client/failover-view.ts';

/** Where the watch learns who is master. */
export interface ClusterEyes {
  /** Asks the failover controller. */
  askController(): Promise<readonly FailoverGroupView[]>;
  /** Asks one NameServer after the other; the first answer counts. */
  askNameServers(): Promise<readonly HeardMember[]>;
}

/** What is known of a group. */
export interface GroupState {
  readonly group: string;
  /** Undefined while nobody is known to be. */
  readonly master: string | undefined;
  /** Members that follow the master, by their own word: they pass on what comes to them. */
  readonly followers: readonly string[];
  /** Members that have promised to refuse lower epochs and do not follow yet: they hold what comes. */
  readonly arriving: readonly string[];
  readonly epoch: number;
  /** The master takes messages. */
  readonly isWritable: boolean;
  /** Why it has none; '' when it has one, or nobody knows. */
  readonly blocked: string;
  /** The newest change of master; undefined when nobody tells. */
  readonly transition: TransitionView | undefined;
}

/** One look: the controller if it answers, else the NameServers. Empty when nobody answers. */
export async function lookAtCluster(eyes: ClusterEyes): Promise<readonly GroupState[]> {
  try {
    return (await eyes.askController()).map(stateOf);
  } catch {
    // It is down or starting: that concerns failovers, not the way to the masters.
  }
  try {
    return statesHeard(await eyes.askNameServers());
  } catch {
    return []; // Nobody knows anything; what was known before stays.
  }
}

function stateOf(view: FailoverGroupView): GroupState {
  const { name, phase, master, epoch, blocked, members, transitions } = view;
  const status = members.find((member) => member.name === master)?.status;
  const hasMaster = master !== '' && (phase === 'stable' || phase === 'handing-over');
  return {
    group: name,
    master: hasMaster ? master : undefined,
    followers: namesOf(members, (status) => status.following === master),
    arriving: namesOf(
      members,
      (status) => status.epoch >= epoch && status.following !== master && !isLeading(status.role),
    ),
    epoch,
    isWritable: hasMaster && status?.writable === true,
    blocked,
    transition: transitions[0],
  };
}

function namesOf(
  members: readonly MemberView[],
  isSo: (status: MemberStatusView) => boolean,
): readonly string[] {
  return members.flatMap(({ name, status }) =>
    status !== undefined && isSo(status) ? [name] : [],
  );
}

/** Of several that say they are master the one with the highest epoch is. */
function statesHeard(members: readonly HeardMember[]): GroupState[] {
  const masters = new Map<string, HeardMember>();
  for (const member of members) {
    const before = masters.get(member.group);
    if (!member.isMaster || !member.isLive) continue;
    if (before === undefined || member.epoch > before.epoch) masters.set(member.group, member);
  }
  return [...masters.values()].map(({ group, name, epoch }) => ({
    group,
    master: name,
    followers: members
      .filter((member) => member.group === group && member.isLive && !member.isMaster)
      .map((member) => member.name),
    arriving: [],
    epoch,
    isWritable: true,
    blocked: '',
    transition: undefined,
  }));
}

/** `broker-a: broker-a-1 is master (epoch 3, before broker-a-0), after 812 ms: detected 5, …; the process of … has ended` */
export function changeText(group: string, transition: TransitionView): string {
  const { newMaster, newEpoch, oldMaster, durationMs, phases, reason, unclean } = transition;
  const before = oldMaster === '' ? '' : `, before ${oldMaster}`;
  const steps = phases.map((phase) => `${phase.name} ${phase.durationMs}`).join(', ');
  return [
    `${group}: ${newMaster} is master (epoch ${newEpoch}${before}) after ${durationMs} ms`,
    steps === '' ? '' : `: ${steps}`,
    reason === '' ? '' : `; ${reason}`,
    unclean ? '; UNCLEAN: acknowledged messages may be lost' : '',
  ].join('');
}
