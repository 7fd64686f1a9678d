/** What members of a broker group say and are told, as bytes: orbitmq.v1.Member. */
import type {
  FollowerStatus,
  GroupMember,
  GroupTerms,
  MemberRole,
  MemberStatus,
  ReplicationMode,
} from '../model/broker-group.ts';
import type {
  FollowOrder,
  HandOverAnswer,
  HandOverOrder,
  MemberAnswer,
  PromoteAnswer,
  PromoteOrder,
  ResumeOrder,
  RevokeOrder,
  StatusQuestion,
  UpdateTermsOrder,
} from '../model/member-orders.ts';
import {
  FollowRequest,
  FollowResponse,
  GetMemberStatusRequest,
  HandOverRequest,
  HandOverResponse,
  MemberMethods,
  MemberStatus as Status,
  PromoteRequest,
  PromoteResponse,
  ResumeRequest,
  ResumeResponse,
  RevokeRequest,
  RevokeResponse,
  UpdateTermsRequest,
  UpdateTermsResponse,
  type IFollowerStatus,
  type IGroupMember,
  type IGroupTerms,
  type IMemberStatus,
} from '../../proto/generated/orbitmq.ts';
import { WireValues } from './wire-values.ts';

/** Paths of the service, by the name of the rpc. */
export const MEMBER_PATHS = {
  getMemberStatus: MemberMethods.GetMemberStatus.path,
  revoke: MemberMethods.Revoke.path,
  promote: MemberMethods.Promote.path,
  follow: MemberMethods.Follow.path,
  updateTerms: MemberMethods.UpdateTerms.path,
  handOver: MemberMethods.HandOver.path,
  resume: MemberMethods.Resume.path,
} as const;

/** In the order of the enums of member.proto, without their first entry. */
const ROLES: readonly MemberRole[] = [
  ...(['recovering', 'follower', 'promoting'] as const),
  ...(['master', 'handing-over'] as const),
];
const REPLICATION_MODES: readonly ReplicationMode[] = ['async', 'sync'];

const STATUS = new WireValues('GetMemberStatus');
const REVOKE = new WireValues('Revoke');
const PROMOTE = new WireValues('Promote');
const FOLLOW = new WireValues('Follow');
const UPDATE_TERMS = new WireValues('UpdateTerms');
const HAND_OVER = new WireValues('HandOver');
const RESUME = new WireValues('Resume');

export function encodeStatusQuestion(question: StatusQuestion): Uint8Array {
  return GetMemberStatusRequest.encode(question).finish();
}

export function decodeStatusQuestion(bytes: Uint8Array): StatusQuestion {
  const wire = STATUS.decoded(GetMemberStatusRequest, bytes);
  return {
    knownVersion: STATUS.count(wire.knownVersion, 'known_version'),
    waitMs: STATUS.count(wire.waitMs, 'wait_ms'),
  };
}

export function encodeMemberStatus(status: MemberStatus): Uint8Array {
  return Status.encode(statusToWire(status)).finish();
}

export function decodeMemberStatus(bytes: Uint8Array): MemberStatus {
  return statusFromWire(STATUS.decoded(Status, bytes), STATUS);
}

export function encodeRevokeOrder(order: RevokeOrder): Uint8Array {
  return RevokeRequest.encode(order).finish();
}

export function decodeRevokeOrder(bytes: Uint8Array): RevokeOrder {
  const wire = REVOKE.decoded(RevokeRequest, bytes);
  return {
    brokerName: REVOKE.text(wire.brokerName, 'broker_name'),
    epoch: REVOKE.termEpoch(wire.epoch, 'epoch'),
  };
}

export function encodeRevokeAnswer({ isAccepted, status }: MemberAnswer): Uint8Array {
  return RevokeResponse.encode({ accepted: isAccepted, status: statusToWire(status) }).finish();
}

export function decodeRevokeAnswer(bytes: Uint8Array): MemberAnswer {
  return answerFromWire(REVOKE.decoded(RevokeResponse, bytes), REVOKE);
}

export function encodePromoteOrder({ terms, ...order }: PromoteOrder): Uint8Array {
  return PromoteRequest.encode({ ...order, terms: termsToWire(terms) }).finish();
}

export function decodePromoteOrder(bytes: Uint8Array): PromoteOrder {
  const wire = PROMOTE.decoded(PromoteRequest, bytes);
  return {
    brokerName: PROMOTE.text(wire.brokerName, 'broker_name'),
    memberName: PROMOTE.text(wire.memberName, 'member_name'),
    runId: PROMOTE.text(wire.runId, 'run_id'),
    terms: termsFromWire(wire.terms, PROMOTE),
  };
}

export function encodePromoteAnswer({ isAccepted, reason, status }: PromoteAnswer): Uint8Array {
  const wire = { accepted: isAccepted, reason, status: statusToWire(status) };
  return PromoteResponse.encode(wire).finish();
}

export function decodePromoteAnswer(bytes: Uint8Array): PromoteAnswer {
  const wire = PROMOTE.decoded(PromoteResponse, bytes);
  return { ...answerFromWire(wire, PROMOTE), reason: wire.reason };
}

export function encodeFollowOrder(order: FollowOrder): Uint8Array {
  return FollowRequest.encode(order).finish();
}

export function decodeFollowOrder(bytes: Uint8Array): FollowOrder {
  const wire = FOLLOW.decoded(FollowRequest, bytes);
  return {
    brokerName: FOLLOW.text(wire.brokerName, 'broker_name'),
    epoch: FOLLOW.termEpoch(wire.epoch, 'epoch'),
    master: memberFromWire(FOLLOW.present(wire.master, 'master'), FOLLOW),
  };
}

export function encodeFollowAnswer({ isAccepted, status }: MemberAnswer): Uint8Array {
  return FollowResponse.encode({ accepted: isAccepted, status: statusToWire(status) }).finish();
}

export function decodeFollowAnswer(bytes: Uint8Array): MemberAnswer {
  return answerFromWire(FOLLOW.decoded(FollowResponse, bytes), FOLLOW);
}

export function encodeUpdateTermsOrder({ brokerName, terms }: UpdateTermsOrder): Uint8Array {
  return UpdateTermsRequest.encode({ brokerName, terms: termsToWire(terms) }).finish();
}

export function decodeUpdateTermsOrder(bytes: Uint8Array): UpdateTermsOrder {
  const wire = UPDATE_TERMS.decoded(UpdateTermsRequest, bytes);
  return {
    brokerName: UPDATE_TERMS.text(wire.brokerName, 'broker_name'),
    terms: termsFromWire(wire.terms, UPDATE_TERMS),
  };
}

export function encodeUpdateTermsAnswer({ isAccepted, status }: MemberAnswer): Uint8Array {
  const wire = { accepted: isAccepted, status: statusToWire(status) };
  return UpdateTermsResponse.encode(wire).finish();
}

export function decodeUpdateTermsAnswer(bytes: Uint8Array): MemberAnswer {
  return answerFromWire(UPDATE_TERMS.decoded(UpdateTermsResponse, bytes), UPDATE_TERMS);
}

export function encodeHandOverOrder(order: HandOverOrder): Uint8Array {
  return HandOverRequest.encode(order).finish();
}

export function decodeHandOverOrder(bytes: Uint8Array): HandOverOrder {
  const wire = HAND_OVER.decoded(HandOverRequest, bytes);
  return {
    brokerName: HAND_OVER.text(wire.brokerName, 'broker_name'),
    epoch: HAND_OVER.termEpoch(wire.epoch, 'epoch'),
    targetMember: HAND_OVER.text(wire.targetMember, 'target_member'),
    timeoutMs: HAND_OVER.count(wire.timeoutMs, 'timeout_ms'),
  };
}

export function encodeHandOverAnswer({ isReady, reason, status }: HandOverAnswer): Uint8Array {
  const wire = { ready: isReady, reason, status: statusToWire(status) };
  return HandOverResponse.encode(wire).finish();
}

export function decodeHandOverAnswer(bytes: Uint8Array): HandOverAnswer {
  const wire = HAND_OVER.decoded(HandOverResponse, bytes);
  return {
    isReady: wire.ready,
    reason: wire.reason,
    status: statusFromWire(HAND_OVER.present(wire.status, 'status'), HAND_OVER),
  };
}

export function encodeResumeOrder(order: ResumeOrder): Uint8Array {
  return ResumeRequest.encode(order).finish();
}

export function decodeResumeOrder(bytes: Uint8Array): ResumeOrder {
  const wire = RESUME.decoded(ResumeRequest, bytes);
  return {
    brokerName: RESUME.text(wire.brokerName, 'broker_name'),
    epoch: RESUME.termEpoch(wire.epoch, 'epoch'),
  };
}

export function encodeResumeAnswer(isAccepted: boolean): Uint8Array {
  return ResumeResponse.encode({ accepted: isAccepted }).finish();
}

/** Whether the order was accepted. */
export function decodeResumeAnswer(bytes: Uint8Array): boolean {
  return RESUME.decoded(ResumeResponse, bytes).accepted;
}

export function memberToWire({ name, address }: GroupMember): IGroupMember {
  return { name, address };
}

function memberFromWire(wire: IGroupMember, values: WireValues): GroupMember {
  const host = values.text(wire.address?.host, 'address.host');
  const port = values.positive(wire.address?.port, 'address.port');
  if (port > 65_535) throw values.malformed(`address.port is ${port}`);
  return { name: values.text(wire.name, 'name'), address: { host, port } };
}

export function replicationToWire(mode: ReplicationMode): number {
  return REPLICATION_MODES.indexOf(mode) + 1;
}

function replicationFromWire(
  value: number | null | undefined,
  values: WireValues,
): ReplicationMode {
  return values.choice(REPLICATION_MODES, value, 'replication');
}

function termsToWire(terms: GroupTerms): IGroupTerms {
  return {
    ...terms,
    syncStateSet: [...terms.syncStateSet],
    members: terms.members.map(memberToWire),
    replication: replicationToWire(terms.replication),
  };
}

function termsFromWire(given: IGroupTerms | null | undefined, values: WireValues): GroupTerms {
  const wire = values.present(given, 'terms');
  const members = (wire.members ?? []).map((member) => memberFromWire(member, values));
  values.names(
    members.map(({ name }) => name),
    'terms.members',
  );
  const syncStateSet = values.names(wire.syncStateSet, 'terms.sync_state_set');
  if (syncStateSet.length === 0) throw values.malformed('terms.sync_state_set is empty');
  return {
    epoch: values.termEpoch(wire.epoch, 'terms.epoch'),
    setVersion: values.positive(wire.setVersion, 'terms.set_version'),
    syncStateSet,
    members,
    replication: replicationFromWire(wire.replication, values),
    minInSyncReplicas: values.positive(wire.minInSyncReplicas, 'terms.min_in_sync_replicas'),
    uncleanElection: wire.uncleanElection ?? false,
  };
}

export function statusToWire(status: MemberStatus): IMemberStatus {
  const { role, isWritable, isFollowing, isUnfit, wantedSet, followers, ...same } = status;
  return {
    ...same,
    role: ROLES.indexOf(role) + 1,
    writable: isWritable,
    following: isFollowing,
    unfit: isUnfit,
    syncStateSet: [...status.syncStateSet],
    wantedSet: [...(wantedSet ?? [])],
    followers: followers.map(followerToWire),
    leaseLeftMs: wholeMs(status.leaseLeftMs),
  };
}

/** Clocks give fractions, and a master that needs no lease has one without end. Rounded so that it never grows. */
function wholeMs(ms: number): number {
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Math.floor(ms), Number.MAX_SAFE_INTEGER));
}

/** Throws `request-malformed` in the name of the rpc that `values` belong to. */
function statusFromWire(wire: IMemberStatus, values: WireValues): MemberStatus {
  const wantedSet = values.names(wire.wantedSet, 'wanted_set');
  return {
    brokerName: values.text(wire.brokerName, 'broker_name'),
    memberName: values.text(wire.memberName, 'member_name'),
    runId: values.text(wire.runId, 'run_id'),
    statusVersion: values.count(wire.statusVersion, 'status_version'),
    role: values.choice(ROLES, wire.role, 'role'),
    acceptedEpoch: values.epoch(wire.acceptedEpoch, 'accepted_epoch'),
    lastEpoch: values.epoch(wire.lastEpoch, 'last_epoch'),
    ...offsetsFromWire(wire, values),
    isWritable: wire.writable ?? false,
    reason: wire.reason ?? '',
    masterName: wire.masterName ?? '',
    isFollowing: wire.following ?? false,
    syncStateSet: values.names(wire.syncStateSet, 'sync_state_set'),
    setVersion: values.count(wire.setVersion, 'set_version'),
    wantedSet: wantedSet.length === 0 ? undefined : wantedSet,
    followers: (wire.followers ?? []).map((follower) => followerFromWire(follower, values)),
    leaseLeftMs: values.integer(wire.leaseLeftMs, 'lease_left_ms'),
    isUnfit: wire.unfit ?? false,
  };
}

type Offsets = Pick<
  MemberStatus,
  'logStartOffset' | 'logEndOffset' | 'durableOffset' | 'confirmOffset'
>;

function offsetsFromWire(wire: IMemberStatus, values: WireValues): Offsets {
  const logStartOffset = values.count(wire.logStartOffset, 'log_start_offset');
  const logEndOffset = values.count(wire.logEndOffset, 'log_end_offset');
  if (logEndOffset < logStartOffset) {
    throw values.malformed(`the log ends at ${logEndOffset}, before its start ${logStartOffset}`);
  }
  return {
    logStartOffset,
    logEndOffset,
    durableOffset: values.count(wire.durableOffset, 'durable_offset'),
    confirmOffset: values.count(wire.confirmOffset, 'confirm_offset'),
  };
}

function followerToWire({ isConnected, isInSync, ...same }: FollowerStatus): IFollowerStatus {
  return { ...same, lagMs: wholeMs(same.lagMs), connected: isConnected, inSync: isInSync };
}

function followerFromWire(wire: IFollowerStatus, values: WireValues): FollowerStatus {
  return {
    memberName: values.text(wire.memberName, 'followers.member_name'),
    isConnected: wire.connected ?? false,
    ackedOffset: values.count(wire.ackedOffset, 'followers.acked_offset'),
    lagBytes: values.count(wire.lagBytes, 'followers.lag_bytes'),
    lagMs: values.count(wire.lagMs, 'followers.lag_ms'),
    isInSync: wire.inSync ?? false,
  };
}

function answerFromWire(
  wire: { readonly accepted: boolean; readonly status?: IMemberStatus | null | undefined },
  values: WireValues,
): MemberAnswer {
  return {
    isAccepted: wire.accepted,
    status: statusFromWire(values.present(wire.status, 'status'), values),
  };
}
