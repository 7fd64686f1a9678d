/** What NameServers prove about a member. Each speaks for itself; only a majority of all that are configured proves something. */
import type { HeardMember } from '../../../common/model/witness.ts';
import type { MasterRun } from './group-record.ts';
import { isMajority, type GroupObservation, type NameServerObservation } from './observation.ts';

const isOf = (entry: HeardMember, brokerName: string, memberName: string): boolean =>
  entry.brokerName === brokerName && entry.memberName === memberName;

/** An entry of another run says nothing of this one. */
function entryOf(
  { heard }: NameServerObservation,
  brokerName: string,
  run: MasterRun,
): HeardMember | undefined {
  return heard?.members.find(
    (entry) => isOf(entry, brokerName, run.name) && entry.runId === run.runId,
  );
}

/**
 * For how long a NameServer has not heard this run, milliseconds; undefined when it cannot know: it did not answer, or has not
 * run for a full expiry, or answered before the record was read, when it need not have heard a run that is new.
 */
function silenceAt(
  nameServer: NameServerObservation,
  brokerName: string,
  run: MasterRun,
): number | undefined {
  const { heard, isFresh } = nameServer;
  if (heard === undefined || heard.upMs <= heard.heartbeatExpiryMs) return undefined;
  const silentMs = entryOf(nameServer, brokerName, run)?.silentMs;
  return silentMs ?? (isFresh ? heard.upMs : undefined);
}

/** A majority has run for longer than the expiry and has not heard this run for longer than that. */
export function isExpired({ nameServers, spec }: GroupObservation, run: MasterRun): boolean {
  const silent = nameServers.filter((nameServer) => {
    const silentMs = silenceAt(nameServer, spec.brokerName, run);
    return silentMs !== undefined && silentMs > (nameServer.heard?.heartbeatExpiryMs ?? Infinity);
  });
  return isMajority(silent.length, nameServers.length);
}

/** A majority was told by this run that it stops. */
export function saidGoodbye({ nameServers, spec }: GroupObservation, run: MasterRun): boolean {
  const told = nameServers.filter(
    (nameServer) => entryOf(nameServer, spec.brokerName, run)?.isGone === true,
  );
  return isMajority(told.length, nameServers.length);
}

/** Time since any NameServer heard this run; undefined when none has an entry of it. */
export function lastHeardMs(
  { nameServers, spec }: GroupObservation,
  run: MasterRun,
): number | undefined {
  const silences = nameServers.flatMap(
    (nameServer) => entryOf(nameServer, spec.brokerName, run)?.silentMs ?? [],
  );
  return silences.length === 0 ? undefined : Math.min(...silences);
}

/** The run of a member that a majority has heard of last: for whoever has not had an answer of the member itself. */
export function lastRunHeard(
  { nameServers, spec }: GroupObservation,
  memberName: string,
): string | undefined {
  const runs = nameServers.flatMap(
    ({ heard }) =>
      heard?.members.find((entry) => isOf(entry, spec.brokerName, memberName))?.runId ?? [],
  );
  return runs.find((run) => {
    const named = runs.filter((other) => other === run);
    return isMajority(named.length, nameServers.length);
  });
}
