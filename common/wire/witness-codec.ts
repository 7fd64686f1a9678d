/** ListMembers and RevokeEpoch of orbitmq.v1.NameServer as bytes, for both ends. */
import { MqError } from '../errors/mq-error.ts';
import type { EpochRevocation, HeardMember, HeardMembers } from '../model/witness.ts';
import {
  ListMembersRequest,
  ListMembersResponse,
  NameServerMethods,
  RevokeEpochRequest,
  RevokeEpochResponse,
  type IRegisteredMember,
} from '../../proto/generated/orbitmq.ts';

export const LIST_MEMBERS_PATH = NameServerMethods.ListMembers.path;
export const REVOKE_EPOCH_PATH = NameServerMethods.RevokeEpoch.path;

/** No broker names: all groups. */
export function encodeListMembers(brokerNames: readonly string[]): Uint8Array {
  return ListMembersRequest.encode({ brokerNames: [...brokerNames] }).finish();
}

export function decodeListMembers(bytes: Uint8Array): readonly string[] {
  return ListMembersRequest.decode(bytes).brokerNames;
}

export function encodeHeardMembers({ members, ...rest }: HeardMembers): Uint8Array {
  const wire = { ...rest, members: members.map(memberToWire) };
  return ListMembersResponse.encode(wire).finish();
}

export function decodeHeardMembers(bytes: Uint8Array): HeardMembers {
  const wire = ListMembersResponse.decode(bytes);
  return {
    nameServerRunId: text(wire.nameServerRunId, LIST, 'name_server_run_id'),
    upMs: count(wire.upMs, LIST, 'up_ms'),
    heartbeatExpiryMs: count(wire.heartbeatExpiryMs, LIST, 'heartbeat_expiry_ms'),
    members: wire.members.map(memberFromWire),
  };
}

export function encodeRevokeEpoch(brokerName: string, epoch: number): Uint8Array {
  return RevokeEpochRequest.encode({ brokerName, epoch }).finish();
}

export function decodeRevokeEpoch(bytes: Uint8Array): {
  readonly brokerName: string;
  readonly epoch: number;
} {
  const wire = RevokeEpochRequest.decode(bytes);
  return {
    brokerName: text(wire.brokerName, REVOKE, 'broker_name'),
    epoch: count(wire.epoch, REVOKE, 'epoch'),
  };
}

export function encodeRevocation({ isAccepted, silentMs, ...rest }: EpochRevocation): Uint8Array {
  const wire = { ...rest, accepted: isAccepted, silentMs: silentMs ?? NEVER_HEARD };
  return RevokeEpochResponse.encode(wire).finish();
}

export function decodeRevocation(bytes: Uint8Array): EpochRevocation {
  const wire = RevokeEpochResponse.decode(bytes);
  const isHeard = wire.silentMs !== NEVER_HEARD;
  return {
    isAccepted: wire.accepted,
    epoch: count(wire.epoch, REVOKE, 'epoch'),
    nameServerRunId: text(wire.nameServerRunId, REVOKE, 'name_server_run_id'),
    upMs: count(wire.upMs, REVOKE, 'up_ms'),
    silentMs: isHeard ? count(wire.silentMs, REVOKE, 'silent_ms') : undefined,
  };
}

const LIST = 'ListMembers';
const REVOKE = 'RevokeEpoch';
const NEVER_HEARD = -1;

function memberToWire({ isSlave, isConnected, isGone, ...rest }: HeardMember): IRegisteredMember {
  return { ...rest, slave: isSlave, connected: isConnected, gone: isGone };
}

function memberFromWire(wire: IRegisteredMember): HeardMember {
  const host = text(wire.memberAddress?.host, LIST, 'member_address.host');
  const port = count(wire.memberAddress?.port, LIST, 'member_address.port');
  return {
    brokerName: text(wire.brokerName, LIST, 'broker_name'),
    memberName: wire.memberName ?? '',
    runId: text(wire.runId, LIST, 'run_id'),
    epoch: count(wire.epoch, LIST, 'epoch'),
    isSlave: wire.slave ?? false,
    memberAddress: { host, port },
    silentMs: count(wire.silentMs, LIST, 'silent_ms'),
    isConnected: wire.connected ?? false,
    isGone: wire.gone ?? false,
    logEndOffset: count(wire.logEndOffset, LIST, 'log_end_offset'),
    confirmOffset: count(wire.confirmOffset, LIST, 'confirm_offset'),
  };
}

function text(value: string | null | undefined, rpc: string, field: string): string {
  if (value) return value;
  throw new MqError('request-malformed', { rpc, reason: `${field} is missing` });
}

function count(value: number | null | undefined, rpc: string, field: string): number {
  const given = value ?? 0;
  if (Number.isSafeInteger(given) && given >= 0) return given;
  throw new MqError('request-malformed', { rpc, reason: `${field} is ${given}` });
}
