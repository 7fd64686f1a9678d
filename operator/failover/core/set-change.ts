/**
 * Changes of the SyncStateSet. The master decides, the controller stores, and only what is stored counts for an election.
 *
 * The rule that makes this safe: what the master waits for always contains the stored set. To grow, it waits for the new
 * member first and then asks; to shrink, it asks first and stops waiting when it is told. A wish to grow may be stored at any
 * time after it was said, so a master that gives it up asks for the set it has, and goes on waiting until it is told a higher
 * version: wishes belong to one version, and that one is over then. Who is known to have ended is taken out without a wish: the
 * stored set may become smaller at any time.
 */
import type { MemberStatus } from '../../../common/model/broker-group.ts';
import type { GroupRecord } from './group-record.ts';
import { isConfigured, isSameSpec } from './group-spec.ts';
import type { GroupObservation } from './observation.ts';
import { memberSeen } from './observation.ts';
import { isMasterOf } from './trigger.ts';
import { lastRunHeard, saidGoodbye } from './witness-rules.ts';

export interface TermsChange {
  readonly record: GroupRecord;
  readonly why: string;
}

/** The status of the master of this epoch, in the very run that was elected. */
export function masterStatus(
  record: GroupRecord,
  observation: GroupObservation,
): MemberStatus | undefined {
  if (record.master === undefined) return undefined;
  const { status } = memberSeen(observation, record.master.name);
  if (status?.runId !== record.master.runId) return undefined;
  return isMasterOf(record, status) ? status : undefined;
}

/** What is to be stored because the master or the configuration asks for it, or because a slave has died. */
export function planTermsChange(
  record: GroupRecord,
  observation: GroupObservation,
): TermsChange | undefined {
  return (
    wishedSet(record, observation) ??
    changedSpec(record, observation) ??
    withoutEnded(record, observation) ??
    confirmedTerms(record, observation)
  );
}

function wishedSet(record: GroupRecord, observation: GroupObservation): TermsChange | undefined {
  const status = masterStatus(record, observation);
  if (status?.wantedSet === undefined || status.setVersion !== record.setVersion) return undefined;
  const known = status.wantedSet.filter((name) => isConfigured(record.spec, name));
  // A wish with somebody unknown in it comes from a master that was not told yet who has left.
  const isComplete = known.length === status.wantedSet.length;
  if (!isComplete || !known.includes(status.memberName)) return undefined;
  const syncStateSet = known.toSorted();
  const why = `the in-sync set is ${syncStateSet.join(', ')}: ${status.memberName} asked for it`;
  return { record: { ...record, syncStateSet, setVersion: record.setVersion + 1 }, why };
}

/** A removed master first hands over: the terms of its epoch name it. */
function changedSpec(record: GroupRecord, observation: GroupObservation): TermsChange | undefined {
  const { spec } = observation;
  const { master, earlierTerms } = record;
  if (isSameSpec(spec, record.spec) || master === undefined) return undefined;
  if (!isConfigured(spec, master.name)) return undefined;
  const syncStateSet = record.syncStateSet.filter((name) => isConfigured(spec, name));
  const { replication, uncleanElection } = record.spec;
  const isOther = replication !== spec.replication || uncleanElection !== spec.uncleanElection;
  // One change at a time: the master confirms before the rules for it are changed again.
  if (isOther && earlierTerms !== undefined) return undefined;
  const earlier = isOther ? { replication, uncleanElection } : earlierTerms;
  return {
    record: {
      ...record,
      ...{ spec, syncStateSet, earlierTerms: earlier, setVersion: record.setVersion + 1 },
    },
    why: 'the configuration of the group has changed',
  };
}

/**
 * Nobody has to miss a slave for a while whose process is known to be over, or which said goodbye: without it confirmation goes
 * on at once. The master stops waiting for it when it is told, as whenever the set shrinks. Where writes need the slave, it
 * stays: it may be back before the master asks for the smaller set.
 */
function withoutEnded(record: GroupRecord, observation: GroupObservation): TermsChange | undefined {
  const { master, spec } = record;
  const ended = record.syncStateSet.filter(
    (name) => name !== master?.name && hasEnded(observation, name),
  );
  if (ended.length === 0) return undefined;
  const syncStateSet = record.syncStateSet.filter((name) => !ended.includes(name));
  const isEnough = spec.replication === 'async' || syncStateSet.length >= spec.minInSyncReplicas;
  if (!isEnough || !syncStateSet.includes(master?.name ?? '')) return undefined;
  const why = `the in-sync set is ${syncStateSet.join(', ')}: ${ended.join(', ')} has ended`;
  return { record: { ...record, syncStateSet, setVersion: record.setVersion + 1 }, why };
}

/**
 * The last run that anybody heard of: one that has come back is not gone. A controller that has begun after the end never had an
 * answer of it, and goes by what NameServers have heard.
 */
function hasEnded(observation: GroupObservation, name: string): boolean {
  const { status, endedRuns, hasFailed } = memberSeen(observation, name);
  const runId = status?.runId ?? lastRunHeard(observation, name);
  if (runId === undefined) return false;
  return endedRuns.includes(runId) || (hasFailed && saidGoodbye(observation, { name, runId }));
}

function confirmedTerms(
  record: GroupRecord,
  observation: GroupObservation,
): TermsChange | undefined {
  if (record.earlierTerms === undefined) return undefined;
  const status = masterStatus(record, observation);
  if (status === undefined || status.setVersion < record.setVersion) return undefined;
  const why = `${status.memberName} works by the new terms`;
  return { record: { ...record, earlierTerms: undefined }, why };
}
