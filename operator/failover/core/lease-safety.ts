/**
 * Whether the last master can still acknowledge something. Nobody else may be elected while it can. What it has promised, or
 * that its run has given the epoch up or is over, says that it cannot; otherwise:
 *
 * With synchronous replication every member of its set must confirm, and its set contains the stored one (see set-change.ts): one
 * member that refuses its epoch is enough. A master that may acknowledge without its slaves does so by a lease, granted by a
 * majority of NameServers and measured from when the heartbeat was *sent*. A majority that grants nothing to lower epochs and
 * has heard none for a full expiry shares a NameServer with every majority that could have granted, so the last granted
 * heartbeat was sent more than an expiry ago, and writeLeaseMs < heartbeatExpiryMs.
 */
import { isLeading, type MemberStatus } from '../../../common/model/broker-group.ts';
import type { EarlierTerms, GroupRecord, MasterRun } from './group-record.ts';
import { isMajority, memberSeen, type GroupObservation } from './observation.ts';

/** What stands in the way, or undefined. `isOutside`: the winner is not of the set. */
export function leaseBlocker(
  record: GroupRecord,
  observation: GroupObservation,
  isOutside: boolean,
): string | undefined {
  const { master } = record;
  if (master === undefined || hasStopped(record, observation, master)) return undefined;
  const isCutOff = record.syncStateSet.some(
    (name) => name !== master.name && hasAccepted(record, observation, name),
  );
  if (!mayAckAlone(record, master, isOutside)) {
    return isCutOff ? undefined : `no slave of ${master.name} has promised to refuse its epoch`;
  }
  if (!isOutside && !isCutOff) {
    return `${master.name} may acknowledge with slaves that cannot be reached`;
  }
  if (!isBoundByLease(record)) {
    return `${master.name} may acknowledge alone: it was not told yet that it needs a lease`;
  }
  return isLeaseOver(record, observation)
    ? undefined
    : `the write lease of ${master.name} may still run: ${leaseText(record, observation)}`;
}

/** This run of the master acknowledges nothing more: it has promised so, or it is over. */
function hasStopped(
  record: GroupRecord,
  observation: GroupObservation,
  master: MasterRun,
): boolean {
  const { status, endedRuns, isFresh } = memberSeen(observation, master.name);
  if (endedRuns.includes(master.runId)) return true;
  if (status === undefined) return false;
  // Of another run only a fresh answer counts: it might be of an earlier one.
  if (status.runId !== master.runId) return isFresh;
  return status.acceptedEpoch >= record.epoch || (isFresh && hasResigned(record, status));
}

/**
 * It has opened its epoch and is not the master of it any more: a run never leads an epoch twice, so it needs to promise nothing.
 * One whose disk is full cannot. An epoch that was not opened proves nothing: the order that begins it may still be on its way.
 */
function hasResigned({ transitions }: GroupRecord, status: MemberStatus): boolean {
  const [opened] = transitions;
  const { memberName, role, acceptedEpoch } = status;
  const isOurs = opened?.newMaster === memberName && opened.newEpoch === acceptedEpoch;
  return isOurs && !isLeading(role);
}

/** It refuses everything lower from now on, in every later run too. */
export function hasAccepted(
  { epoch }: GroupRecord,
  observation: GroupObservation,
  name: string,
): boolean {
  const status = memberSeen(observation, name).status;
  return status !== undefined && status.acceptedEpoch >= epoch;
}

function mayAckAlone(record: GroupRecord, master: MasterRun, isOutside: boolean): boolean {
  const { syncStateSet } = record;
  const isAlone = syncStateSet.every((name) => name === master.name);
  return isOutside || isAlone || allTerms(record).some((terms) => terms.replication === 'async');
}

/** Whether by all terms that it may work by the master needs the lease where its slaves do not confirm. */
function isBoundByLease(record: GroupRecord): boolean {
  return allTerms(record).every(
    ({ replication, uncleanElection }) =>
      uncleanElection || (replication === 'async' && record.syncStateSet.length > 1),
  );
}

function allTerms({ spec, earlierTerms }: GroupRecord): readonly EarlierTerms[] {
  return earlierTerms === undefined ? [spec] : [spec, earlierTerms];
}

function isLeaseOver({ epoch }: GroupRecord, { nameServers }: GroupObservation): boolean {
  const quiet = nameServers.filter(
    ({ revocation }) =>
      revocation !== undefined &&
      revocation.epoch >= epoch &&
      revocation.quietMs >= revocation.expiryMs,
  );
  return isMajority(quiet.length, nameServers.length);
}

/** Without figures that move: the text is stored, and stored again only when it changes. */
function leaseText({ epoch }: GroupRecord, { nameServers }: GroupObservation): string {
  const revoked = nameServers.filter(
    ({ revocation }) => revocation !== undefined && revocation.epoch >= epoch,
  );
  if (isMajority(revoked.length, nameServers.length)) {
    return 'NameServers have heard it within the expiry';
  }
  return `${revoked.length} of ${nameServers.length} NameServers refuse its epoch, a majority must`;
}
