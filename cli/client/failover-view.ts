import {
  MemberRole,
  ReplicationMode,
  type ExplainResponse,
  type IFollowerStatus,
  type IGroupReport,
  type IMemberReport,
  type ITransition,
  type IRegisteredMember,
} from '../../proto/generated/orbitmq.ts';
import type { Address } from '../../common/options/option-definition.ts';
import { isoTime } from './proto-time.ts';

/** What the failover controller answers, in the words and the form of `-o json`. */
export interface FailoverGroupView {
  readonly name: string;
  readonly phase: string;
  /** Why it does not get on; '' when nothing is in the way. */
  readonly blocked: string;
  readonly epoch: number;
  /** '' while there is none. */
  readonly master: string;
  readonly syncStateSet: readonly string[];
  readonly replication: 'async' | 'sync';
  readonly minInSyncReplicas: number;
  readonly uncleanElection: boolean;
  readonly fencedMembers: readonly string[];
  readonly members: readonly MemberView[];
  /** Newest first. */
  readonly transitions: readonly TransitionView[];
}

export interface MemberView {
  readonly name: string;
  readonly address: Address;
  readonly reachable: boolean;
  /** NameServers that hear it, of those that answered. */
  readonly heardBy: number;
  readonly nameServers: number;
  /** -1: nobody has heard it. */
  readonly silentMs: number;
  readonly inSync: boolean;
  readonly fenced: boolean;
  /** Absent while it cannot be reached. */
  readonly status?: MemberStatusView;
}

export interface MemberStatusView {
  readonly role: string;
  readonly runId: string;
  readonly epoch: number;
  readonly lastEpoch: number;
  readonly logEndOffset: number;
  readonly durableOffset: number;
  readonly confirmOffset: number;
  readonly writable: boolean;
  readonly reason: string;
  readonly following: string;
  readonly unfit: boolean;
  readonly leaseLeftMs: number;
  /** As the master sees it; absent for the master and while it knows nothing of this member. */
  readonly lagBytes?: number;
  readonly lagMs?: number;
}

export interface TransitionView {
  readonly reason: string;
  readonly oldEpoch: number;
  readonly newEpoch: number;
  readonly oldMaster: string;
  readonly newMaster: string;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly phases: readonly { readonly name: string; readonly durationMs: number }[];
  readonly logEndOffset: number;
  readonly unclean: boolean;
  /** -1: not known. */
  readonly lostBytesMax: number;
}

export interface ExplanationView {
  readonly group: string;
  /** '' when nobody would. */
  readonly winner: string;
  readonly lossless: boolean;
  /** -1: not known. */
  readonly atRiskBytes: number;
  readonly blockers: readonly string[];
  readonly reasons: readonly string[];
}

export function failoverGroupView(report: IGroupReport): FailoverGroupView {
  const members = report.members ?? [];
  const followers = members.flatMap(({ status }) => status?.followers ?? []);
  const context = {
    inSync: new Set(report.syncStateSet ?? []),
    fenced: new Set(report.fencedMembers ?? []),
    followers: new Map(followers.map((follower) => [follower.memberName ?? '', follower])),
  };
  return {
    name: report.brokerName ?? '',
    phase: report.phase ?? '',
    blocked: report.blocked ?? '',
    epoch: report.epoch ?? 0,
    master: report.master ?? '',
    ...termsOf(report),
    fencedMembers: [...context.fenced],
    members: members.map((member) => memberView(member, context)),
    transitions: (report.transitions ?? []).map(transitionView),
  };
}

function termsOf(
  report: IGroupReport,
): Pick<
  FailoverGroupView,
  'syncStateSet' | 'replication' | 'minInSyncReplicas' | 'uncleanElection'
> {
  return {
    syncStateSet: report.syncStateSet ?? [],
    replication: report.replication === ReplicationMode.SYNC ? 'sync' : 'async',
    minInSyncReplicas: report.minInSyncReplicas ?? 0,
    uncleanElection: report.uncleanElection ?? false,
  };
}

interface MemberContext {
  readonly inSync: ReadonlySet<string>;
  readonly fenced: ReadonlySet<string>;
  readonly followers: ReadonlyMap<string, IFollowerStatus>;
}

function memberView(report: IMemberReport, context: MemberContext): MemberView {
  const name = report.member?.name ?? '';
  const { host, port } = report.member?.address ?? {};
  return {
    name,
    address: { host: host ?? '', port: port ?? 0 },
    reachable: report.reachable ?? false,
    ...hearingOf(report),
    inSync: context.inSync.has(name),
    fenced: context.fenced.has(name),
    ...(report.reachable === true && {
      status: statusView(report.status ?? {}, context.followers.get(name)),
    }),
  };
}

function hearingOf(
  report: IMemberReport,
): Pick<MemberView, 'heardBy' | 'nameServers' | 'silentMs'> {
  return {
    heardBy: report.heardBy ?? 0,
    nameServers: report.nameServers ?? 0,
    silentMs: report.silentMs ?? -1,
  };
}

type Status = NonNullable<IMemberReport['status']>;

function statusView(status: Status, follower: IFollowerStatus | undefined): MemberStatusView {
  return {
    role: roleText(status.role),
    runId: status.runId ?? '',
    ...positionOf(status),
    writable: status.writable ?? false,
    reason: status.reason ?? '',
    following: status.following === true ? (status.masterName ?? '') : '',
    unfit: status.unfit ?? false,
    leaseLeftMs: status.leaseLeftMs ?? 0,
    ...(follower !== undefined && {
      lagBytes: follower.lagBytes ?? 0,
      lagMs: follower.lagMs ?? 0,
    }),
  };
}

function positionOf(
  status: Status,
): Pick<
  MemberStatusView,
  'epoch' | 'lastEpoch' | 'logEndOffset' | 'durableOffset' | 'confirmOffset'
> {
  return {
    epoch: status.acceptedEpoch ?? 0,
    lastEpoch: status.lastEpoch ?? 0,
    logEndOffset: status.logEndOffset ?? 0,
    durableOffset: status.durableOffset ?? 0,
    confirmOffset: status.confirmOffset ?? 0,
  };
}

/** `HANDING_OVER` as people write it: `handing-over`. */
function roleText(role: MemberRole | null | undefined): string {
  const name = MemberRole[role ?? MemberRole.MEMBER_ROLE_UNSPECIFIED];
  return role ? name.toLowerCase().replaceAll('_', '-') : 'unknown';
}

export function transitionView(transition: ITransition): TransitionView {
  return {
    reason: transition.reason ?? '',
    oldEpoch: transition.oldEpoch ?? 0,
    newEpoch: transition.newEpoch ?? 0,
    oldMaster: transition.oldMaster ?? '',
    newMaster: transition.newMaster ?? '',
    startedAt: isoTime(transition.startedAtMs),
    durationMs: transition.durationMs ?? 0,
    phases: (transition.phases ?? []).map(({ name, durationMs }) => ({
      name: name ?? '',
      durationMs: durationMs ?? 0,
    })),
    logEndOffset: transition.logEndOffset ?? 0,
    unclean: transition.unclean ?? false,
    lostBytesMax: transition.lostBytesMax ?? 0,
  };
}

export function explanationView(group: string, response: ExplainResponse): ExplanationView {
  const { winner, lossless, atRiskBytes, blockers, reasons } = response;
  return { group, winner, lossless, atRiskBytes, blockers, reasons };
}

/** A member as one NameServer has heard it: enough to find the master without the controller. */
export interface HeardMember {
  readonly group: string;
  readonly name: string;
  readonly epoch: number;
  readonly isMaster: boolean;
  readonly isLive: boolean;
}

export function heardMember(member: IRegisteredMember, expiryMs: number): HeardMember {
  const { brokerName, memberName, epoch, slave, silentMs, gone } = member;
  return {
    group: brokerName ?? '',
    name: memberName ?? '',
    epoch: epoch ?? 0,
    isMaster: slave !== true,
    isLive: gone !== true && (silentMs ?? 0) < expiryMs,
  };
}
