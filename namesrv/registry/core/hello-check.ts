import type { BrokerHello } from '../../../common/model/broker-report.ts';
import type { BrokerGroup } from './broker-group.ts';
import type { GroupMember } from './group-member.ts';

export interface HelloLimits {
  readonly clusterName: string;
  readonly heartbeatExpiryMs: number;
}

/** Heartbeats that must fit into the expiry, so that a late one is no silence. */
const HEARTBEATS_PER_EXPIRY_MIN = 2;

/** Why a node with these settings cannot be a broker of this cluster; undefined when it can. */
export function whyNotHere(hello: BrokerHello, limits: HelloLimits): string | undefined {
  const { clusterName, heartbeatExpiryMs } = limits;
  if (hello.clusterName !== clusterName) {
    return `it belongs to the cluster ${hello.clusterName}, this is ${clusterName}`;
  }
  if (hello.heartbeatIntervalMs * HEARTBEATS_PER_EXPIRY_MIN > heartbeatExpiryMs) {
    return `it beats every ${hello.heartbeatIntervalMs} ms, but is silent after ${heartbeatExpiryMs} ms here`;
  }
  return undefined;
}

/** Why the group does not take that hello; undefined when it does. Its epoch is not too low. */
export function whyNotInGroup(
  hello: BrokerHello,
  group: BrokerGroup,
  silentSinceMs: number,
): string | undefined {
  const known = group.members.get(hello.memberName);
  if (known !== undefined && isNameTaken(hello, known, silentSinceMs)) {
    return `${addressOf(known.hello)} has registered under the same name`;
  }
  const other = group.chosenMaster;
  if (hello.isSlave || other === undefined || other === known || hello.epoch > group.epoch) {
    return undefined;
  }
  // From epoch 1 on the controller gives each epoch to one member; before there is nobody who could.
  if (group.epoch === 0 && !isLive(other, silentSinceMs)) return undefined;
  return `${other.name || addressOf(other.hello)} is the master of epoch ${group.epoch}`;
}

/**
 * Two processes that were given one name would take the place from each other again and again. What lives at another address
 * keeps the name until it leaves or expires, or the other one has a higher epoch.
 */
function isNameTaken(hello: BrokerHello, known: GroupMember, silentSinceMs: number): boolean {
  return (
    isLive(known, silentSinceMs) &&
    known.epoch >= hello.epoch &&
    known.hello.runId !== hello.runId &&
    addressOf(known.hello) !== addressOf(hello)
  );
}

function isLive(member: GroupMember, silentSinceMs: number): boolean {
  return member.isUp && member.stream !== undefined && member.lastHeardMs > silentSinceMs;
}

function addressOf({ memberAddress: { host, port } }: BrokerHello): string {
  return `${host}:${port}`;
}
